#include "own_series.h"

#include <espalier/error.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <utility>

#include "words/names.h"

namespace espalier::published {
namespace {

std::string named(const std::map<std::string, std::string>& names, const std::string& name) {
  const auto found = names.find(name);
  return found != names.end() ? found->second : name;
}

bool agree(const std::string& published, const std::string& own) { return published == "unstated" || published == own; }

// A protocol that prunes some kinds of sites alone is the setting `sites` here; nothing: the scope is a scope.
std::optional<std::string> sites_of(const std::string& scope) {
  if (scope == "encoder-only") return "encoder-self";
  if (scope == "encoder-decoder-only") return "decoder-cross";
  return std::nullopt;
}

bool is_of(const OwnPoint& point, const PublishedCell& cell) {
  if (point.dense && point.state == "done") return true;
  if (cell.granularity == "dense" || !agree(cell.granularity, point.granularity) || !agree(cell.scorer, point.scorer))
    return false;
  const auto sites = sites_of(cell.scope);
  return sites ? point.sites == *sites : agree(cell.scope, point.scope);
}

// A kind of site that one of the two prunes and the other does not makes two methods of them.
bool prunes_other_sites(const OwnPoint& point, const PublishedCell& cell) {
  if (point.dense || cell.granularity == "dense" || cell.iteration == 0) return false;
  const std::pair<const char*, const std::optional<double>*> kinds[] = {
      {"encoder-self", &cell.encoder_self_sparsity},
      {"decoder-self", &cell.decoder_self_sparsity},
      {"decoder-cross", &cell.decoder_cross_sparsity}};
  for (const auto& [kind, published] : kinds) {
    const auto own = point.sparsity_by_kind.find(kind);
    if (*published && own != point.sparsity_by_kind.end() && (**published > 0) != (own->second > 0)) return true;
  }
  return false;
}

// Where a data set states its language here, and the published cell has one: two languages are two data sets.
bool is_of_language(const OwnPoint& point, const PublishedCell& cell) {
  const bool one = cell.language.find_first_of("+-") == std::string::npos;
  return point.language.empty() || cell.language.empty() || !one || point.language == cell.language;
}

// Times mean something on one device alone. "A100" is a word of "cuda:0, NVIDIA A100-SXM4-40GB".
bool is_other_device(const OwnPass& pass, const PublishedCell& cell) {
  return !cell.device.empty() && pass.device.find(cell.device) == std::string::npos;
}

}  // namespace

struct SeriesBook::Sum {
  double value = 0, margin = 0;
  std::int64_t count = 0, examples = 0;
  std::string key;
  bool broken = false;
  std::vector<const OwnPoint*> behind;
};

OwnMetric own_metric(const std::string& name, const PublishedMetric& metric) {
  if (name == "gflops") return {"flops", 1e-9, false, false};
  if (name == "parameters_million") return {"parameters_total", 1e-6, false, false};
  if (name == "latency_ms") return {"milliseconds", 1, false, true};
  const double factor = metric.percent() ? 100 : 1;
  if (name == "matthews") return {"mcc", factor, false, false};
  return {name, name == "bleu" ? 1 : factor, name == "accuracy", false};
}

std::optional<std::size_t> OwnSeries::nearest(double sparsity) const {
  std::optional<std::size_t> best;
  for (std::size_t i = 0; i < points.size(); ++i) {
    if (behind[i].empty()) continue;
    if (!best || std::abs(points[i].sparsity - sparsity) < std::abs(points[*best].sparsity - sparsity)) best = i;
  }
  return best;
}

SeriesBook::SeriesBook(const PublishedTable& table, const std::vector<OwnPoint>& points, const VerdictRequest& request)
    : table_(table), models_(table.own_models), datasets_(table.own_datasets) {
  for (const auto& point : points) by_place_[point.model + "\n" + point.dataset].push_back(&point);
  for (const auto& [name, own] : request.models) models_[name] = own;
  for (const auto& [name, own] : request.datasets) datasets_[name] = own;
  check_names();
}

void SeriesBook::check_names() const {
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

std::string SeriesBook::places() const {
  std::vector<std::string> names;
  for (const auto& [place, points] : by_place_) {
    const auto end = place.find('\n');
    if (names.size() < 5) names.push_back(fmt::format("'{}' on '{}'", place.substr(0, end), place.substr(end + 1)));
  }
  return names.empty() ? "no cell at all" : join(names) + (by_place_.size() > 5 ? ", ..." : "");
}

const OwnSeries& SeriesBook::of(const PublishedCell& cell) {
  // Which kinds of sites are pruned is a part of what a series is, beside its axes.
  const auto pruned = [](const std::optional<double>& sparsity) { return !sparsity ? '-' : *sparsity > 0 ? '1' : '0'; };
  const auto name =
      fmt::format("{}\n{}{}{}{}", cell.series(), pruned(cell.encoder_self_sparsity), pruned(cell.decoder_self_sparsity),
                  pruned(cell.decoder_cross_sparsity), cell.iteration == 0 ? 'd' : 'p');
  const auto found = series_.find(name);
  return found != series_.end() ? found->second : series_.emplace(name, made(cell)).first->second;
}

void SeriesBook::see(const OwnPoint& point, const PublishedCell& cell, const OwnMetric& metric,
                     std::map<std::int64_t, Sum>& sums, OwnSeries& own) const {
  if (!is_of(point, cell) || !is_of_language(point, cell)) return;
  if (!point.current) {
    ++own.earlier;
    return;
  }
  if (point.state != "done") {
    ++(point.state == "failed" ? own.failed : own.waiting);
    if (point.state == "failed") own.failed_key = point.key;
    // It stands where it was to stand, so that no line is read off over it.
    if (point.requested_sparsity) sums[std::llround(*point.requested_sparsity * 1e6)].broken = true;
    return;
  }
  if (prunes_other_sites(point, cell)) {
    ++own.other_sites;
    return;
  }
  double value = 0, margin = 0;
  if (metric.time) {
    const auto pass = point.passes.find(cell.batch_size.value_or(1));
    if (pass == point.passes.end()) return;
    if (is_other_device(pass->second, cell)) {
      ++own.other_device;
      own.device = pass->second.device;
      return;
    }
    value = pass->second.milliseconds;
    margin = (pass->second.high - pass->second.low) / 2;
    own.device = pass->second.device;
  } else {
    const auto found = point.metrics.find(metric.name);
    if (found == point.metrics.end() || !std::isfinite(found->second)) return;
    value = found->second;
  }
  auto& sum = sums[point.dense ? 0 : std::llround(point.achieved_sparsity.value_or(0) * 1e6)];
  sum.value += value * metric.factor;
  sum.margin = std::max(sum.margin, margin * metric.factor);
  ++sum.count;
  sum.examples = point.examples;
  sum.key = point.key;
  sum.behind.push_back(&point);
}

OwnSeries SeriesBook::made(const PublishedCell& cell) const {
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
  std::map<std::int64_t, Sum> sums;  // by sparsity in millionths
  for (const auto* point : found->second) see(*point, cell, metric, sums, own);
  for (const auto& [millionths, sum] : sums) {
    // A value after a training that broke off is one, and no end of a line.
    const bool diverged = std::any_of(sum.behind.begin(), sum.behind.end(),
                                      [](const OwnPoint* point) { return point->kind == "diverged"; });
    own.points.push_back({static_cast<double>(millionths) / 1e4,
                          sum.count > 0 ? sum.value / static_cast<double>(sum.count) : 0, sum.broken || diverged});
    own.keys.push_back(sum.key);
    own.examples.push_back(sum.examples);
    own.margins.push_back(sum.margin);
    own.behind.push_back(sum.behind);
  }
  return own;
}

}  // namespace espalier::published
