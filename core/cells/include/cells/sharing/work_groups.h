// Which cells share what is computed once: cells of equal groups are best computed by one worker, one after the other.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>

#include "cells/cell_settings.h"
#include "words/plugin_description.h"

namespace espalier {

// Numbers above 0 that are the same on every machine, and equal where the work is.
struct WorkGroups {
  std::optional<std::int64_t> base;    // the base model, its data, and what the dense model gives on them
  std::optional<std::int64_t> scores;  // the same, and what the scorer says of it; a score group is of one base group

  bool operator==(const WorkGroups&) const = default;
};

// `source`: digests of what lies behind the cell's paths, by split, and of its `checkpoint`; a path counts as written where
// its digest is not known. `scorer`: what is known of the cell's own, or nullptr.
WorkGroups work_groups(const CellSettings& cell, const nlohmann::json& source, const PluginDescription* scorer);

// Units on which a scorer of these traits is asked, so that one answer serves several granularities.
Granularity scored_granularity(std::uint32_t traits, Granularity granularity);

}  // namespace espalier
