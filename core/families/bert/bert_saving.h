// A BERT model back into a Hugging Face directory.
#pragma once

#include <filesystem>
#include <string>

#include "bert_config.h"
#include "bert_weights.h"

namespace espalier::families {

void write_bert(const std::filesystem::path& folder, const BertConfig& config, const BertWeights& weights,
                const std::string& prefix);

}  // namespace espalier::families
