#include "published/verdicts.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "cells/lines/trajectory.h"
#include "certainty.h"
#include "own_series.h"
#include "statistics/paired.h"

namespace espalier::published {
namespace {

// What is needed of the own value beside the value itself.
struct Found {
  std::int64_t examples = 0;
  double margin = 0;   // of a time: half of its interval
  std::string device;  // of a time
};

// The same table, the same numbers.
constexpr std::uint64_t seed_of_resampling = 20240229;

class Judge {
 public:
  Judge(const PublishedTable& table, const std::vector<OwnPoint>& points, const VerdictRequest& request,
        const AnswerSource& answers)
      : table_(table), request_(request), answers_(answers), book_(table, points, request) {}

  CellVerdict judge(const PublishedCell& cell) {
    CellVerdict verdict;
    verdict.cell = &cell;
    compare(cell, book_.of(cell), verdict);
    return verdict;
  }
  RankingVerdict rank(const CellVerdict& better, const CellVerdict& worse);

 private:
  void compare(const PublishedCell& cell, const OwnSeries& own, CellVerdict& verdict) const;
  void place(const PublishedCell& cell, const OwnSeries& own, CellVerdict& verdict, Found& found) const;
  void see_certainty(const CellVerdict& better, const CellVerdict& worse, RankingVerdict& ranking);

