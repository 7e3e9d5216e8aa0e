#include "published/forensics.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "architectures.h"
#include "rules.h"

namespace espalier::published {
namespace {

// How a source prints, found by what most of its cells fit.
struct PrintedForm {
  KnownArchitecture architecture;
  bool output_biases = false;  // counted in the sparsity's denominator
  bool truncated = false;      // parameters, to millions
};

// Numbers of kept units that give the printed sparsity.
std::vector<std::int64_t> kept_units(const PrintedForm& reading, std::int64_t units, double sparsity,
                                     double half_unit) {
  std::vector<std::int64_t> kept;
  const double all = sparsity_of(reading.architecture, units, 0, reading.output_biases);
  const auto near = std::llround(static_cast<double>(units) * (1 - sparsity / all));
  for (auto k = std::max<std::int64_t>(0, near - 8); k <= std::min<std::int64_t>(units, near + 8); ++k) {
    if (std::abs(sparsity_of(reading.architecture, units, k, reading.output_biases) - sparsity) <= half_unit + 1e-9)
      kept.push_back(k);
  }
  return kept;
}

bool has_parameters(const PublishedCell& cell) { return cell.metric == "parameters_million"; }

bool parameters_fit(const PrintedForm& reading, std::int64_t units, const std::vector<std::int64_t>& kept,
                    double printed) {
  return std::any_of(kept.begin(), kept.end(), [&](auto k) {
    const double millions = parameters_of(reading.architecture, units, k) / 1e6;
    return (reading.truncated ? std::floor(millions) : std::round(millions)) == printed;
  });
}

// The units of the cell, and the kept ones that fit; a dense row has one unit, and it is kept.
std::pair<std::int64_t, std::vector<std::int64_t>> units_and_kept(const PrintedForm& reading, const PublishedCell& cell,
                                                                  double half_unit) {
  if (cell.granularity == "dense") return {1, {1}};
  const auto units = units_of(reading.architecture, cell.granularity, cell.scope);
  if (units == 0 || !cell.achieved_sparsity) return {0, {}};
  return {units, kept_units(reading, units, *cell.achieved_sparsity, half_unit)};
}

bool is_of_state(const PublishedCell& cell) {
  return cell.achieved_sparsity && (cell.iteration || cell.granularity == "dense");
}

std::int64_t misfits(const PrintedForm& reading, const std::vector<const PublishedCell*>& cells, double half_unit) {
  std::int64_t count = 0;
  for (const auto* cell : cells) {
    const auto [units, kept] = units_and_kept(reading, *cell, half_unit);
    if (units == 0) continue;
    if (kept.empty())
      ++count;
    else if (has_parameters(*cell) && reading.architecture.parameters > 0 &&
             !parameters_fit(reading, units, kept, cell->value))
      ++count;
  }
  return count;
}

std::optional<PrintedForm> best_reading(const std::string& model, const std::vector<const PublishedCell*>& cells,
                                        double half_unit) {
  std::optional<PrintedForm> best;
  std::int64_t fewest = 0;
  for (const auto& architecture : architectures_of(model)) {
    for (const bool output_biases : {false, true}) {
      for (const bool truncated : {false, true}) {
        const PrintedForm reading{architecture, output_biases, truncated};
        const auto count = misfits(reading, cells, half_unit);
        if (!best || count < fewest) best = reading, fewest = count;
      }
    }
  }
  return best;
}

void check_parameters(const PrintedForm& reading, const PublishedTable& table, const PublishedCell& cell,
                      std::int64_t units, const std::vector<std::int64_t>& kept, Forensics& forensics) {
  if (!has_parameters(cell) || reading.architecture.parameters == 0 || kept.empty() ||
      parameters_fit(reading, units, kept, cell.value))
    return;
  const double millions = parameters_of(reading.architecture, units, kept.front()) / 1e6;
  std::string other;
  for (const auto& candidate : architectures_of(cell.model)) {
    if (std::round(static_cast<double>(candidate.parameters) / 1e6) == cell.value)
      other = fmt::format("; {} M is the size of {}", cell.value, candidate.name);
  }
  add_finding(forensics, table, cell, "parameters", fmt::format("{} M", cell.value),
              fmt::format("{:.2f} M, {}", millions, reading.truncated ? "truncated" : "rounded"),
              fmt::format("the table's rows fit {} ({} heads, width {}){}", reading.architecture.name,
                          reading.architecture.heads, reading.architecture.width, other));
}

void check_operations(const PrintedForm& reading, const PublishedTable& table, const PublishedCell& cell,
                      std::int64_t units, const std::vector<std::int64_t>& kept, Forensics& forensics) {
  const auto tokens = spectrogram_tokens(cell.dataset);
  if (cell.metric != "gflops" || !tokens || reading.architecture.name != "ast-base" || kept.empty()) return;
  const auto& known = reading.architecture;
  const auto all_heads = static_cast<double>(known.heads * known.sites);
  double nearest = 0;
  for (const auto k : kept) {
    const double share = static_cast<double>(k) / static_cast<double>(units);
    const double heads = cell.granularity == "head" ? share * all_heads : all_heads;
    const double giga =
        spectrogram_operations(known, *tokens, heads, share * all_heads * static_cast<double>(known.head_dim)) / 1e9;
    if (nearest == 0 || std::abs(giga - cell.value) < std::abs(nearest - cell.value)) nearest = giga;
  }
  if (std::abs(nearest - cell.value) > table.metrics.at(cell.metric).half_unit() + 1e-6)
    add_finding(forensics, table, cell, "operations", fmt::format("{} G", cell.value), fmt::format("{:.4f} G", nearest),
                fmt::format("the closed form of {} at this sparsity", known.name));
}

void check_units(const PrintedForm& reading, const PublishedTable& table, const PublishedCell& cell, std::int64_t units,
                 Forensics& forensics) {
  const double all = sparsity_of(reading.architecture, units, 0, reading.output_biases);
  const auto near = std::llround(static_cast<double>(units) * (1 - *cell.achieved_sparsity / all));
  add_finding(forensics, table, cell, "whole-units", fmt::format("{} %", *cell.achieved_sparsity),
              fmt::format("{:.2f} % ({} of {} {})",
                          sparsity_of(reading.architecture, units, std::clamp<std::int64_t>(near, 0, units),
                                      reading.output_biases),
                          near, units, cell.granularity == "head" ? "heads" : "rows of channels"),
              fmt::format("no whole number of units of {} gives this sparsity", reading.architecture.name));
}

std::int64_t next_kept(int rule, std::int64_t kept) {
  const auto drop = 0.1 * static_cast<double>(kept);
  if (rule == 0) return kept - static_cast<std::int64_t>(std::floor(drop + 1e-9));
  if (rule == 1) return kept - static_cast<std::int64_t>(std::ceil(drop - 1e-9));
  return kept - std::llround(drop);
}

// One tenth of what is left goes at each step; which rounding is found by what fits nearly all steps.
void check_schedule(const PrintedForm& reading, const PublishedTable& table,
                    const std::vector<const PublishedCell*>& cells, Forensics& forensics) {
  struct ScheduleStep {
    const PublishedCell* cell;
    std::vector<std::int64_t> kept, before;
  };
  std::map<std::string, std::map<std::string, std::vector<const PublishedCell*>>> series;
  for (const auto* cell : cells) {
    if (cell->iteration) series[cell->granularity + " " + cell->scope][cell->series()].push_back(cell);
  }
  const double half = table.sparsity_half_unit();
  for (auto& [kind, rows] : series) {
    std::vector<ScheduleStep> steps;
    for (auto& [name, row] : rows) {
      std::sort(row.begin(), row.end(), [](auto* a, auto* b) { return *a->iteration < *b->iteration; });
      for (std::size_t i = 1; i < row.size(); ++i) {
        if (*row[i]->iteration != *row[i - 1]->iteration + 1) continue;
        steps.push_back(
            {row[i], units_and_kept(reading, *row[i], half).second, units_and_kept(reading, *row[i - 1], half).second});
      }
    }
    const auto follows = [](int rule, const ScheduleStep& step) {
      return step.kept.empty() || step.before.empty() ||
             std::any_of(step.before.begin(), step.before.end(), [&](auto before) {
               return std::find(step.kept.begin(), step.kept.end(), next_kept(rule, before)) != step.kept.end();
             });
    };
    for (const int rule : {0, 1, 2}) {
      const auto misses =
          std::count_if(steps.begin(), steps.end(), [&](const ScheduleStep& step) { return !follows(rule, step); });
      if (static_cast<double>(misses) > 0.05 * static_cast<double>(steps.size())) continue;
      for (const auto& step : steps) {
        if (!follows(rule, step))
          add_finding(forensics, table, *step.cell, "schedule", fmt::format("{} %", *step.cell->achieved_sparsity),
                      fmt::format("{} units left of {}", next_kept(rule, step.before.front()), step.before.front()),
                      fmt::format("all other steps of {} drop a tenth of the rest, rounded {}", kind,
                                  rule == 0   ? "down"
                                  : rule == 1 ? "up"
                                              : "to the nearest"));
      }
      break;
    }
  }
}

}  // namespace

void check_architectures(const PublishedTable& table, Forensics& forensics) {
  std::map<std::string, std::vector<const PublishedCell*>> by_model;
  for (const auto& cell : table.cells) {
    if (is_of_state(cell)) by_model[cell.model].push_back(&cell);
  }
  const double half = table.sparsity_half_unit();
  for (const auto& [model, cells] : by_model) {
    const bool pruned = std::any_of(cells.begin(), cells.end(), [](auto* cell) { return cell->iteration.has_value(); });
    const auto reading = pruned ? best_reading(model, cells, half) : std::nullopt;
    if (!reading) continue;
    for (const auto* cell : cells) {
      const auto [units, kept] = units_and_kept(*reading, *cell, half);
      if (units == 0) continue;
      if (kept.empty()) check_units(*reading, table, *cell, units, forensics);
      check_parameters(*reading, table, *cell, units, kept, forensics);
      check_operations(*reading, table, *cell, units, kept, forensics);
    }
    check_schedule(*reading, table, cells, forensics);
  }
}

Forensics check_table(const PublishedTable& table) {
  Forensics forensics;
  for (const auto check :
       {check_ranges, check_sparsity_unit, check_counts, check_shares, check_dense_rows, check_claims, check_statements,
        check_monotone, check_one_sparsity, check_interpolated, check_architectures})
    check(table, forensics);
  std::stable_sort(forensics.findings.begin(), forensics.findings.end(), [](auto& a, auto& b) {
    return a.where.size() != b.where.size() ? a.where.size() < b.where.size() : a.where < b.where;
  });
  return forensics;
}

}  // namespace espalier::published
