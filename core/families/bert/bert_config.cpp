#include "bert_config.h"

#include <espalier/error.h>

#include <cmath>
#include <optional>
#include <set>

#include "nn/text.h"

namespace espalier::families {
namespace {

using Json = nlohmann::ordered_json;

void refuse_true(const ConfigKeys& keys, const char* key) {
  if (keys.boolean(key, false)) keys.complain(key, "false: only encoders are supported");
}

std::optional<std::int64_t> layer_number(const std::string& text, std::int64_t layers) {
  if (text.empty() || text.size() > 6 || text.find_first_not_of("0123456789") != std::string::npos) return std::nullopt;
  const auto number = std::stoll(text);
  return number < layers ? std::optional<std::int64_t>(number) : std::nullopt;
}

// What transformers' prune_heads leaves: {"layer": [heads]}.
void read_pruned_heads(const ConfigKeys& keys, BertConfig& config) {
  const auto& pruned = keys.at("pruned_heads");
  if (!pruned.is_object()) keys.complain("pruned_heads", "an object of head numbers by layer");
  for (const auto& [name, heads] : pruned.items()) {
    const auto layer = layer_number(name, config.layers);
    if (!layer) keys.complain("pruned_heads", "layers from 0 to " + std::to_string(config.layers - 1));
    std::set<std::int64_t> removed;
    for (const auto& head : heads.is_array() ? heads : Json::array({nullptr})) {
      if (!head.is_number_integer() || head.get<std::int64_t>() < 0 || head.get<std::int64_t>() >= config.heads)
        keys.complain("pruned_heads", "heads: whole numbers from 0 to " + std::to_string(config.heads - 1));
      removed.insert(head.get<std::int64_t>());
    }
    SiteWidths widths;
    for (std::int64_t head = 0; head < config.heads; ++head) {
      if (removed.contains(head)) continue;
      widths.heads.push_back(head);
      widths.qk.push_back(config.head_dim());
      widths.vo.push_back(config.head_dim());
      widths.scale.push_back(1 / std::sqrt(static_cast<double>(config.head_dim())));
    }
    config.widths[bert_site(*layer)] = std::move(widths);
  }
}

}  // namespace

std::string bert_site(std::int64_t layer) { return "encoder.layer." + std::to_string(layer) + ".attention.self"; }

BertConfig bert_config(const std::filesystem::path& path, Json json) {
  const ConfigKeys keys(path.string(), json);
  BertConfig config;
  config.hidden_size = keys.whole("hidden_size", 768, 1, 1'000'000);
  config.heads = keys.whole("num_attention_heads", 12, 1, 100'000);
  config.layers = keys.whole("num_hidden_layers", 12, 1, 10'000);
  config.intermediate_size = keys.whole("intermediate_size", 3072, 1, 10'000'000);
  config.positions = keys.whole("max_position_embeddings", 512, 1, 100'000'000);
  config.token_types = keys.whole("type_vocab_size", 2, 1, 1'000'000);
  config.vocabulary = keys.whole("vocab_size", 30522, 1, 1'000'000'000);
  config.layer_norm_epsilon = keys.real("layer_norm_eps", 1e-12, 0, 1);
  config.hidden_dropout = keys.real("hidden_dropout_prob", 0.1, 0, 1);
  config.attention_dropout = keys.real("attention_probs_dropout_prob", 0.1, 0, 1);
  config.classifier_dropout =
      keys.has("classifier_dropout") ? keys.real("classifier_dropout", 0.1, 0, 1) : config.hidden_dropout;
  config.initializer_range = keys.real("initializer_range", 0.02, 0, 1e6);
  if (config.hidden_size % config.heads != 0) {
    throw InputError(keys.path() + ": hidden_size " + std::to_string(config.hidden_size) +
                     " is not a multiple of num_attention_heads " + std::to_string(config.heads));
  }
  config.activation = keys.activation("hidden_act", "gelu");
  const auto positions =
      keys.has("position_embedding_type") ? keys.text("position_embedding_type", "absolute") : "absolute";
  if (positions != "absolute")
    throw InputError(keys.path() + ": position_embedding_type " + in_quotes(positions) +
                     " is not supported, expected 'absolute'");
  refuse_true(keys, "is_decoder");
  refuse_true(keys, "add_cross_attention");
  config.labels = labels_of(keys);
  if (keys.has("pruned_heads")) read_pruned_heads(keys, config);
  std::vector<SiteFrame> frames;
  for (std::int64_t i = 0; i < config.layers; ++i) frames.push_back({bert_site(i), config.heads, config.head_dim()});
  for (auto& [name, widths] : read_site_widths(keys, frames)) config.widths[name] = std::move(widths);
  config.source = std::move(json);
  return config;
}

}  // namespace espalier::families
