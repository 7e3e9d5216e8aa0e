#include "bert_config.h"

#include <espalier/error.h>
#include <words/atomic_file.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "text.h"

namespace espalier::nn {
namespace {

using Json = nlohmann::ordered_json;

// Reads keys of one object; every complaint names the file and the key.
class Keys {
 public:
  Keys(std::string path, const Json& json) : path_(std::move(path)), json_(json) {}

  std::int64_t whole(const char* key, std::int64_t absent, std::int64_t smallest, std::int64_t largest) const {
    if (!json_.contains(key)) return absent;
    const auto& value = json_[key];
    const bool fits =
        value.is_number_unsigned()
            ? value.get<std::uint64_t>() <= static_cast<std::uint64_t>(largest) &&
                  value.get<std::uint64_t>() >= static_cast<std::uint64_t>(std::max<std::int64_t>(smallest, 0))
            : value.is_number_integer() && value.get<std::int64_t>() >= smallest &&
                  value.get<std::int64_t>() <= largest;
    if (!fits) complain(key, "a whole number from " + std::to_string(smallest) + " to " + std::to_string(largest));
    return value.get<std::int64_t>();
  }
  double real(const char* key, double absent, double smallest, double largest) const {
    if (!json_.contains(key)) return absent;
    const auto& value = json_[key];
    const bool fits = value.is_number() && value.get<double>() >= smallest && value.get<double>() <= largest;
    if (!fits) complain(key, "a number from " + Json(smallest).dump() + " to " + Json(largest).dump());
    return value.get<double>();
  }
  std::string text(const char* key, const char* absent) const {
    if (!json_.contains(key)) return absent;
    if (!json_[key].is_string()) complain(key, "a text");
    return json_[key].get<std::string>();
  }
  void refuse_true(const char* key) const {
    if (!json_.contains(key) || json_[key].is_null()) return;
    if (!json_[key].is_boolean()) complain(key, "true or false");
    if (json_[key].get<bool>()) complain(key, "false: only encoders are supported");
  }
  [[noreturn]] void complain(const std::string& key, const std::string& expected) const {
    const Json* value = json_.contains(key) ? &json_[key] : nullptr;
    throw InputError(path_ + ": " + key +
                     (value == nullptr
                          ? " is missing"
                          : " is " + shortened(value->dump(-1, ' ', false, Json::error_handler_t::replace))) +
                     ", expected " + expected);
  }
  bool has(const char* key) const { return json_.contains(key) && !json_[key].is_null(); }
  const Json& at(const char* key) const { return json_[key]; }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
  const Json& json_;
};

constexpr std::int64_t most_labels = 1'000'000;

std::vector<std::string> labels_of(const Keys& keys) {
  std::vector<std::string> labels;
  if (!keys.has("id2label")) {
    const auto count = keys.whole("num_labels", 2, 1, most_labels);
    for (std::int64_t i = 0; i < count; ++i) labels.push_back("LABEL_" + std::to_string(i));
    return labels;
  }
  const auto& names = keys.at("id2label");
  const std::string expected = "an object of class names under \"0\", \"1\", ...";
  if (!names.is_object() || names.empty()) keys.complain("id2label", expected);
  std::map<std::string, std::string> by_id;
  for (const auto& [id, name] : names.items()) {
    if (!name.is_string()) keys.complain("id2label", expected);
    by_id[id] = name.get<std::string>();
  }
  for (std::size_t i = 0; i < names.size(); ++i) {
    const auto found = by_id.find(std::to_string(i));
    if (found == by_id.end()) keys.complain("id2label", expected);
    labels.push_back(found->second);
  }
  return labels;
}

std::vector<std::int64_t> whole_numbers(const Keys& keys, const Json& list, const char* key, const std::string& what,
                                        std::int64_t smallest, std::int64_t largest) {
  std::vector<std::int64_t> numbers;
  const std::string expected =
      what + ": whole numbers from " + std::to_string(smallest) + " to " + std::to_string(largest);
  if (!list.is_array()) keys.complain(key, expected);
  for (const auto& value : list) {
    if (!value.is_number_integer() || value.get<std::int64_t>() < smallest || value.get<std::int64_t>() > largest)
      keys.complain(key, expected);
    numbers.push_back(value.get<std::int64_t>());
  }
  return numbers;
}

std::optional<std::int64_t> layer_number(const std::string& text, std::int64_t layers) {
  if (text.empty() || text.size() > 6 || text.find_first_not_of("0123456789") != std::string::npos) return std::nullopt;
  const auto number = std::stoll(text);
  return number < layers ? std::optional<std::int64_t>(number) : std::nullopt;
}

// "espalier": {"format": 1, "sites": {"bert.encoder.layer.3.attention.self": {"heads": [...], "qk": [...], ...}}}
void read_widths(const Keys& keys, BertConfig& config) {
  const auto& own = keys.at("espalier");
  const std::string expected = "an object with format 1 and sites";
  if (!own.is_object() || !own.contains("format") || own["format"] != 1 || !own.contains("sites") ||
      !own["sites"].is_object()) {
    keys.complain("espalier", expected);
  }
  for (const auto& [name, site] : own["sites"].items()) {
    const auto begin = name.find("encoder.layer."), end = name.find(".attention.self");
    const auto layer = begin == std::string::npos || end == std::string::npos || end < begin + 14
                           ? std::nullopt
                           : layer_number(name.substr(begin + 14, end - begin - 14), config.layers);
    if (!layer) keys.complain("espalier", "site names of this model; there is " + in_quotes(name));
    for (const char* part : {"heads", "qk", "vo", "scale"}) {
      if (!site.is_object() || !site.contains(part))
        keys.complain("espalier", "heads, qk, vo and scale for " + in_quotes(name));
    }
    SiteWidths widths;
    const auto what = [&](const char* part) { return std::string(part) + " of " + in_quotes(name); };
    widths.heads = whole_numbers(keys, site["heads"], "espalier", what("heads"), 0, config.heads - 1);
    widths.qk = whole_numbers(keys, site["qk"], "espalier", what("qk"), 0, config.head_dim());
    widths.vo = whole_numbers(keys, site["vo"], "espalier", what("vo"), 1, config.head_dim());
    if (!site["scale"].is_array()) keys.complain("espalier", "a list of scales for " + in_quotes(name));
    for (const auto& scale : site["scale"]) {
      if (!scale.is_number() || !std::isfinite(scale.get<double>()))
        keys.complain("espalier", "finite scales for " + in_quotes(name));
      widths.scale.push_back(scale.get<double>());
    }
    const auto count = widths.heads.size();
    const bool ascending =
        std::adjacent_find(widths.heads.begin(), widths.heads.end(), std::greater_equal<>()) == widths.heads.end();
    if (!ascending || widths.qk.size() != count || widths.vo.size() != count || widths.scale.size() != count) {
      keys.complain("espalier", "heads in ascending order with one qk, vo and scale each for " + in_quotes(name));
    }
    config.widths[*layer] = std::move(widths);
  }
}

// What transformers' prune_heads leaves: {"layer": [heads]}.
void read_pruned_heads(const Keys& keys, BertConfig& config) {
  const auto& pruned = keys.at("pruned_heads");
  if (!pruned.is_object()) keys.complain("pruned_heads", "an object of head numbers by layer");
  for (const auto& [name, heads] : pruned.items()) {
    const auto layer = layer_number(name, config.layers);
    if (!layer) keys.complain("pruned_heads", "layers from 0 to " + std::to_string(config.layers - 1));
    const auto gone = whole_numbers(keys, heads, "pruned_heads", "heads", 0, config.heads - 1);
    const std::set<std::int64_t> removed(gone.begin(), gone.end());
    SiteWidths widths;
    for (std::int64_t head = 0; head < config.heads; ++head) {
      if (removed.contains(head)) continue;
      widths.heads.push_back(head);
      widths.qk.push_back(config.head_dim());
      widths.vo.push_back(config.head_dim());
      widths.scale.push_back(1 / std::sqrt(static_cast<double>(config.head_dim())));
    }
    config.widths[*layer] = std::move(widths);
  }
}

}  // namespace

Json read_config(const std::filesystem::path& path) {
  const std::string name = path.string();
  std::error_code error;
  if (!std::filesystem::is_directory(path.parent_path().empty() ? "." : path.parent_path(), error)) {
    throw InputError(path.parent_path().string() +
                     ": not found, expected a folder with config.json and model.safetensors");
  }
  if (!std::filesystem::exists(path, error)) throw InputError(name + ": not found, expected a Hugging Face checkpoint");
  constexpr std::uintmax_t largest = 64 << 20;
  if (std::filesystem::is_regular_file(path, error) && std::filesystem::file_size(path, error) > largest) {
    throw InputError(name + ": has more than 64 MiB: is it a config.json?");
  }
  Json config;
  try {
    config = Json::parse(read_file(path));
  } catch (const Json::exception& fault) {
    throw InputError(name + ": is not valid JSON" + json_position(fault));
  }
  if (!config.is_object()) throw InputError(name + ": is not a JSON object");
  return config;
}

std::string model_type(const Json& config) {
  return config.contains("model_type") && config["model_type"].is_string() ? config["model_type"].get<std::string>()
                                                                           : "";
}

BertConfig bert_config(const std::filesystem::path& path, Json json) {
  const Keys keys(path.string(), json);
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
  const auto activation = keys.text("hidden_act", "gelu");
  const auto known = activation_from(activation);
  if (!known)
    throw InputError(keys.path() + ": hidden_act " + in_quotes(activation) +
                     " is not supported\n    supported: " + known_activations);
  config.activation = *known;
  const auto positions =
      keys.has("position_embedding_type") ? keys.text("position_embedding_type", "absolute") : "absolute";
  if (positions != "absolute")
    throw InputError(keys.path() + ": position_embedding_type " + in_quotes(positions) +
                     " is not supported, expected 'absolute'");
  keys.refuse_true("is_decoder");
  keys.refuse_true("add_cross_attention");
  config.labels = labels_of(keys);
  if (keys.has("pruned_heads")) read_pruned_heads(keys, config);
  if (keys.has("espalier")) read_widths(keys, config);
  config.source = std::move(json);
  return config;
}

}  // namespace espalier::nn
