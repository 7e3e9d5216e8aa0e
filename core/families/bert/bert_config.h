// config.json of a BERT checkpoint: checked numbers, with the defaults of transformers 4.57.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "config_keys.h"
#include "nn/layers.h"

namespace espalier::families {

struct BertConfig {
  std::int64_t hidden_size = 768, heads = 12, layers = 12, intermediate_size = 3072;
  std::int64_t positions = 512, token_types = 2, vocabulary = 30522;
  double layer_norm_epsilon = 1e-12, hidden_dropout = 0.1, attention_dropout = 0.1, classifier_dropout = 0.1;
  double initializer_range = 0.02;
  Activation activation = Activation::Gelu;
  std::vector<std::string> labels;           // as a checkpoint with a head has them
  std::map<std::string, SiteWidths> widths;  // by site without prefix; absent: dense
  nlohmann::ordered_json source;             // the file as it is

  std::int64_t head_dim() const { return hidden_size / heads; }
};

// The name of a layer's site, without prefix.
std::string bert_site(std::int64_t layer);

// Throws InputError that names path and key.
BertConfig bert_config(const std::filesystem::path& path, nlohmann::ordered_json config);

}  // namespace espalier::families
