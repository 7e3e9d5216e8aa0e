// config.json of a BERT checkpoint: checked numbers, with the defaults of transformers 4.57.
#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <vector>

#include "config_keys.h"

namespace espalier::families {

struct BertConfig : EncoderConfig {
  BertConfig() { hidden_dropout = attention_dropout = 0.1; }

  std::int64_t positions = 512, token_types = 2, vocabulary = 30522;
  double classifier_dropout = 0.1;

  std::vector<SitePlace> site_places() const;
};

// Throws InputError that names path and key.
BertConfig bert_config(const std::filesystem::path& path, nlohmann::ordered_json config);

}  // namespace espalier::families
