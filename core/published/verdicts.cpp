#include "published/verdicts.h"

#include <espalier/error.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "certainty.h"
#include "published/trajectory.h"
#include "words/names.h"

namespace espalier::published {
namespace {

// What a published metric is called in a database, and what one of its units is there.
struct OwnMetric {
  std::string name;
  double factor = 1;  // printed = factor * own
  bool share_of_examples = false;
};

OwnMetric own_metric(const std::string& name, const PublishedMetric& metric) {
  if (name == "gflops") return {"flops", 1e-9, false};
  if (name == "parameters_million") return {"parameters_total", 1e-6, false};
  const double factor = metric.percent() ? 100 : 1;
  if (name == "matthews") return {"mcc", factor, false};
  return {name, name == "bleu" ? 1 : factor, name == "accuracy"};
}

// Own values of one published series: means where several cells stand at one sparsity.
struct OwnSeries {
  std::vector<TrajectoryPoint> points;  // the dense one at 0 first
  std::vector<std::string> keys;
  std::vector<std::int64_t> examples;
  std::int64_t failed = 0, waiting = 0;
  std::string failed_key;
  std::string why_none;  // empty: the model and data set are there
};

class Judge {
 public:
  Judge(const PublishedTable& table, const std::vector<OwnPoint>& points, const VerdictRequest& request)
      : table_(table), request_(request) {
    for (const auto& point : points) by_place_[point.model + "\n" + point.dataset].push_back(&point);
    models_ = table.own_models;
    datasets_ = table.own_datasets;
    for (const auto& [name, own] : request.models) models_[name] = own;
    for (const auto& [name, own] : request.datasets) datasets_[name] = own;
    check_names();
  }

  CellVerdict judge(const PublishedCell& cell) const;
  OwnSeries series(const PublishedCell& cell) const;
  RankingVerdict rank(const PublishedCell& better, const PublishedCell& worse) const;

 private:
  void check_names() const;
  // "ast on keywords, ...", at most five.
  std::string places() const {
    std::vector<std::string> names;
    for (const auto& [place, points] : by_place_) {
      const auto end = place.find('\n');
      if (names.size() < 5) names.push_back(fmt::format("'{}' on '{}'", place.substr(0, end), place.substr(end + 1)));
    }
    return names.empty() ? "no cell at all" : join(names) + (by_place_.size() > 5 ? ", ..." : "");
  }
  static std::string named(const std::map<std::string, std::string>& names, const std::string& name) {
    const auto found = names.find(name);
    return found != names.end() ? found->second : name;
  }
  bool is_of(const OwnPoint& point, const PublishedCell& cell) const;
  void compare(const PublishedCell& cell, const OwnSeries& own, CellVerdict& verdict) const;
  void place(const PublishedCell& cell, const OwnSeries& own, CellVerdict& verdict, std::int64_t& examples) const;

