#include "cut_cells.h"

#include <espalier/vocabulary.h>
#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "cells/attempt.h"

namespace espalier::report {
namespace {

std::optional<Cut> cut_of(const std::string& outcome, const std::string& word) {
  if (outcome == to_string(Outcome::Lost)) return Cut::GivenUp;
  const auto reason = find_name<FailureReason>(word);
  if (reason == FailureReason::TimeLimit) return Cut::TimedOut;
  if (reason == FailureReason::MemoryLimit || reason == FailureReason::OutOfMemory) return Cut::OutOfMemory;
  return std::nullopt;
}

}  // namespace

std::unordered_map<std::string, Cut> cut_cells(const store::ResultStore& store, const NamedRows& rows) {
  const auto& states = rows.column("state").values();
  const bool any = std::any_of(states.begin(), states.end(), [](const auto& state) { return state.text == "failed"; });
  std::unordered_map<std::string, Cut> cut;
  if (!any) return cut;
  const NamedRows failures(store.failures(""));
  for (std::size_t row = 0; row < failures.size(); ++row) {
    if (const auto kind = cut_of(failures.text(row, "outcome"), failures.text(row, "reason")))
      cut.emplace(failures.text(row, "key"), *kind);
  }
  return cut;
}

void count(Cut cut, TableCell& cell) {
  switch (cut) {
    case Cut::TimedOut: ++cell.timed_out; break;
    case Cut::OutOfMemory: ++cell.out_of_memory; break;
    case Cut::GivenUp: ++cell.given_up; break;
  }
}

std::string mark_of_failed(const TableCell& cell) {
  if (cell.timed_out == cell.failed) return "timed out";
  if (cell.out_of_memory == cell.failed) return "out of memory";
  if (cell.given_up == cell.failed) return "given up";
  return "failed";
}

std::vector<std::string> remarks_on_failed(const TableCell& cell) {
  std::vector<std::string> remarks;
  const auto plain = cell.failed - cell.timed_out - cell.out_of_memory - cell.given_up;
  if (plain > 0) remarks.push_back(fmt::format("{} failed", plain));
  if (cell.timed_out > 0) remarks.push_back(fmt::format("{} timed out", cell.timed_out));
  if (cell.out_of_memory > 0) remarks.push_back(fmt::format("{} out of memory", cell.out_of_memory));
  if (cell.given_up > 0) remarks.push_back(fmt::format("{} given up", cell.given_up));
  return remarks;
}

}  // namespace espalier::report
