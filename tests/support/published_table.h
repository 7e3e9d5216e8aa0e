// Cells of the reference tables in results/published: one key a line, which is all of TOML that they use.
#pragma once

#include <filesystem>
#include <fstream>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

namespace espalier::test {

struct PublishedCell {
  std::map<std::string, std::string> fields;  // as written, without quotes

  // Empty where the cell has no such key.
  std::string text(const std::string& key) const {
    const auto found = fields.find(key);
    return found == fields.end() ? "" : found->second;
  }
  double number(const std::string& key) const { return std::stod(fields.at(key)); }
};

inline std::vector<PublishedCell> published_cells(const std::string& name) {
  const auto path = std::filesystem::path(ESPALIER_SOURCE_DIR) / "results/published" / name;
  std::ifstream file(path);
  if (!file) throw std::runtime_error("cannot read " + path.string());
  std::vector<PublishedCell> cells;
  bool inside = false;
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("[")) {
      inside = line == "[[cell]]";
      if (inside) cells.emplace_back();
      continue;
    }
    const auto equals = line.find(" = ");
    if (!inside || equals == std::string::npos) continue;
    auto value = line.substr(equals + 3);
    if (value.starts_with('"')) value = value.substr(1, value.size() - 2);
    cells.back().fields[line.substr(0, equals)] = value;
  }
  return cells;
}

}  // namespace espalier::test
