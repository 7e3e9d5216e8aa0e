#include "published/reference.h"

#include <espalier/error.h>
#include <fmt/format.h>

#include <cmath>

#include "words/names.h"
#include "words/printable.h"

namespace espalier::published {
namespace fs = std::filesystem;

std::string PublishedCell::series() const {
  return fmt::format("{}\n{}\n{}\n{}\n{}\n{}\n{}\n{}\n{}\n{}\n{}", model, dataset, language, granularity, scorer, scope,
                     metric, variant, device, start, batch_size.value_or(-1));
}

std::string PublishedCell::words() const {
  std::string text = fmt::format("{} {}", model, dataset);
  for (const auto* word : {&language, &granularity, &scorer, &scope, &metric, &variant}) {
    if (!word->empty()) text += fmt::format(" {}", *word);
  }
  if (requested_sparsity) text += fmt::format(" at {} %", *requested_sparsity);
  if (achieved_sparsity) text += fmt::format(" at {} % achieved", *achieved_sparsity);
  return text;
}

double PublishedMetric::half_unit() const { return 0.5 * std::pow(10.0, -decimals); }

double PublishedTable::sparsity_half_unit() const {
  int decimals = 0;
  for (const auto& cell : cells) {
    for (double scaled = cell.achieved_sparsity.value_or(0) * std::pow(10.0, decimals);
         decimals < 6 && std::abs(scaled - std::round(scaled)) > 1e-6; scaled *= 10)
      ++decimals;
  }
  return 0.5 * std::pow(10.0, -decimals);
}

std::string PublishedTable::place(const PublishedCell& cell) const { return fmt::format("{}:{}", file, cell.line); }

std::map<std::string, fs::path> shipped_tables() {
  std::error_code error;
  const auto program = fs::read_symlink("/proc/self/exe", error).parent_path();
  for (const auto& folder :
       {program / "../../results/published", program / "../share/espalier/published", fs::path("results/published")}) {
    std::map<std::string, fs::path> tables;
    for (const auto& entry : fs::directory_iterator(folder, error)) {
      if (entry.path().extension() == ".toml") tables[entry.path().stem().string()] = entry.path().lexically_normal();
    }
    if (!tables.empty()) return tables;
  }
  return {};
}

fs::path table_file(const std::string& name) {
  const auto tables = shipped_tables();
  if (const auto found = tables.find(name); found != tables.end()) return found->second;
  if (name.find('/') != std::string::npos || name.ends_with(".toml")) return name;
  std::vector<std::string> known;
  for (const auto& [known_name, file] : tables) known.push_back(known_name);
  throw SettingsError(unknown_name("published table", printable_line(name), known) +
                      "\n    give one of these names, or the path of a .toml file");
}

}  // namespace espalier::published