  const PublishedTable& table_;
  const VerdictRequest& request_;
  const AnswerSource& answers_;
  SeriesBook book_;
};

// Half a unit of the last digit, and what the sampling of both test sets can make.
double tolerance_of(const PublishedTable& table, const PublishedCell& cell, const Found& found, double value,
                    std::string& why) {
  const auto& metric = table.metrics.at(cell.metric);
  const auto own = own_metric(cell.metric, metric);
  why = fmt::format("half a unit of the last digit {:g}", metric.half_unit());
  if (own.time) {
    why += fmt::format(
        " + half of the own interval {:.3g}; timed on {}, published on {}", found.margin,
        found.device.empty() ? "an unknown device" : found.device,
        cell.device.empty() ? "an unstated one: times of two machines may differ for that alone" : cell.device);
    return metric.half_unit() + found.margin;
  }
  if (!own.share_of_examples || found.examples <= 0) return metric.half_unit();
  const auto known = table.datasets.find(cell.dataset);
  const bool stated = known != table.datasets.end() && known->second.examples;
  const auto theirs = stated ? *known->second.examples : found.examples;
  const double error =
      std::hypot(share_error(value / own.factor, found.examples), share_error(cell.value / own.factor, theirs));
  why += fmt::format(" + 1.96 binomial standard errors of {} own and {} {} examples", found.examples, theirs,
                     stated ? "published" : "assumed published");
  return metric.half_unit() + 1.96 * error * own.factor;
}

// Finds the own value that stands where the cell does.
void Judge::place(const PublishedCell& cell, const OwnSeries& own, CellVerdict& verdict, Found& found) const {
  const double wanted =
      cell.granularity == "dense" ? 0 : cell.achieved_sparsity.value_or(cell.requested_sparsity.value_or(0));
  const auto best = own.nearest(wanted);
  if (!best) return;
  found.device = own.device;
  const double away = std::abs(own.points[*best].sparsity - wanted);
  const bool near = cell.kind == "nearest" ? away <= 5 : away <= (wanted == 0 ? 1e-9 : request_.distance);
  // An interpolated cell is met by the line, unless a point stands in the column itself.
  if (near && (cell.kind != "interpolated" || away < 1e-9)) {
    verdict.found = own.points[*best].value;
    verdict.key = own.keys[*best];
    if (own.behind[*best].size() == 1) verdict.own = own.behind[*best].front();
    found.examples = own.examples[*best];
    found.margin = own.margins[*best];
    return;
  }
  if (cell.kind == "nearest") return;
  if (const auto line = interpolate(own.points, wanted)) {
    verdict.found = line->value;
    verdict.key = own.keys[line->right];
    found.examples = std::min(own.examples[line->left], own.examples[line->right]);
    found.margin = std::max(own.margins[line->left], own.margins[line->right]);
    if (cell.kind == "measured") verdict.verdict = "interpolated";
  }
}

// Why there is nothing to compare with, the most telling reason first.
std::string why_missing(const OwnSeries& own) {
  if (own.waiting > 0) return fmt::format("{} own cells are not done", own.waiting);
  if (own.earlier > 0)
    return fmt::format(
        "{} own points are of an earlier version of the experiment, which does not hold them any more; 'espalier cells "
        "DB --stale' lists them",
        own.earlier);
  if (own.other_device > 0)
    return fmt::format("own times are of another device, {}, and say nothing of this one", own.device);
  if (own.other_sites > 0) return "own cells prune other kinds of sites";
  if (!own.why_none.empty()) return own.why_none;
  return own.points.empty() ? "no own cell has these axes" : "no own point is near this sparsity";
}

// What is told of a found value beside its tolerance: sparsities by kind of site that are not the published ones.
std::string kinds_that_differ(const PublishedCell& cell, const OwnPoint& own, double distance) {
  std::string text;
  const std::pair<const char*, const std::optional<double>*> kinds[] = {
      {"encoder-self", &cell.encoder_self_sparsity},
      {"decoder-self", &cell.decoder_self_sparsity},
      {"decoder-cross", &cell.decoder_cross_sparsity}};
  for (const auto& [kind, published] : kinds) {
    const auto found = own.sparsity_by_kind.find(kind);
    if (!*published || found == own.sparsity_by_kind.end()) continue;
    if (std::abs(found->second * 100 - **published) > distance)
      text += fmt::format("; sparsity of {} sites {:.2f} % here, {:.2f} % published", kind, found->second * 100,
                          **published);
  }
  return text;
}

void Judge::compare(const PublishedCell& cell, const OwnSeries& own, CellVerdict& verdict) const {
  Found found;
  place(cell, own, verdict, found);
  if (!verdict.found) {
    verdict.verdict = own.failed > 0 ? "failed" : "missing";
    verdict.why = why_missing(own);
    if (own.failed > 0) {
      verdict.key = own.failed_key;
      verdict.why = fmt::format("{} own cells failed: espalier show DB {}", own.failed, own.failed_key.substr(0, 12));
    }
    return;
  }
  std::string why;
  verdict.tolerance = request_.tolerance ? *request_.tolerance : tolerance_of(table_, cell, found, *verdict.found, why);
  verdict.why = request_.tolerance ? "the given tolerance" : why;
  if (verdict.own != nullptr) verdict.why += kinds_that_differ(cell, *verdict.own, request_.distance);
  const bool within = std::abs(*verdict.found - cell.value) <= verdict.tolerance + 1e-9;
  if (cell.kind == "claimed")
    verdict.verdict = within ? "supported" : "contradicted";
  else if (verdict.verdict.empty())
    verdict.verdict = within ? "within" : "outside";
}

// By what both said of the same examples where that is kept: examples that both find hard do not count as chance.
void Judge::see_certainty(const CellVerdict& better, const CellVerdict& worse, RankingVerdict& ranking) {
  const auto& metric = table_.metrics.at(better.cell->metric);
  const auto own = own_metric(better.cell->metric, metric);
  if (answers_ && better.own != nullptr && worse.own != nullptr) {
    if (const auto answers = answers_(*better.own, *worse.own, own.name)) {
      const auto test =
          statistics::paired_bootstrap(answers->first, answers->second, answers->weights, seed_of_resampling);
      const bool holds = *ranking.found_difference > 0;
      ranking.probability = *ranking.found_difference == 0 ? 0.5 : holds ? 1 - test.p / 2 : test.p / 2;
      ranking.test = fmt::format("paired bootstrap over {} examples", answers->weights.size());
      return;
    }
  }
  const auto& examples = book_.of(*better.cell).examples;
  if (!own.share_of_examples || examples.empty()) return;
  const double error = own.factor * std::hypot(share_error(*better.found / own.factor, examples.back()),
                                               share_error(*worse.found / own.factor, examples.back()));
  ranking.probability = probability_above_zero(*ranking.found_difference, error);
  ranking.test = "normal, the two taken as independent";
}

RankingVerdict Judge::rank(const CellVerdict& better, const CellVerdict& worse) {
  const auto& cell = *better.cell;
  const double sign = table_.metrics.at(cell.metric).higher_is_better ? 1 : -1;
  RankingVerdict ranking;
  ranking.claim = fmt::format("{}: {} before {}", cell.words(), cell.scorer, worse.cell->scorer);
  ranking.published_difference = sign * (cell.value - worse.cell->value);
  if (!better.found || !worse.found) {
    ranking.sentence = "not seen here: a value of one of the two is missing";
    return ranking;
  }
  ranking.found_difference = sign * (*better.found - *worse.found);
  see_certainty(better, worse, ranking);
  ranking.sentence =
      fmt::format("published {:+.4g}, here {:+.4g}", ranking.published_difference, *ranking.found_difference);
  if (ranking.probability)
    ranking.sentence += fmt::format("; seen with probability {:.3f} ({})", *ranking.probability, ranking.test);
  return ranking;
}

std::vector<RankingVerdict> rankings(const PublishedTable& table, const std::vector<CellVerdict>& verdicts,
                                     Judge& judge) {
  std::map<std::string, std::vector<const CellVerdict*>> columns;
  for (const auto& verdict : verdicts) {
    const auto& cell = *verdict.cell;
    if (!cell.requested_sparsity || cell.kind == "claimed" || cell.metric == "gflops" || cell.scorer == "unstated")
      continue;
    auto axes = cell;
    axes.scorer.clear();
    columns[fmt::format("{}\n{}", axes.series(), *cell.requested_sparsity)].push_back(&verdict);
  }
  std::vector<RankingVerdict> result;
  for (const auto& [column, cells] : columns) {
    for (std::size_t i = 0; i < cells.size(); ++i) {
      for (std::size_t j = i + 1; j < cells.size() && cells.size() <= 20; ++j) {
        const auto &one = *cells[i]->cell, &other = *cells[j]->cell;
        const bool first = (one.value > other.value) == table.metrics.at(one.metric).higher_is_better;
        if (one.value != other.value && one.scorer != other.scorer)
          result.push_back(judge.rank(*cells[first ? i : j], *cells[first ? j : i]));
      }
    }
  }
  return result;
}

}  // namespace

std::map<std::string, std::int64_t> TableVerdicts::summary() const {
  std::map<std::string, std::int64_t> counts;
  for (const char* verdict : {"within", "outside", "missing", "failed", "interpolated"}) counts[verdict] = 0;
  for (const auto& cell : cells) ++counts[cell.verdict];
  return counts;
}

bool TableVerdicts::is_negative() const {
  return std::any_of(cells.begin(), cells.end(), [](const auto& cell) { return cell.is_negative(); }) ||
         !own_forensics.findings.empty();
}

TableVerdicts judge(const PublishedTable& table, const std::vector<OwnPoint>& points, const VerdictRequest& request,
                    const AnswerSource& answers) {
  Judge judge(table, points, request, answers);
  TableVerdicts verdicts;
  for (const auto& cell : table.cells) verdicts.cells.push_back(judge.judge(cell));
  verdicts.rankings = rankings(table, verdicts.cells, judge);
  verdicts.forensics = check_table(table);
  verdicts.own_forensics = check_own(points);
  return verdicts;
}

}  // namespace espalier::published
