// The tensors of an AST checkpoint under their Hugging Face names, to weights and back.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "ast_config.h"
#include "ast_weights.h"

namespace espalier::families {

struct AstCheckpoint {
  AstWeights weights;
  std::string prefix;                // "audio_spectrogram_transformer." or ""
  std::vector<std::string> skipped;  // tensors of the file that the model does not use
  std::int64_t elements = 0;         // numbers in those that it uses
};

// Throws InputError that lists every tensor that is missing or has another shape than config says.
AstCheckpoint ast_checkpoint(const std::filesystem::path& path, const AstConfig& config);

void write_ast(const std::filesystem::path& folder, const AstConfig& config, const AstWeights& weights,
               const std::string& prefix);

}  // namespace espalier::families
