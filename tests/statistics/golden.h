// What the Python packages say, written by golden.py.
#pragma once

#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

namespace espalier::statistics {

inline nlohmann::json golden(const char* part) {
  std::ifstream file(std::string(ESPALIER_SOURCE_DIR) + "/tests/fixtures/statistics/golden.json");
  return nlohmann::json::parse(file).at(part);
}

}  // namespace espalier::statistics
