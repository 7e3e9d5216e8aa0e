#include "planned_cells.h"

#include <espalier/error.h>
#include <fmt/format.h>

#include <utility>

#include "sources.h"
#include "words/digest.h"

namespace espalier::runner {

void refuse_what_cannot_run(const grid::Experiment& experiment, const std::string& file) {
  std::string problems;
  for (const auto& problem : experiment.problems) problems += "\n" + problem;
  if (experiment.missing.empty() && !problems.empty()) {
    throw InputError(fmt::format("{}: nothing is run, because of what its checkpoints and data say", file) + problems);
  }
  if (experiment.missing.empty()) return;
  std::string missing;
  for (const auto& path : experiment.missing) missing += "\n    " + path;
  throw SettingsError(
      fmt::format("{}: nothing is run, because {} needed by its cells {} missing", file,
                  experiment.missing.size() == 1 ? "one thing" : fmt::format("{} things", experiment.missing.size()),
                  experiment.missing.size() == 1 ? "is" : "are") +
      missing + "\n    real data are made by: espalier data prepare NAME; ESPALIER_DATA says where they are" +
      problems);
}

std::vector<store::NewCell> planned_cells(const grid::Experiment& experiment) {
  const bool sliced = !experiment.whole.empty();
  const auto& all = sliced ? experiment.whole : experiment.cells;
  Sources sources(cache_folder());
  std::vector<store::NewCell> cells;
  cells.reserve(all.size());
  for (std::size_t i = 0; i < all.size(); ++i) {
    auto cell = all[i];
    if (cell.key.empty()) continue;
    const auto& source = sources.of(all, i);
    cells.push_back({std::move(cell.key), std::move(cell.settings), !sliced || all.asked(i), source,
                     static_cast<std::int64_t>(all.rank(i)), sources.groups_of(all, i, experiment.plugins)});
  }
  return cells;
}

}  // namespace espalier::runner
