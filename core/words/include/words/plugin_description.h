// What espalier knows of a plugin without loading it: the worker describes each file once, as JSON.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include <espalier/export.h>
#include <espalier/settings.h>

namespace espalier {

// Numbers from one end to the other, as a card declares them: "1..", "0..1", "0<..", "0..<1".
struct SettingRange {
  std::string text;  // as declared
  std::optional<double> low, high;
  bool above_low = false, below_high = false;  // the end itself is left out

  ESPALIER_WORDS_API bool holds(double value) const;
  ESPALIER_WORDS_API std::string in_words() const;  // "of at least 1", "from 0 to 1", "above 0"
};
// nullopt: no range, or one that holds nothing.
ESPALIER_WORDS_API std::optional<SettingRange> range_from(const std::string& text);

struct SettingDescription {
  std::string name;
  SettingValue default_value;
  std::string doc;
  std::vector<std::string> choices;             // empty: any value of the default's type
  std::optional<SettingRange> range = {};       // of numbers
  std::vector<std::string> in_file_order = {};  // values with which the answer depends on the batches
};

struct PluginDescription {
  std::string name;
  std::string role;  // scorer, searcher or recovery
  std::string version;
  std::string summary;
  std::vector<SettingDescription> settings;
  std::uint32_t traits = no_traits;  // the bits of its card
  std::string file;
  std::string file_digest;

  bool has(PluginTraits trait) const { return (traits & trait) != 0; }
  // Of a searcher: the kinds of budgets that it understands; empty: unknown before it is asked.
  ESPALIER_WORDS_API std::vector<std::string> budgets() const;
};

// Fills in defaults, converts integers to reals where declared so. Throws SettingsError naming every undeclared
// setting (with the nearest declared one), wrong type and value that is not allowed.
ESPALIER_WORDS_API Settings complete_settings(const PluginDescription& plugin, const Settings& given);

// Whether the plugin's answer depends on which rows are in a batch together: by a trait, or by the value of a setting.
ESPALIER_WORDS_API bool depends_on_batches(const PluginDescription& plugin, const Settings& settings);

// A value's type in words, "an integer".
const char* type_name(const SettingValue& value);
ESPALIER_WORDS_API nlohmann::json to_json(const SettingValue& value);
ESPALIER_WORDS_API nlohmann::json to_json(const Settings& settings);
ESPALIER_WORDS_API Settings settings_from_json(const nlohmann::json& json);
ESPALIER_WORDS_API nlohmann::json to_json(const PluginDescription& plugin);
ESPALIER_WORDS_API PluginDescription plugin_from_json(const nlohmann::json& json);

}  // namespace espalier
