#include "footnotes.h"

#include <fmt/format.h>

#include <algorithm>

#include "axes.h"
#include "report/escaping.h"
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
  std::vector<std::string> on_examples, others;
  for (const auto& value : table.shown()) (is_metric(value.name) ? on_examples : others).push_back(value.name);
  std::string text = join(on_examples);
  if (!on_examples.empty()) {
    if (!table.split.empty()) text += " on " + table.split;
    if (!findings.examples.empty()) {
      const auto fewest = *findings.examples.begin(), most = *findings.examples.rbegin();
      text += fewest == most ? fmt::format(", {}", counted(most, "example"))
                             : fmt::format(", {} to {} examples", fewest, most);
    }
  }
  if (!others.empty()) text += (text.empty() ? "" : "; ") + join(others);
  const bool plain =
      findings.computes.empty() || (findings.computes.size() == 1 && findings.computes.contains("float32"));
  if (!plain) text += ", computed in " + fmt::format("{}", fmt::join(findings.computes, " and "));
  const auto values = table.shown();
  if (std::any_of(values.begin(), values.end(), [](const TableValue& value) { return value.percent; }))
    text += ", in percent";
  return text;
}

std::string what_stands_beside(const Findings& findings, const Table& table) {
  if (table.spread == "none") return "mean";
  if (table.spread == "range") return "mean [lowest, highest]";
  if (table.spread == "sd") return "mean ± standard deviation";
  if (table.spread == "se") return "mean ± standard error";
  return "mean ± half-width of the 95 % t interval" +
         std::string(findings.two_values ? ", or [lowest, highest] of two values" : "");
}

std::string how_it_was_averaged(const Findings& findings, const Table& table) {
  std::int64_t most = 0;
  for (const auto& row : table.rows) {
    for (const auto& cell : row.cells) most = std::max(most, cell.n);
  }
  std::vector<std::string> parts;
  if (!findings.seeds.empty()) parts.push_back(listed("seed", findings.seeds));
  if (!findings.base_seeds.empty()) parts.push_back(listed("base seed", findings.base_seeds));
  if (findings.shared) parts.emplace_back("cells that share one computation, where a seed changes nothing, count once");
  if (most > 1) {
    std::string text = what_stands_beside(findings, table);
    text += table.common_n > 1 ? fmt::format(", n = {}", table.common_n) : std::string(", n as given, 1 where none is");
    text += table.spread == "none"    ? ""
            : table.spread == "range" ? ", without a range where all values are equal"
                                      : ", without ± where all values are equal";
    parts.push_back(text);
  }
  return join(parts, "; ");
}

std::vector<std::string> what_was_left_out(const Findings& findings) {
  std::vector<std::string> notes;
  if (findings.earlier > 0) {
    notes.push_back(
        fmt::format("left out: {} of the database that the experiment file {}; 'espalier cells --stale' "
                    "lists {}",
                    counted(findings.earlier, "cell"),
                    findings.of_database ? "did not hold when it last ran" : "does not hold as it is now",
                    findings.earlier == 1 ? "it" : "them"));
  }
  if (findings.left_out > 0)
    notes.push_back(fmt::format("left out by --only {}: {}", findings.only, counted(findings.left_out, "cell")));
  return notes;
}

std::vector<std::string> what_was_kept_apart(const Findings& findings) {
  std::vector<std::string> notes;
  for (const auto& [axis, values] : findings.averaged)
    notes.push_back(fmt::format("averaged also over: {} ({})", axis, fmt::join(values, ", ")));
  if (!findings.added.empty()) {
    notes.push_back(
        fmt::format("rows for {}: only seeds are averaged without being asked; --average AXIS averages, "
                    "--only AXIS=VALUE chooses",
                    join(findings.added)));
  }
  for (const auto& difference : findings.differences)
    notes.push_back(difference +
                    "; --only SETTING=VALUE chooses, and a table of the experiment file shows what it holds now");
  return notes;
}

