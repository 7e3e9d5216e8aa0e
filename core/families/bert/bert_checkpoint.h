// The tensors of a BERT checkpoint under their Hugging Face names, to weights and back.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "bert_config.h"
#include "bert_weights.h"
#include "checkpoint_reading.h"

namespace espalier::families {

struct BertCheckpoint {
  BertWeights weights;
  std::string prefix;                // "bert." or ""
  std::vector<std::string> skipped;  // tensors of the file that the model does not use
  std::int64_t elements = 0;         // numbers in those that it uses
};

// Throws InputError that lists every tensor that is missing or has another shape than config says, and which key says
// so.
BertCheckpoint bert_checkpoint(const std::filesystem::path& path, const BertConfig& config);

}  // namespace espalier::families
