// The computation of an Audio Spectrogram Transformer: patches, then pre-norm layers in the paper's order.
#pragma once

#include <vector>

#include "ast_config.h"
#include "ast_weights.h"

namespace espalier::families {

// The only input of the model: input_values [B, frames, mel bins]. Throws InputError: unknown names, dtypes, shapes.
at::Tensor ast_features(const Inputs& inputs, const AstConfig& config, const AstWeights& weights);

// features [B, frames, mel bins] -> [B * tokens, D], after the last norm.
at::Tensor ast_encode(const AstWeights& weights, const AstConfig& config, const at::Tensor& features,
                      const Pass& pass = {});
// features [B, frames, mel bins] -> [B, classes]
at::Tensor ast_classify(const AstWeights& weights, const AstConfig& config, const at::Tensor& features,
                        const Pass& pass = {});

}  // namespace espalier::families
