#include "footnotes.h"

#include <fmt/format.h>

#include <algorithm>

#include "escaping.h"
#include "words/names.h"

namespace espalier::report {
namespace {

constexpr std::size_t most_reasons = 3;
constexpr std::size_t most_numbers = 10;

std::string counted(std::int64_t count, const std::string& noun) {
  return fmt::format("{} {}{}", count, noun, count == 1 ? "" : "s");
}

std::string listed(const std::string& noun, const std::set<std::int64_t>& numbers) {
  if (numbers.size() > most_numbers) return fmt::format("{} {}s", numbers.size(), noun);
  return fmt::format("{}{} {}", noun, numbers.size() == 1 ? "" : "s", fmt::join(numbers, ", "));
}

std::string what_was_measured(const Findings& findings, const Table& table) {
  std::string text = table.value;
  if (!table.split.empty()) text += " on " + table.split;
  if (!findings.examples.empty()) {
    const auto fewest = *findings.examples.begin(), most = *findings.examples.rbegin();
    text += fewest == most ? fmt::format(", {}", counted(most, "example"))
                           : fmt::format(", {} to {} examples", fewest, most);
  }
  const bool plain =
      findings.computes.empty() || (findings.computes.size() == 1 && findings.computes.contains("float32"));
  if (!plain) text += ", computed in " + fmt::format("{}", fmt::join(findings.computes, " and "));
  return text;
}

std::string how_it_was_averaged(const Findings& findings, const Table& table) {
  std::int64_t most = 0;
  for (const auto& row : table.rows) {
    for (const auto& cell : row.cells) most = std::max(most, cell.n);
  }
  std::string text = listed("seed", findings.seeds) + "; " + listed("base seed", findings.base_seeds);
  if (most > 1) {
    text += "; mean ± half-width of the 95 % t interval";
    text += table.common_n > 1 ? fmt::format(", n = {}", table.common_n) : std::string(", n as given, 1 where none is");
    text += ", without ± where all values are equal";
  }
  return text;
}

std::string why_it_failed(const Findings& findings) {
  std::vector<std::pair<std::string, std::int64_t>> reasons(findings.failures.begin(), findings.failures.end());
  std::stable_sort(reasons.begin(), reasons.end(),
                   [](const auto& one, const auto& other) { return one.second > other.second; });
  std::string text = counted(findings.failed, "cell") + " failed";
  for (std::size_t i = 0; i < std::min(reasons.size(), most_reasons); ++i) {
    text += fmt::format("{} {} ({})", i == 0 ? ":" : ";", reasons[i].first, reasons[i].second);
  }
  if (reasons.size() > most_reasons) text += fmt::format("; {} more reasons", reasons.size() - most_reasons);
  return text;
}

}  // namespace

std::vector<std::string> footnotes(const Findings& findings, const Table& table) {
  std::vector<std::string> notes;
  notes.push_back(what_was_measured(findings, table));
  if (findings.measured > 0) notes.push_back(how_it_was_averaged(findings, table));
  if (!table.rows.empty() && table.rows.front().dense)
    notes.push_back("dense: the unpruned model, once for each base model");
  if (findings.dense_differs)
    notes.push_back("an unpruned model was measured with several results; the first one stands here");
  if (!findings.merged.empty())
    notes.push_back(fmt::format("averaged also over: {}", fmt::join(findings.merged, ", ")));
  if (findings.merged_alike) {
    notes.push_back(
        "cells that differ in no axis are averaged: in training, limits or a plugin's settings, or from an earlier "
        "state of the experiment file");
  }
  if (findings.merged_experiments) notes.push_back("of several experiments: names may mean different things in each");
  if (!findings.achieved.empty()) {
    std::vector<std::string> ranges;
    for (const auto& [requested, range] : findings.achieved) {
      ranges.push_back(range.first == range.second
                           ? fmt::format("{} for {}", fmt::format("{:.3f}", range.first), requested)
                           : fmt::format("{:.3f} to {:.3f} for {}", range.first, range.second, requested));
    }
    notes.push_back("achieved sparsity differs from the requested: " + join(ranges));
  }
  if (findings.diverged > 0) {
    notes.push_back(counted(findings.diverged, "value") +
                    " after a recovery whose loss stopped being finite: with the weights of the best epoch before");
  }
  if (findings.unproven > 0)
    notes.push_back(fmt::format("{} without a proof of the mask", counted(findings.unproven, "cell")));
  if (findings.failed > 0) notes.push_back("failed: " + why_it_failed(findings));
  if (findings.without > 0) {
    notes.push_back(fmt::format("no value: {} done, but without {}, or it is not a number",
                                counted(findings.without, "cell"), table.value));
  }
  if (findings.missing > 0) notes.push_back(fmt::format("...: {} not run yet", counted(findings.missing, "cell")));
  bool holes = false;
  for (const auto& row : table.rows) {
    for (const auto& cell : row.cells) holes = holes || cell.empty();
  }
  if (holes) notes.push_back("-: the experiment holds no such cell");
  return notes;
}

}  // namespace espalier::report
