// Weights of an Audio Spectrogram Transformer where there is no checkpoint.
#pragma once

#include <ATen/core/Generator.h>

#include "ast_config.h"
#include "ast_weights.h"
#include "families/families.h"

namespace espalier::families {

// A head for the labels of config; linear weights are drawn with this deviation.
AstHead ast_fresh_head(const AstConfig& config, double deviation, const at::Tensor& like, at::Generator& generator);
AstWeights ast_fresh_weights(const AstConfig& config, const FreshWeights& fresh, at::Generator& generator);

}  // namespace espalier::families
