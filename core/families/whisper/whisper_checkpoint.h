// The tensors of a Whisper checkpoint under their Hugging Face names, to weights and back.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "whisper_config.h"
#include "whisper_weights.h"

namespace espalier::families {

struct WhisperCheckpoint {
  WhisperWeights weights;
  std::vector<std::string> skipped;  // tensors of the file that the model does not use
  std::int64_t elements = 0;         // numbers in those that it uses
};

// Throws InputError that lists every tensor that is missing or has another shape than config says, and which key says
// so.
WhisperCheckpoint whisper_checkpoint(const std::filesystem::path& path, const WhisperConfig& config);

// Token embeddings that are the output as well are written once.
void write_whisper(const std::filesystem::path& folder, const WhisperConfig& config, const WhisperWeights& weights);

}  // namespace espalier::families
