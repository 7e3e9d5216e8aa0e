// How many attention heads a checkpoint has, as its config.json says.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "words/cell_settings.h"

namespace espalier::grid {

// Of the sites that the filter leaves: those of the model before any pruning. Nothing where config.json is missing or odd:
// what reads the checkpoint says so.
std::optional<std::int64_t> head_count(const ModelSettings& model, const std::string& sites);

}  // namespace espalier::grid
