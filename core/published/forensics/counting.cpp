#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>

#include "rules.h"

namespace espalier::published {
namespace {

// Beyond any value that its unit allows.
bool in_range(const PublishedMetric& metric, const std::string& name, double value) {
  const bool difference = name.find("delta") != std::string::npos || name.find("gain") != std::string::npos ||
                          name.find("loss") != std::string::npos;
  if (difference) return true;
  if (value < 0) return false;
  // An error rate may pass 100 %: words are inserted.
  if (metric.percent() && name != "wer" && name != "cer") return value <= 100;
  return metric.unit != "fraction" || value <= 1;
}

bool same_condition(const PublishedCell& one, const PublishedCell& other) {
  const auto agree = [](const std::string& a, const std::string& b) {
    return a == b || a == "unstated" || b == "unstated";
  };
  return one.model == other.model && one.dataset == other.dataset && one.language == other.language &&
         one.metric == other.metric && agree(one.granularity, other.granularity) && agree(one.scorer, other.scorer) &&
         agree(one.scope, other.scope) && one.variant == other.variant;
}

}  // namespace

void check_ranges(const PublishedTable& table, Forensics& forensics) {
  for (const auto& cell : table.cells) {
    const auto& metric = table.metrics.at(cell.metric);
    if (!in_range(metric, cell.metric, cell.value))
      add_finding(forensics, table, cell, "range", fmt::format("{}", cell.value),
                  fmt::format("a value that {} can have", metric.unit), "no count or share gives this");
    const double scaled = cell.value * std::pow(10.0, metric.decimals);
    if (std::abs(scaled - std::round(scaled)) > 1e-4)
      add_finding(forensics, table, cell, "digits", fmt::format("{}", cell.value),
                  fmt::format("{} digits after the point", metric.decimals), "the source prints no more");
  }
}

// One or two of a percent or less may be meant; where all of several are, a third was written as 0.333.
void check_sparsity_unit(const PublishedTable& table, Forensics& forensics) {
  constexpr std::size_t least_apart = 2;
  std::set<double> distinct;
  const PublishedCell* largest = nullptr;
  double most = 0;
  for (const auto& cell : table.cells) {
    for (const auto& sparsity : {cell.requested_sparsity, cell.achieved_sparsity}) {
      if (!sparsity || *sparsity <= 0) continue;
      distinct.insert(*sparsity);
      if (*sparsity > most) most = *sparsity, largest = &cell;
    }
  }
  if (distinct.size() < least_apart || most > 1) return;
  add_finding(forensics, table, *largest, "sparsity-unit", fmt::format("{} as the largest sparsity", most),
              fmt::format("{:.4g}", 100 * most),
              "sparsities are percents here, and all of these are at most one percent");
}

// k of N at the printed rounding, as the GRIM test asks of means of whole numbers.
void check_counts(const PublishedTable& table, Forensics& forensics) {
  std::set<std::string> skipped;
  for (const auto& cell : table.cells) {
    if (cell.kind != "measured" || (cell.metric != "accuracy" && cell.metric != "wer")) continue;
    const auto& metric = table.metrics.at(cell.metric);
    const auto known = table.datasets.find(cell.dataset);
    std::optional<std::int64_t> of;
    if (known != table.datasets.end()) of = cell.metric == "wer" ? known->second.words : known->second.examples;
    if (!of) {
      if (skipped.insert(cell.dataset + cell.metric).second)
        forensics.skipped.push_back(fmt::format(
            "{} of {}: whether it is a count of the test set's {} is not checked; write '{} = N' into [dataset.{}]",
            cell.metric, cell.dataset, cell.metric == "wer" ? "words" : "examples",
            cell.metric == "wer" ? "words" : "examples", cell.dataset));
      continue;
    }
    const double whole = metric.percent() ? 100 : 1, count = static_cast<double>(*of);
    const double k = std::round(cell.value / whole * count);
    if (std::abs(k / count * whole - cell.value) > metric.half_unit() + 1e-9)
      add_finding(
          forensics, table, cell, "count", fmt::format("{}", cell.value),
          fmt::format("{:.{}f} or {:.{}f}", std::floor(cell.value / whole * count) / count * whole, metric.decimals + 1,
                      std::ceil(cell.value / whole * count) / count * whole, metric.decimals + 1),
          fmt::format("no whole number of {} gives it", *of));
  }
}

void check_shares(const PublishedTable& table, Forensics& forensics) {
  const double half = table.sparsity_half_unit();
  for (const auto& cell : table.cells) {
    if (cell.encoder_self_sparsity && cell.decoder_self_sparsity && cell.decoder_cross_sparsity &&
        cell.achieved_sparsity) {
      const double mean =
          (*cell.encoder_self_sparsity + *cell.decoder_self_sparsity + *cell.decoder_cross_sparsity) / 3;
      if (std::abs(mean - *cell.achieved_sparsity) > 2 * half + 1e-9)
        add_finding(forensics, table, cell, "site-shares", fmt::format("{} %", *cell.achieved_sparsity),
                    fmt::format("{:.2f} %", mean), "three kinds of sites of one size make up the whole");
    }
    if (cell.heads_kept.empty() || cell.heads_total.size() != cell.heads_kept.size() || !cell.achieved_sparsity)
      continue;
    // Of one kind of attention alone, the first, where the others are not pruned by the protocol.
    const auto kinds = cell.scope == "encoder-only" ? 1 : static_cast<std::ptrdiff_t>(cell.heads_kept.size());
    const auto kept = std::accumulate(cell.heads_kept.begin(), cell.heads_kept.begin() + kinds, std::int64_t{0});
    const auto total = std::accumulate(cell.heads_total.begin(), cell.heads_total.begin() + kinds, std::int64_t{0});
    const double sparsity =
        100 * (1 - static_cast<double>(kept) / static_cast<double>(std::max<std::int64_t>(total, 1)));
    if (std::abs(sparsity - *cell.achieved_sparsity) > half + 1e-6)
      add_finding(forensics, table, cell, "heads", fmt::format("{} %", *cell.achieved_sparsity),
                  fmt::format("{:.2f} %", sparsity), fmt::format("{} of {} heads are kept", kept, total));
  }
}

void check_dense_rows(const PublishedTable& table, Forensics& forensics) {
  std::map<std::string, std::map<double, std::vector<const PublishedCell*>>> dense;
  for (const auto& cell : table.cells) {
    const bool timed = cell.metric.find("latency") != std::string::npos ||
                       cell.metric.find("second") != std::string::npos ||
                       cell.metric.find("speed") != std::string::npos;
    if (timed || cell.kind != "measured" || cell.achieved_sparsity != 0.0) continue;
    dense[fmt::format("{}\n{}\n{}\n{}\n{}\n{}", cell.model, cell.dataset, cell.language, cell.metric, cell.start,
                      cell.variant)][cell.value]
        .push_back(&cell);
  }
  for (const auto& [name, values] : dense) {
    if (values.size() < 2) continue;
    const auto most = std::max_element(values.begin(), values.end(),
                                       [](auto& a, auto& b) { return a.second.size() < b.second.size(); });
    for (const auto& [value, cells] : values) {
      if (value == most->first) continue;
      for (const auto* cell : cells)
        add_finding(forensics, table, *cell, "dense-rows", fmt::format("{}", value), fmt::format("{}", most->first),
                    "an unpruned model has one value, whatever is pruned later");
    }
  }
}

void check_claims(const PublishedTable& table, Forensics& forensics) {
  for (const auto& claim : table.cells) {
    if (claim.kind != "claimed" || !claim.requested_sparsity) continue;
    const PublishedCell* differs = nullptr;
    bool holds = false;
    for (const auto& cell : table.cells) {
      if (cell.kind == "claimed" || cell.requested_sparsity != claim.requested_sparsity || !same_condition(cell, claim))
        continue;
      if (std::abs(cell.value - claim.value) < table.metrics.at(cell.metric).half_unit())
        holds = true;
      else
        differs = &cell;
    }
    if (differs != nullptr && !holds)
      add_finding(forensics, table, claim, "claim", fmt::format("{}", claim.value), fmt::format("{}", differs->value),
                  fmt::format("the source's own table says so in line {}", differs->line));
  }
}

void check_statements(const PublishedTable& table, Forensics& forensics) {
  for (const auto& statement : table.statements) {
    const auto metric = table.metrics.find(statement.metric);
    if (metric == table.metrics.end()) continue;
    std::map<std::string, const PublishedCell*> worse;
    const auto column = [](PublishedCell cell) {
      cell.scorer.clear();
      return fmt::format("{}\n{}", cell.series(), *cell.requested_sparsity);
    };
    for (const auto& cell : table.cells) {
      if (cell.scorer == statement.worse && cell.metric == statement.metric && cell.requested_sparsity &&
          cell.kind != "claimed")
        worse[column(cell)] = &cell;
    }
    std::int64_t compared = 0, against = 0;
    const PublishedCell *clearest = nullptr, *other = nullptr;
    for (const auto& cell : table.cells) {
      if (cell.scorer != statement.better || cell.metric != statement.metric || !cell.requested_sparsity ||
          cell.kind == "claimed")
        continue;
      const auto found = worse.find(column(cell));
      if (found == worse.end()) continue;
      ++compared;
      const double sign = metric->second.higher_is_better ? 1 : -1;
      const double gain = sign * (cell.value - found->second->value);
      if (gain >= 0) continue;
      ++against;
      if (clearest == nullptr || gain < sign * (clearest->value - other->value))
        clearest = &cell, other = found->second;
    }
    if (against == 0) continue;
    forensics.findings.push_back(
        {"statement", fmt::format("{}:{}", table.file, statement.line),
         fmt::format("{} of {} cells", against, compared), "none",
         fmt::format(
             "'{}' is not true of the source's own table in {} of {} cells; most clearly {} has {} (line {}) where "
             "{} has {} (line {})",
             statement.text, against, compared, clearest->words(), clearest->value, clearest->line, other->scorer,
             other->value, other->line)});
  }
}

}  // namespace espalier::published
