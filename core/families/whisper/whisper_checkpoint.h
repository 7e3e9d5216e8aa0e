// The tensors of a Whisper checkpoint under their Hugging Face names.
#pragma once

#include <filesystem>

#include "checkpoint_reading.h"
#include "whisper_config.h"
#include "whisper_weights.h"

namespace espalier::families {

// Throws InputError that lists every tensor that is missing or has another shape than config says, and which key says
// so.
Checkpoint<WhisperWeights> whisper_checkpoint(const std::filesystem::path& path, const WhisperConfig& config);

}  // namespace espalier::families
