// The tensors of an AST checkpoint under their Hugging Face names.
#pragma once

#include <filesystem>

#include "ast_config.h"
#include "ast_weights.h"
#include "checkpoint_reading.h"

namespace espalier::families {

// Before the encoder's names of a checkpoint with a head.
inline constexpr const char* ast_prefix = "audio_spectrogram_transformer.";

// Throws InputError that lists every tensor that is missing or has another shape than config says.
Checkpoint<AstWeights> ast_checkpoint(const std::filesystem::path& path, const AstConfig& config);

}  // namespace espalier::families
