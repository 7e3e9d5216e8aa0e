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
    config.widths[config.site_places().at(static_cast<std::size_t>(*layer)).frame.name] = std::move(widths);
  }
}

}  // namespace

std::vector<SitePlace> BertConfig::site_places() const {
  std::vector<SitePlace> places;
  for (std::int64_t i = 0; i < layers; ++i) {
    const auto attention = "encoder.layer." + std::to_string(i) + ".attention.", self = attention + "self";
    places.push_back({.frame = {self, heads, head_dim()},
                      .linears = {self + ".query", self + ".key", self + ".value", attention + "output.dense"}});
  }
  return places;
}

BertConfig bert_config(const std::filesystem::path& path, Json json) {
  const ConfigKeys keys(path.string(), json);
  BertConfig config;
  read_encoder(keys, config);
  config.positions = keys.whole("max_position_embeddings", 512, 1, 100'000'000);
  config.token_types = keys.whole("type_vocab_size", 2, 1, 1'000'000);
  config.vocabulary = keys.whole("vocab_size", 30522, 1, 1'000'000'000);
  config.classifier_dropout =
      keys.has("classifier_dropout") ? keys.real("classifier_dropout", 0.1, 0, 1) : config.hidden_dropout;
  const auto positions =
      keys.has("position_embedding_type") ? keys.text("position_embedding_type", "absolute") : "absolute";
  if (positions != "absolute")
    throw InputError(keys.path() + ": position_embedding_type " + in_quotes(positions) +
                     " is not supported, expected 'absolute'");
  refuse_true(keys, "is_decoder");
  refuse_true(keys, "add_cross_attention");
  if (keys.has("pruned_heads")) read_pruned_heads(keys, config);
  read_site_widths(keys, config.site_places(), config);
  config.source = std::move(json);
  return config;
}

}  // namespace espalier::families