  const PublishedTable& table_;
  const VerdictRequest& request_;
  std::map<std::string, std::string> models_, datasets_;
  std::map<std::string, std::vector<const OwnPoint*>> by_place_;
};

void Judge::check_names() const {
  std::set<std::string> models, datasets;
  for (const auto& cell : table_.cells) {
    models.insert(cell.model);
    datasets.insert(cell.dataset);
    if (!cell.language.empty()) datasets.insert(cell.dataset + "/" + cell.language);
  }
  std::string problems;
  const auto check = [&](const char* kind, const auto& names, const std::set<std::string>& known) {
    for (const auto& [name, own] : names) {
      if (known.count(name) == 0)
        problems += (problems.empty() ? "" : "\n") + unknown_name(kind, name, {known.begin(), known.end()});
    }
  };
  check("model of the published table", models_, models);
  check("dataset of the published table", datasets_, datasets);
  if (!problems.empty()) throw SettingsError(problems);
}

bool Judge::is_of(const OwnPoint& point, const PublishedCell& cell) const {
  const auto agree = [](const std::string& published, const std::string& own) {
    return published == "unstated" || published == own;
  };
  if (point.dense && point.state == "done") return true;
  return cell.granularity != "dense" && agree(cell.granularity, point.granularity) &&
         agree(cell.scorer, point.scorer) && agree(cell.scope, point.scope);
}

OwnSeries Judge::series(const PublishedCell& cell) const {
  OwnSeries own;
  auto dataset = named(datasets_, cell.dataset + "/" + cell.language);
  if (cell.language.empty() || datasets_.count(cell.dataset + "/" + cell.language) == 0)
    dataset = named(datasets_, cell.dataset);
  const auto found = by_place_.find(named(models_, cell.model) + "\n" + dataset);
  if (found == by_place_.end()) {
    own.why_none =
        fmt::format("the database has no '{}' on '{}'; it has {}", named(models_, cell.model), dataset, places());
    return own;
  }
  const auto metric = own_metric(cell.metric, table_.metrics.at(cell.metric));
  struct Sum {
    double value = 0;
    std::int64_t count = 0, examples = 0;
    std::string key;
  };
  std::map<std::int64_t, Sum> sums;  // by sparsity in millionths
  for (const auto* point : found->second) {
    if (!is_of(*point, cell)) continue;
    if (point->state == "failed") {
      ++own.failed;
      own.failed_key = point->key;
      continue;
    }
    if (point->state != "done") {
      ++own.waiting;
      continue;
    }
    const auto value = point->metrics.find(metric.name);
    if (value == point->metrics.end() || !std::isfinite(value->second)) continue;
    auto& sum = sums[point->dense ? 0 : std::llround(point->achieved_sparsity.value_or(0) * 1e6)];
    sum.value += value->second * metric.factor;
    ++sum.count;
    sum.examples = point->examples;
    sum.key = point->key;
  }
  for (const auto& [millionths, sum] : sums) {
    own.points.push_back({static_cast<double>(millionths) / 1e4, sum.value / static_cast<double>(sum.count)});
    own.keys.push_back(sum.key);
    own.examples.push_back(sum.examples);
  }
  return own;
}

// Half a unit of the last digit, and what the sampling of both test sets can make.
double tolerance_of(const PublishedTable& table, const PublishedCell& cell, std::int64_t examples, double found,
                    std::string& why) {
  const auto& metric = table.metrics.at(cell.metric);
  const auto own = own_metric(cell.metric, metric);
  why = fmt::format("half a unit of the last digit {:g}", metric.half_unit());
  if (!own.share_of_examples || examples <= 0) return metric.half_unit();
  const auto known = table.datasets.find(cell.dataset);
  const bool stated = known != table.datasets.end() && known->second.examples;
  const auto theirs = stated ? *known->second.examples : examples;
  const double error =
      std::hypot(share_error(found / own.factor, examples), share_error(cell.value / own.factor, theirs));
  why += fmt::format(" + 1.96 binomial standard errors of {} own and {} {} examples", examples, theirs,
                     stated ? "published" : "assumed published");
  return metric.half_unit() + 1.96 * error * own.factor;
}

// Finds the own value that stands where the cell does.
void Judge::place(const PublishedCell& cell, const OwnSeries& own, CellVerdict& verdict, std::int64_t& examples) const {
  const auto nearest = [&](double sparsity) {
    std::size_t best = 0;
    for (std::size_t i = 1; i < own.points.size(); ++i) {
      if (std::abs(own.points[i].sparsity - sparsity) < std::abs(own.points[best].sparsity - sparsity)) best = i;
    }
    return best;
  };
  const auto take = [&](std::size_t i) {
    verdict.found = own.points[i].value;
    verdict.key = own.keys[i];
    examples = own.examples[i];
  };
  const double wanted =
      cell.granularity == "dense" ? 0 : cell.achieved_sparsity.value_or(cell.requested_sparsity.value_or(0));
  const auto best = nearest(wanted);
  const double away = std::abs(own.points[best].sparsity - wanted);
  if (cell.kind == "nearest" ? away <= 5 : away <= (wanted == 0 ? 1e-9 : request_.distance)) {
    // An interpolated cell is met by the line, unless a point stands in the column itself.
    if (cell.kind != "interpolated" || away < 1e-9) return take(best);
  }
  if (cell.kind == "nearest") return;
  if (const auto line = interpolate(own.points, wanted)) {
    verdict.found = line->value;
    verdict.key = own.keys[line->right];
    examples = std::min(own.examples[line->left], own.examples[line->right]);
    if (cell.kind == "measured") verdict.verdict = "interpolated";
  }
}

void Judge::compare(const PublishedCell& cell, const OwnSeries& own, CellVerdict& verdict) const {
  std::int64_t examples = 0;
  if (!own.points.empty()) place(cell, own, verdict, examples);
  if (!verdict.found) {
    verdict.verdict = own.failed > 0 ? "failed" : "missing";
    if (own.failed > 0) {
      verdict.key = own.failed_key;
      verdict.why = fmt::format("{} own cells failed: espalier show DB {}", own.failed, own.failed_key.substr(0, 12));
    } else if (own.waiting > 0) {
      verdict.why = fmt::format("{} own cells are not done", own.waiting);
    } else {
      verdict.why = !own.why_none.empty() ? own.why_none
                    : own.points.empty()  ? "no own cell has these axes"
                                          : "no own point is near this sparsity";
    }
    return;
  }
  std::string why;
  verdict.tolerance =
      request_.tolerance ? *request_.tolerance : tolerance_of(table_, cell, examples, *verdict.found, why);
  verdict.why = request_.tolerance ? "the given tolerance" : why;
  const bool within = std::abs(*verdict.found - cell.value) <= verdict.tolerance + 1e-9;
  if (cell.kind == "claimed")
    verdict.verdict = within ? "supported" : "contradicted";
  else if (verdict.verdict.empty())
    verdict.verdict = within ? "within" : "outside";
}

CellVerdict Judge::judge(const PublishedCell& cell) const {
  CellVerdict verdict;
  verdict.cell = &cell;
  compare(cell, series(cell), verdict);
  return verdict;
}

RankingVerdict Judge::rank(const PublishedCell& better, const PublishedCell& worse) const {
  const auto& metric = table_.metrics.at(better.metric);
  const double sign = metric.higher_is_better ? 1 : -1;
  RankingVerdict ranking;
  ranking.claim = fmt::format("{}: {} before {}", better.words(), better.scorer, worse.scorer);
  ranking.published_difference = sign * (better.value - worse.value);
  const auto one = judge(better), other = judge(worse);
  if (!one.found || !other.found) {
    ranking.sentence = "not seen here: a value of one of the two is missing";
    return ranking;
  }
  ranking.found_difference = sign * (*one.found - *other.found);
  const auto own = own_metric(better.metric, metric);
  const auto examples = series(better).examples;
  if (own.share_of_examples && !examples.empty()) {
    const double error = own.factor * std::hypot(share_error(*one.found / own.factor, examples.back()),
                                                 share_error(*other.found / own.factor, examples.back()));
    ranking.probability = probability_above_zero(*ranking.found_difference, error);
  }
  ranking.sentence =
      fmt::format("published {:+.4g}, here {:+.4g}", ranking.published_difference, *ranking.found_difference);
  if (ranking.probability)
    ranking.sentence +=
        fmt::format("; seen with probability {:.3f} (normal, the two taken as independent)", *ranking.probability);
  return ranking;
}

std::vector<RankingVerdict> rankings(const PublishedTable& table, const Judge& judge) {
  std::map<std::string, std::vector<const PublishedCell*>> columns;
  for (const auto& cell : table.cells) {
    if (!cell.requested_sparsity || cell.kind == "claimed" || cell.metric == "gflops" || cell.scorer == "unstated")
      continue;
    auto axes = cell;
    axes.scorer.clear();
    columns[fmt::format("{}\n{}", axes.series(), *cell.requested_sparsity)].push_back(&cell);
  }
  std::vector<RankingVerdict> result;
  for (const auto& [column, cells] : columns) {
    for (std::size_t i = 0; i < cells.size(); ++i) {
      for (std::size_t j = i + 1; j < cells.size() && cells.size() <= 20; ++j) {
        const bool higher = table.metrics.at(cells[i]->metric).higher_is_better;
        const bool first = (cells[i]->value > cells[j]->value) == higher;
        if (cells[i]->value != cells[j]->value && cells[i]->scorer != cells[j]->scorer)
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

TableVerdicts judge(const PublishedTable& table, const std::vector<OwnPoint>& points, const VerdictRequest& request) {
  const Judge judge(table, points, request);
  TableVerdicts verdicts;
  for (const auto& cell : table.cells) verdicts.cells.push_back(judge.judge(cell));
  verdicts.rankings = rankings(table, judge);
  verdicts.forensics = check_table(table);
  verdicts.own_forensics = check_own(points);
  return verdicts;
}

}  // namespace espalier::published
