#include "words/plugin_description.h"

#include <espalier/error.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <nlohmann/json.hpp>

#include "words/names.h"

namespace espalier {
namespace {

std::string as_text(const SettingValue& value) {
  if (const auto* text = std::get_if<std::string>(&value)) return *text;
  return to_json(value).dump();
}

// "an integer of at least 1 (examples a batch)"
std::string expected(const SettingDescription& setting) {
  std::string text = type_name(setting.default_value);
  if (setting.range) text.append(" ").append(setting.range->in_words());
  return text.append(" (").append(setting.doc).append(")");
}

double as_number(const SettingValue& value) {
  const auto* integer = std::get_if<std::int64_t>(&value);
  return integer != nullptr ? static_cast<double>(*integer) : std::get<double>(value);
}

bool is_number(const SettingValue& value) {
  return std::holds_alternative<std::int64_t>(value) || std::holds_alternative<double>(value);
}

// A number's whole text, which begins with a digit: "0...1" is no range to a tenth; nullopt where it is none.
std::optional<double> number_from(std::string_view text) {
  const auto first = text.find_first_not_of('-');
  if (first == std::string_view::npos || text[first] < '0' || text[first] > '9') return std::nullopt;
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || !std::isfinite(number)) return std::nullopt;
  return number;
}

SettingValue value_from_json(const nlohmann::json& json) {
  if (json.is_boolean()) return json.get<bool>();
  if (json.is_number_integer()) return json.get<std::int64_t>();
  if (json.is_number()) return json.get<double>();
  return json.get<std::string>();
}

}  // namespace

std::optional<SettingRange> range_from(const std::string& text) {
  const auto dots = text.find("..");
  if (dots == std::string::npos) return std::nullopt;
  std::string_view low = std::string_view(text).substr(0, dots), high = std::string_view(text).substr(dots + 2);
  SettingRange range;
  range.text = text;
  if ((range.above_low = low.ends_with('<'))) low.remove_suffix(1);
  if ((range.below_high = high.starts_with('<'))) high.remove_prefix(1);
  if (!low.empty() || range.above_low) {
    if (!(range.low = number_from(low))) return std::nullopt;
  }
  if (!high.empty() || range.below_high) {
    if (!(range.high = number_from(high))) return std::nullopt;
  }
  const bool open = range.above_low || range.below_high;
  const bool bounded = range.low && range.high;
  if ((!range.low && !range.high) || (bounded && (*range.low > *range.high || (open && *range.low == *range.high))))
    return std::nullopt;
  return range;
}

bool SettingRange::holds(double value) const {
  if (low && !(above_low ? value > *low : value >= *low)) return false;
  return !high || (below_high ? value < *high : value <= *high);
}

std::string SettingRange::in_words() const {
  const auto dots = text.find("..");
  const auto from = text.substr(0, dots - (above_low ? 1 : 0)), to = text.substr(dots + (below_high ? 3 : 2));
  std::string words;
  if (low && high && !above_low && !below_high) return words.append("from ").append(from).append(" to ").append(to);
  if (low) words.append(above_low ? "above " : "of at least ").append(from);
  if (low && high) words.append(" and ");
  if (high) words.append(below_high ? "below " : "of at most ").append(to);
  return words;
}

Settings complete_settings(const PluginDescription& plugin, const Settings& given) {
  Settings complete;
  std::vector<std::string> known;
  std::string problems;
  const auto complain = [&](const std::string& problem) { problems += (problems.empty() ? "" : "\n") + problem; };
  for (const auto& setting : plugin.settings) {
    known.push_back(setting.name);
    if (!given.has(setting.name)) {
      complete.set(setting.name, setting.default_value);
      continue;
    }
    SettingValue value = given.values().at(setting.name);
    if (std::holds_alternative<double>(setting.default_value) && std::holds_alternative<std::int64_t>(value)) {
      value = static_cast<double>(std::get<std::int64_t>(value));
    }
    const bool finite = !std::holds_alternative<double>(value) || std::isfinite(std::get<double>(value));
    if (value.index() != setting.default_value.index() || !finite) {
      complain("setting '" + setting.name + "' of " + plugin.role + " '" + plugin.name + "' is " + as_text(value) +
               ", expected " + expected(setting));
    } else if (setting.range && is_number(value) && !setting.range->holds(as_number(value))) {
      complain("setting '" + setting.name + "' of " + plugin.role + " '" + plugin.name + "' is " + as_text(value) +
               ", expected " + expected(setting));
    } else if (!setting.choices.empty()) {
      bool allowed = false;
      for (const auto& choice : setting.choices) allowed = allowed || choice == as_text(value);
      if (!allowed) {
        complain(unknown_name("value of setting '" + setting.name + "' of " + plugin.role + " '" + plugin.name + "':",
                              as_text(value), setting.choices));
      }
    }
    complete.set(setting.name, value);
  }
  for (const auto& [name, value] : given.values()) {
    if (!complete.has(name)) {
      complain(unknown_name("setting of " + plugin.role + " '" + plugin.name + "':", name, known));
    }
  }
  if (!problems.empty()) throw SettingsError(problems);
  return complete;
}

