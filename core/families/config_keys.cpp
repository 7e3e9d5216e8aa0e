#include "config_keys.h"

#include <espalier/error.h>
#include <words/atomic_file.h>

#include <algorithm>
#include <cmath>

#include "nn/text.h"

namespace espalier::families {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::int64_t most_labels = 1'000'000;

std::vector<std::int64_t> checked_numbers(const ConfigKeys& keys, const Json& list, const char* key,
                                          const std::string& what, std::int64_t smallest, std::int64_t largest) {
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

SiteWidths widths_of(const ConfigKeys& keys, const std::string& name, const Json& site, const SiteFrame& frame) {
  for (const char* part : {"heads", "qk", "vo", "scale"}) {
    if (!site.is_object() || !site.contains(part))
      keys.complain("espalier", "heads, qk, vo and scale for " + in_quotes(name));
  }
  SiteWidths widths;
  const auto what = [&](const char* part) { return std::string(part) + " of " + in_quotes(name); };
  widths.heads = checked_numbers(keys, site["heads"], "espalier", what("heads"), 0, frame.heads - 1);
  widths.qk = checked_numbers(keys, site["qk"], "espalier", what("qk"), 0, frame.head_dim);
  widths.vo = checked_numbers(keys, site["vo"], "espalier", what("vo"), 1, frame.head_dim);
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
  return widths;
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

std::int64_t ConfigKeys::whole(const char* key, std::int64_t absent, std::int64_t smallest,
                               std::int64_t largest) const {
  if (!json_.contains(key)) return absent;
  const auto& value = json_[key];
  const bool fits =
      value.is_number_unsigned()
          ? value.get<std::uint64_t>() <= static_cast<std::uint64_t>(largest) &&
                value.get<std::uint64_t>() >= static_cast<std::uint64_t>(std::max<std::int64_t>(smallest, 0))
          : value.is_number_integer() && value.get<std::int64_t>() >= smallest && value.get<std::int64_t>() <= largest;
  if (!fits) complain(key, "a whole number from " + std::to_string(smallest) + " to " + std::to_string(largest));
  return value.get<std::int64_t>();
}

double ConfigKeys::real(const char* key, double absent, double smallest, double largest) const {
  if (!json_.contains(key)) return absent;
  const auto& value = json_[key];
  const bool fits = value.is_number() && value.get<double>() >= smallest && value.get<double>() <= largest;
  if (!fits) complain(key, "a number from " + Json(smallest).dump() + " to " + Json(largest).dump());
  return value.get<double>();
}

std::string ConfigKeys::text(const char* key, const char* absent) const {
  if (!json_.contains(key)) return absent;
  if (!json_[key].is_string()) complain(key, "a text");
  return json_[key].get<std::string>();
}

bool ConfigKeys::boolean(const char* key, bool absent) const {
  if (!has(key)) return absent;
  if (!json_[key].is_boolean()) complain(key, "true or false");
  return json_[key].get<bool>();
}

Activation ConfigKeys::activation(const char* key, const char* absent) const {
  const auto name = text(key, absent);
  const auto known = activation_from(name);
  if (!known) {
    throw InputError(path_ + ": " + key + " " + in_quotes(name) +
                     " is not supported\n    supported: " + known_activations);
  }
  return *known;
}

std::vector<std::int64_t> ConfigKeys::whole_numbers(const char* key, std::int64_t smallest,
                                                    std::int64_t largest) const {
  if (!has(key)) return {};
  return checked_numbers(*this, json_[key], key, "a list", smallest, largest);
}

void ConfigKeys::complain(const std::string& key, const std::string& expected) const {
  const Json* value = json_.contains(key) ? &json_[key] : nullptr;
  throw InputError(path_ + ": " + key +
                   (value == nullptr
                        ? " is missing"
                        : " is " + shortened(value->dump(-1, ' ', false, Json::error_handler_t::replace))) +
                   ", expected " + expected);
}

std::vector<std::string> labels_of(const ConfigKeys& keys) {
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

void write_labels(Json& json, const std::vector<std::string>& labels) {
  Json names = Json::object(), numbers = Json::object();
  for (std::size_t i = 0; i < labels.size(); ++i) {
    names[std::to_string(i)] = labels[i];
    numbers[labels[i]] = i;
  }
  json["id2label"] = names;
  json["label2id"] = numbers;
  json.erase("num_labels");
}

std::map<std::string, SiteWidths> read_site_widths(const ConfigKeys& keys, const std::vector<SiteFrame>& frames) {
  std::map<std::string, SiteWidths> all;
  if (!keys.has("espalier")) return all;
  const auto& own = keys.at("espalier");
  if (!own.is_object() || !own.contains("format") || own["format"] != 1 || !own.contains("sites") ||
      !own["sites"].is_object()) {
    keys.complain("espalier", "an object with format 1 and sites");
  }
  std::map<std::string, const SiteFrame*> by_name;
  for (const auto& frame : frames) by_name[frame.name] = &frame;
  for (const auto& [name, site] : own["sites"].items()) {
    auto found = by_name.find(name);
    // With the checkpoint's prefix: its first word goes.
    if (const auto dot = name.find('.'); found == by_name.end() && dot != std::string::npos)
      found = by_name.find(name.substr(dot + 1));
    if (found == by_name.end()) keys.complain("espalier", "site names of this model; there is " + in_quotes(name));
    all[found->first] = widths_of(keys, name, site, *found->second);
  }
  return all;
}

void read_site_widths(const ConfigKeys& keys, const std::vector<SitePlace>& places, CheckpointConfig& config) {
  std::vector<SiteFrame> frames;
  for (const auto& place : places) frames.push_back(place.frame);
  for (auto& [name, widths] : read_site_widths(keys, frames)) config.widths[name] = std::move(widths);
}

const SiteWidths* CheckpointConfig::widths_of(const SiteFrame& frame) const {
  const auto found = widths.find(frame.name);
  return found == widths.end() ? nullptr : &found->second;
}

void read_encoder(const ConfigKeys& keys, EncoderConfig& config) {
  config.hidden_size = keys.whole("hidden_size", config.hidden_size, 1, 1'000'000);
  config.heads = keys.whole("num_attention_heads", config.heads, 1, 100'000);
  config.layers = keys.whole("num_hidden_layers", config.layers, 1, 10'000);
  config.intermediate_size = keys.whole("intermediate_size", config.intermediate_size, 1, 10'000'000);
  config.layer_norm_epsilon = keys.real("layer_norm_eps", config.layer_norm_epsilon, 0, 1);
  config.hidden_dropout = keys.real("hidden_dropout_prob", config.hidden_dropout, 0, 1);
  config.attention_dropout = keys.real("attention_probs_dropout_prob", config.attention_dropout, 0, 1);
  config.initializer_range = keys.real("initializer_range", config.initializer_range, 0, 1e6);
  if (config.hidden_size % config.heads != 0) {
    throw InputError(keys.path() + ": hidden_size " + std::to_string(config.hidden_size) +
                     " is not a multiple of num_attention_heads " + std::to_string(config.heads));
  }
  config.activation = keys.activation("hidden_act", "gelu");
  config.labels = labels_of(keys);
}

}  // namespace espalier::families
