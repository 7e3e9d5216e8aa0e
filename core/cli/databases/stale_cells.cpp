#include "databases/stale_cells.h"

#include <espalier/error.h>
#include <fmt/format.h>

#include <map>

namespace espalier::cli {

StaleCells::StaleCells(const Source& source, const std::string& file) : experiment_(source.experiment) {
  if (!source.cells) return;
  present_.emplace();
  for (const auto& cell : *source.cells) {
    if (cell.key.empty()) {
      throw SettingsError(file +
                          ": files that its cells need are missing, so that which cells are its own cannot be told\n"
                          "    'espalier plan' names them");
    }
    present_->push_back(cell.key);
  }
}

store::Rows StaleCells::in(const store::ResultStore& store) const {
  return store.stale_cells(experiment_, present_ ? &*present_ : nullptr);
}

std::int64_t StaleCells::remove_from(store::ResultStore& store) const {
  return store.remove_stale(experiment_, present_ ? &*present_ : nullptr);
}

std::string counted_by_state(const store::Rows& stale) {
  if (stale.rows.empty()) return "";
  std::map<std::string, std::size_t> states;
  for (const auto& row : stale.rows) ++states[row[1].text];
  std::string text = fmt::format("{} {} of earlier states of the experiment file", stale.rows.size(),
                                 stale.rows.size() == 1 ? "cell" : "cells");
  std::string separator = ": ";
  for (const auto& [state, count] : states) {
    text += fmt::format("{}{} {}", separator, count, state);
    separator = ", ";
  }
  return text;
}

}  // namespace espalier::cli
