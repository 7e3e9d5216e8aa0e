// The tensors of a BERT checkpoint under their Hugging Face names.
#pragma once

#include <filesystem>

#include "bert_config.h"
#include "bert_weights.h"
#include "checkpoint_reading.h"

namespace espalier::families {

// Throws InputError that lists every tensor that is missing or has another shape than config says, and which key says
// so.
Checkpoint<BertWeights> bert_checkpoint(const std::filesystem::path& path, const BertConfig& config);

}  // namespace espalier::families
