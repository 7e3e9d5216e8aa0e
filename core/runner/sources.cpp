#include "sources.h"

#include <espalier/error.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "cells/cell_settings.h"
#include "words/version.h"

namespace espalier::runner {

const std::string& Sources::of(const grid::Cells& cells, std::size_t place) {
  const auto [entry, is_new] =
      known_.try_emplace({cells.value(place, "model").data(), cells.value(place, "dataset").data()});
  if (!is_new) return entry->second;
  const auto cell = cell_from_json(nlohmann::json::parse(cells.settings(place)));
  nlohmann::json source{{"results_version", results_version}};
  const auto add = [&](const std::string& name, const auto& digest) {
    try {
      source[name] = digest();
    } catch (const Error&) {  // its cells fail with the reason
    }
  };
  std::error_code absent;
  if (std::filesystem::is_directory(cell.model.checkpoint, absent))
    add("checkpoint", [&] { return digests_.of_checkpoint(cell.model.checkpoint); });
  for (const auto& [split, path] : cell.dataset.split) {
    if (!std::filesystem::exists(path, absent)) continue;
    add(split, [&] { return tables_.digest(cell.dataset, split); });
  }
  return entry->second = source.dump();
}

WorkGroups Sources::groups_of(const grid::Cells& cells, std::size_t cell,
                              const std::vector<PluginDescription>& plugins) {
  constexpr std::array<const char*, 8> names = {"model",  "dataset",     "base_seed", "compute",
                                                "scorer", "granularity", "sites",     "seed"};
  Parts parts{};
  for (std::size_t i = 0; i < names.size(); ++i) parts[i] = cells.value(cell, names[i]).data();
  const auto [entry, is_new] = groups_.try_emplace(parts);
  if (!is_new) return entry->second;
  const auto settings = cell_from_json(nlohmann::json::parse(cells.settings(cell)));
  const auto scorer = std::find_if(plugins.begin(), plugins.end(), [&](const PluginDescription& plugin) {
    return plugin.role == "scorer" && plugin.name == settings.scorer.plugin;
  });
  const auto* known = scorer == plugins.end() ? nullptr : &*scorer;
  return entry->second = work_groups(settings, nlohmann::json::parse(of(cells, cell)), known);
}

}  // namespace espalier::runner
