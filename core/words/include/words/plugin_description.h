// What espalier knows of a plugin without loading it: the worker describes each file once, as JSON.
#pragma once

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
  std::vector<std::string> choices;        // empty: any value of the default's type
  std::optional<SettingRange> range = {};  // of numbers
};

struct PluginDescription {
  std::string name;
  std::string role;  // scorer, searcher or recovery
  std::string version;
  std::string summary;
  std::vector<SettingDescription> settings;
  bool needs_data = false;       // it reads a split
  bool needs_scores = false;     // a searcher that ranks scores
  bool uses_randomness = false;  // its answer depends on the seed
  bool heads_only = false;       // understands granularity head alone
  // Of searchers.
  bool trains = false;               // needs the train split
  bool evaluates = false;            // needs the validation split
  std::vector<std::string> budgets;  // that it understands; empty: unknown before it is asked
  std::string file;
  std::string file_digest;
};

// Fills in defaults, converts integers to reals where declared so. Throws SettingsError naming every undeclared
// setting (with the nearest declared one), wrong type and value that is not allowed.
ESPALIER_WORDS_API Settings complete_settings(const PluginDescription& plugin, const Settings& given);

ESPALIER_WORDS_API nlohmann::json to_json(const SettingValue& value);
ESPALIER_WORDS_API nlohmann::json to_json(const Settings& settings);
ESPALIER_WORDS_API Settings settings_from_json(const nlohmann::json& json);
ESPALIER_WORDS_API nlohmann::json to_json(const PluginDescription& plugin);
ESPALIER_WORDS_API PluginDescription plugin_from_json(const nlohmann::json& json);

}  // namespace espalier
