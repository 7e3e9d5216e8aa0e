// The named things a grid refers to: [model.NAME], [dataset.NAME], [scorer.NAME], [searcher.NAME], [recovery.NAME].
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cells/cell_settings.h"
#include "cells/run/limits.h"
#include "document.h"
#include "words/plugin_description.h"

namespace espalier::grid {

// A set of splits.
using Splits = unsigned;
inline constexpr Splits train_split = 1, validation_split = 2, test_split = 4;
inline constexpr const char* split_names[] = {to_string(SplitName::Train), to_string(SplitName::Validation),
                                              to_string(SplitName::Test)};

struct ModelDefinition {
  ModelSettings settings;
  Place place;
};

struct DatasetDefinition {
  DatasetSettings settings;
  Place place;
  std::optional<Place> max_tokens_place;  // where it is written
};

struct PluginDefinition {
  PluginSettings settings;
  std::string role;
  std::string given;  // the settings as written, "epochs=1,rank=16", to tell unnamed definitions apart
  bool unnamed = false;
  Splits needs = 0;                     // splits that it cannot do without
  Splits uses = 0;                      // those, and what it reads where the dataset has them
  std::map<std::string, Place> places;  // of its settings, where they are written
  std::uint32_t traits = no_traits;
  std::vector<std::string> budgets;  // kinds that a searcher understands; empty: unknown before it is asked

  bool has(PluginTraits trait) const { return (traits & trait) != 0; }
  bool is_none() const { return settings.plugin == "none"; }
};

// `definition` is null where it is broken: it is known, but what is wrong has been said.
template <typename Definition>
struct Named {
  std::shared_ptr<Definition> definition;
  Place place;
  bool used = false;
};

template <typename Definition>
using NamedDefinitions = std::map<std::string, Named<Definition>>;

struct Definitions {
  NamedDefinitions<ModelDefinition> models;
  NamedDefinitions<DatasetDefinition> datasets;
  std::map<std::string, NamedDefinitions<PluginDefinition>> plugins;  // by role
};

inline constexpr const char* roles[] = {to_string(Role::Scorer), to_string(Role::Searcher), to_string(Role::Recovery)};
// A scorer and a recovery may be left out.
inline bool may_be_none(const std::string& role) { return role != "searcher"; }

class DefinitionReader {
 public:
  // Relative paths start at the folder; those of an included file at its own.
  DefinitionReader(std::filesystem::path folder, std::map<std::string, std::filesystem::path> folders_of_included,
                   const std::vector<PluginDescription>& plugins, Complaints& complaints)
      : folder_(std::move(folder)),
        folders_(std::move(folders_of_included)),
        plugins_(plugins),
        complaints_(complaints) {}

  // Each gives null, with a complaint, where the definition is broken. An empty name: an unnamed definition.
  std::shared_ptr<ModelDefinition> model(const Value& table, const std::string& name);
  std::shared_ptr<DatasetDefinition> dataset(const Value& table, const std::string& name);
  std::shared_ptr<PluginDefinition> plugin(const std::string& role, const Value& table, const std::string& name);
  // A plugin with its defaults; null where there is none of this name.
  std::shared_ptr<PluginDefinition> bare_plugin(const std::string& role, const std::string& name) const;
  std::vector<std::string> plugin_names(const std::string& role) const;
  const std::vector<PluginDescription>& plugins() const { return plugins_; }

 private:
  bool path(const Value& value, const std::string& key, std::string& target);
  const PluginDescription* find_plugin(const std::string& role, const std::string& name) const;

  std::filesystem::path folder_;
  std::map<std::string, std::filesystem::path> folders_;  // by source
  const std::vector<PluginDescription>& plugins_;
  Complaints& complaints_;
};

// Whether a plugin's setting is a checkpoint folder: a teacher other than the dense model.
bool names_checkpoint(const std::string& setting, const SettingValue& value);

MeasureSettings read_measure(const Value& table, Complaints& complaints);
CellLimits read_limits(const Value& table, Complaints& complaints);

}  // namespace espalier::grid