std::vector<std::string> PluginDescription::budgets() const {
  std::vector<std::string> names;
  for (const auto& trait : plugin_traits) {
    if (trait.is_budget && has(trait.bit)) names.emplace_back(trait.name);
  }
  return names;
}

bool depends_on_batches(const PluginDescription& plugin, const Settings& settings) {
  if (plugin.has(in_file_order)) return true;
  return std::any_of(plugin.settings.begin(), plugin.settings.end(), [&](const SettingDescription& setting) {
    const auto given = settings.values().find(setting.name);
    const auto value = as_text(given == settings.values().end() ? setting.default_value : given->second);
    return std::find(setting.in_file_order.begin(), setting.in_file_order.end(), value) != setting.in_file_order.end();
  });
}

const char* type_name(const SettingValue& value) {
  constexpr const char* names[] = {"true or false", "an integer", "a number", "a text"};
  return names[value.index()];
}

nlohmann::json to_json(const SettingValue& value) {
  return std::visit([](const auto& held) { return nlohmann::json(held); }, value);
}

nlohmann::json to_json(const Settings& settings) {
  auto json = nlohmann::json::object();
  for (const auto& [name, value] : settings.values()) json[name] = to_json(value);
  return json;
}

Settings settings_from_json(const nlohmann::json& json) {
  Settings settings;
  for (const auto& [name, value] : json.items()) settings.set(name, value_from_json(value));
  return settings;
}

nlohmann::json to_json(const PluginDescription& plugin) {
  auto settings = nlohmann::json::array();
  for (const auto& setting : plugin.settings) {
    auto json =
        nlohmann::json{{"name", setting.name}, {"default", to_json(setting.default_value)}, {"doc", setting.doc}};
    json["type"] = std::holds_alternative<bool>(setting.default_value)           ? "bool"
                   : std::holds_alternative<std::int64_t>(setting.default_value) ? "integer"
                   : std::holds_alternative<double>(setting.default_value)       ? "real"
                                                                                 : "text";
    if (!setting.choices.empty()) json["choices"] = setting.choices;
    if (setting.range) json["range"] = setting.range->text;
    if (!setting.in_file_order.empty()) json["in_file_order"] = setting.in_file_order;
    settings.push_back(json);
  }
  nlohmann::json json{{"name", plugin.name},         {"role", plugin.role},
                      {"version", plugin.version},   {"summary", plugin.summary},
                      {"settings", settings},        {"file", plugin.file},
                      {"budgets", plugin.budgets()}, {"file_digest", plugin.file_digest}};
  for (const auto& trait : plugin_traits) {
    if (!trait.is_budget) json[trait.name] = plugin.has(trait.bit);
  }
  return json;
}

PluginDescription plugin_from_json(const nlohmann::json& json) {
  PluginDescription plugin;
  plugin.name = json.at("name");
  plugin.role = json.at("role");
  plugin.version = json.at("version");
  plugin.summary = json.at("summary");
  const auto budgets = json.at("budgets").get<std::vector<std::string>>();
  for (const auto& trait : plugin_traits) {
    const bool has = trait.is_budget ? std::find(budgets.begin(), budgets.end(), trait.name) != budgets.end()
                                     : json.at(trait.name).get<bool>();
    if (has) plugin.traits |= trait.bit;
  }
  plugin.file = json.at("file");
  plugin.file_digest = json.value("file_digest", "");
  for (const auto& entry : json.at("settings")) {
    SettingDescription setting;
    setting.name = entry.at("name");
    setting.doc = entry.at("doc");
    setting.default_value = value_from_json(entry.at("default"));
    if (entry.at("type") == "real" && std::holds_alternative<std::int64_t>(setting.default_value)) {
      setting.default_value = static_cast<double>(std::get<std::int64_t>(setting.default_value));
    }
    setting.choices = entry.value("choices", std::vector<std::string>{});
    setting.range = range_from(entry.value("range", ""));
    setting.in_file_order = entry.value("in_file_order", std::vector<std::string>{});
    plugin.settings.push_back(setting);
  }
  return plugin;
}

}  // namespace espalier
