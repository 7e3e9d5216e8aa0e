// Everything that was recorded of one cell.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "cells/attempt.h"

namespace espalier::store {

struct CellRecord {
  std::string key, state, message;
  std::int64_t lost = 0;          // attempts whose worker died
  std::optional<double> seconds;  // of the last attempt
  nlohmann::json settings;        // as they were written, by whatever version
  std::vector<std::string> experiments;
  std::vector<Attempt> attempts;
};

nlohmann::json to_json(const CellRecord& cell);

}  // namespace espalier::store
