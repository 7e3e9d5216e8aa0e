#include "sources.h"

#include <espalier/error.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "cells/cell_settings.h"
#include "cells/fields/cell_fields.h"
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

const PluginDescription* Sources::scorer_of(std::string_view settings, const std::vector<PluginDescription>& plugins) {
  const auto [entry, is_new] = scorers_.try_emplace(settings.data(), nullptr);
  if (is_new) {
    const auto name = plain_text(member(settings, "plugin"));
    const auto found = std::find_if(plugins.begin(), plugins.end(), [&](const PluginDescription& plugin) {
      return plugin.role == "scorer" && plugin.name == name;
    });
    if (found != plugins.end()) entry->second = &*found;
  }
  return entry->second;
}

const Sources::Shared& Sources::shared_by(const grid::Cells& cells, std::size_t cell,
                                          const std::vector<PluginDescription>& plugins) {
  const auto* scorer = scorer_of(cells.value(cell, "scorer"), plugins);
  // What draws no random numbers says the same under every seed.
  const bool of_seed = scorer != nullptr && scorer->has(uses_randomness);
  constexpr std::array<const char*, 8> names = {"model",  "dataset",     "base_seed", "compute",
                                                "scorer", "granularity", "sites",     "seed"};
  Parts parts{};
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (i + 1 < names.size() || of_seed) parts[i] = cells.value(cell, names[i]).data();
  }
  const auto [entry, is_new] = shared_.try_emplace(parts);
  if (!is_new) return entry->second;
  const auto& source = of(cells, cell);
  const auto settings = cell_from_json(nlohmann::json::parse(cells.settings(cell)));
  return entry->second = {&source, work_groups(settings, nlohmann::json::parse(source), scorer)};
}

}  // namespace espalier::runner
