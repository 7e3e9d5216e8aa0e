#include "cells/sharing/work_groups.h"

#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>
#include <string>

#include "words/digest.h"

namespace espalier {
namespace {

using nlohmann::json;

std::int64_t number_of(const json& made_from) {
  // What is no text in a path is complained of elsewhere.
  const auto text = made_from.dump(-1, ' ', false, json::error_handler_t::replace);
  const auto bits = std::stoull(sha256_hex(text).substr(0, 16), nullptr, 16);
  constexpr std::uint64_t most = std::numeric_limits<std::int64_t>::max();
  return std::max<std::int64_t>(1, static_cast<std::int64_t>(bits & most));
}

// Names are the experiment's own words, and a path is what lies behind it.
json base_model(const CellSettings& cell, const json& source) {
  auto model = to_json(cell.model);
  auto dataset = to_json(cell.dataset);
  model.erase("name");
  dataset.erase("name");
  if (source.contains("checkpoint")) model.erase("checkpoint");
  for (const auto& [split, path] : cell.dataset.split) {
    if (source.contains(split)) dataset["split"].erase(split);
  }
  json made_from = {{"model", std::move(model)}, {"dataset", std::move(dataset)}, {"source", source}};
  // A checkpoint that is used as it is has no training that these could change.
  if (!cell.model.train) return made_from;
  made_from["base_seed"] = cell.base_seed;
  made_from["compute"] = cell.compute;
  return made_from;
}

}  // namespace

Granularity scored_granularity(std::uint32_t traits, Granularity granularity) {
  const auto has = [&](PluginTraits trait) { return (traits & trait) != 0; };
  const bool is_sum = has(sums_over_channels) && !has(heads_only);
  return is_sum && granularity == Granularity::Head ? Granularity::HeadChannel : granularity;
}

WorkGroups work_groups(const CellSettings& cell, const json& source, const PluginDescription* scorer) {
  WorkGroups groups;
  groups.base = number_of(base_model(cell, source));
  if (scorer == nullptr) return groups;
  json made_from = {{"base", *groups.base},
                    {"scorer", cell.scorer.plugin},
                    {"version", cell.scorer.version},
                    {"settings", to_json(cell.scorer.settings)},
                    {"granularity", scored_granularity(scorer->traits, cell.granularity)},
                    {"sites", cell.sites}};
  if (scorer->has(uses_randomness)) made_from["seed"] = cell.seed;
  if (scorer->has(needs_data)) made_from["compute"] = cell.compute;
  groups.scores = number_of(made_from);
  return groups;
}

}  // namespace espalier
