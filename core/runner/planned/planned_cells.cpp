#include "planned_cells.h"

#include <espalier/error.h>
#include <fmt/format.h>

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

PlannedCells::PlannedCells(const grid::Experiment& experiment)
    : all_(experiment.whole.empty() ? experiment.cells : experiment.whole), sources_(cache_folder()) {
  const bool sliced = !experiment.whole.empty();
  shared_.reserve(all_.size());
  asked_.reserve(all_.size());
  for (std::size_t cell = 0; cell < all_.size(); ++cell) {
    const bool has_key = !all_.key(cell).empty();
    shared_.push_back(has_key ? &sources_.shared_by(all_, cell, experiment.plugins) : nullptr);
    asked_.push_back(!sliced || all_.asked(cell));
  }
}

const store::NewCell* PlannedCells::next() {
  while (next_ < all_.size() && shared_[next_] == nullptr) ++next_;
  if (next_ >= all_.size()) return nullptr;
  const auto cell = next_++;
  cell_.key = all_.key(cell);
  cell_.settings = all_.settings(cell);
  cell_.asked = asked_[cell];
  cell_.source = *shared_[cell]->source;
  cell_.rank = static_cast<std::int64_t>(all_.rank(cell));
  cell_.groups = shared_[cell]->groups;
  return &cell_;
}

std::vector<store::NewCell> planned_cells(const grid::Experiment& experiment) {
  PlannedCells planned(experiment);
  std::vector<store::NewCell> cells;
  cells.reserve(planned.all().size());
  while (const auto* cell = planned.next()) cells.push_back(*cell);
  return cells;
}

}  // namespace espalier::runner