// Whose last digits, or times, are not of one machine.
std::vector<std::string> where_it_was_computed(const Findings& findings) {
  std::vector<std::string> notes, places;
  for (const auto& [kind, cells] : findings.computed_on)
    places.push_back(fmt::format("{} ({})", kind, counted(cells, "cell")));
  if (places.size() > 1)
    notes.push_back(fmt::format("rows were computed on {}: last digits may differ", fmt::join(places, " and ")));
  if (findings.in_smaller_pieces > 0) {
    notes.push_back(
        fmt::format("{} went on in smaller pieces when the memory of a GPU did not suffice: last digits may "
                    "differ",
                    counted(findings.in_smaller_pieces, "cell")));
  }
  if (findings.timed_on.size() > 1) {
    notes.push_back(
        fmt::format("times were taken on {}, and mean something on one of them alone; --rows device tells "
                    "them apart",
                    fmt::join(findings.timed_on, " and ")));
  }
  return notes;
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

std::vector<std::string> what_was_cut(const TableCell& cut) {
  std::vector<std::string> notes;
  if (cut.timed_out > 0) {
    notes.push_back(fmt::format("timed out: {} reached the time limit of an attempt and {} stopped",
                                counted(cut.timed_out, "cell"), cut.timed_out == 1 ? "was" : "were"));
  }
  if (cut.out_of_memory > 0) {
    notes.push_back(fmt::format("out of memory: {} needed more than there was, or than the memory limit allows",
                                counted(cut.out_of_memory, "cell")));
  }
  if (cut.given_up > 0) {
    notes.push_back(fmt::format("given up: {} whose worker died in every attempt that it was allowed",
                                counted(cut.given_up, "cell")));
  }
  return notes;
}

}  // namespace

std::vector<std::string> footnotes(const Findings& findings, const Table& table) {
  std::vector<std::string> notes;
  notes.push_back(what_was_measured(findings, table));
  if (const auto how = how_it_was_averaged(findings, table); !how.empty()) notes.push_back(how);
  if (!table.rows.empty() && table.rows.front().dense)
    notes.push_back("dense: the unpruned model, once for each base model");
  if (findings.dense_differs)
    notes.push_back("an unpruned model was measured with several results; the first one stands here");
  for (const auto& note : what_was_kept_apart(findings)) notes.push_back(note);
  for (const auto& note : where_it_was_computed(findings)) notes.push_back(note);
  if (findings.no_energy) {
    notes.push_back(
        "energy: not measurable where these cells were timed: no counter can be read there (RAPL of the processor, "
        "NVML "
        "of a GPU)");
  }
  if (findings.merged_experiments) notes.push_back("of several experiments: names may mean different things in each");
  if (!findings.achieved.empty()) {
    std::vector<std::string> ranges;
    for (const auto& [requested, range] : findings.achieved) {
      ranges.push_back(range.first == range.second
                           ? fmt::format("{} for {}", fmt::format("{:.3f}", range.first), requested)
                           : fmt::format("{:.3f} to {:.3f} for {}", range.first, range.second, requested));
    }
    notes.push_back("at: achieved sparsity differs from the requested: " + join(ranges));
  }
  notes.insert(notes.end(), findings.levels.begin(), findings.levels.end());
  notes.insert(notes.end(), findings.tests.begin(), findings.tests.end());
  if (findings.diverged > 0) {
    notes.push_back("diverged: " + counted(findings.diverged, "value") +
                    " after a recovery whose loss stopped being finite: with the weights of the best epoch before");
  }
  if (findings.unproven > 0)
    notes.push_back(fmt::format("{} without a proof of the mask", counted(findings.unproven, "cell")));
  if (findings.failed > 0) notes.push_back("failed: " + why_it_failed(findings));
  for (const auto& note : what_was_cut(findings.cut_cells)) notes.push_back(note);
  if (findings.not_numbers > 0) {
    notes.push_back(fmt::format("not a number: {} whose {} was measured and is none; in no mean",
                                counted(findings.not_numbers, "value"), table.value));
  }
  if (findings.without > findings.not_numbers) {
    notes.push_back(fmt::format("no value: {} done, but without {}",
                                counted(findings.without - findings.not_numbers, "cell"), table.value));
  }
  if (findings.missing > 0) notes.push_back(fmt::format("...: {} not run yet", counted(findings.missing, "cell")));
  bool holes = false;
  for (const auto& row : table.rows) {
    for (const auto& cell : row.cells) holes = holes || (cell.empty() && !cell.blank);
  }
  if (holes) notes.push_back("-: the experiment holds no such cell");
  notes.insert(notes.end(), findings.notes.begin(), findings.notes.end());
  const auto left_out = what_was_left_out(findings);
  notes.insert(notes.end(), left_out.begin(), left_out.end());
  return notes;
}

}  // namespace espalier::report
