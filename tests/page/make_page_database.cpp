// make_page_database FILE CELLS [NAME]: a database of so many cells for tests of the page; scorers carry NAME.
#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <nlohmann/json.hpp>
#include <tuple>

#include "sample_cells.h"

namespace espalier {
namespace {

Point pruned_point(int cell, double sparsity, double accuracy) {
  auto point = test::sample_point("pruned", sparsity, {{"accuracy", accuracy}, {"macro_f1", accuracy - 0.02}});
  point.mask_digest = "mask" + std::to_string(cell);
  PointDetails details;
  for (int layer = 0; layer < 6; ++layer) {
    SiteLeft site;
    site.site = "bert.encoder.layer." + std::to_string(layer) + ".attention.self";
    site.heads_dense = 12;
    site.head_dim = 32;
    std::vector<std::int64_t> left;
    for (int head = 0; head < 12; ++head)
      left.push_back((cell * 7 + layer * 5 + head * 11) % 100 < sparsity * 100 ? 0 : 32);
    site.heads = std::count(left.begin(), left.end(), 32);
    site.qk = site.vo = left;
    details.sites.push_back(site);
  }
  const auto kept = static_cast<std::int64_t>(1e6 * (1 - sparsity / 3));
  details.operations = OperationsLeft{64, 1000000, kept, 500000, kept / 2};
  if (cell % 10 == 0) {
    SearchRecord search;
    for (int step = 0; step < 5; ++step)
      search.trajectory.push_back({{"evaluations", step * 10.0}, {"loss", 1.0 / (step + 1) + cell % 7 * 0.01}});
    details.search = search;
  }
  point.details = details;
  Latency latency;
  latency.batch = 8;
  latency.length = 64;
  latency.dense_milliseconds = 10;
  latency.ratio = 1 - sparsity / 2;
  latency.ratio_low = latency.ratio - 0.02;
  latency.ratio_high = latency.ratio + 0.02;
  latency.pruned_milliseconds = 10 * latency.ratio;
  latency.repeats = 30;
  latency.device = "cpu";
  if (cell % 20 == 0) point.latency = {latency};
  return point;
}

// Two steps on the way of a schedule, of which the second was recovered, before the cell's result.
void add_steps(Attempt& attempt, double sparsity, double accuracy) {
  auto result = attempt.points.back();
  attempt.points.pop_back();
  for (const auto& [step, kind, share] : {std::tuple{1, "pruned", 0.3}, {2, "pruned", 0.6}, {2, "recovered", 0.6}}) {
    auto point = test::sample_point(kind, sparsity * share, {{"accuracy", accuracy + 0.01}});
    point.step = step;
    attempt.points.push_back(point);
  }
  result.step = 3;
  attempt.points.push_back(result);
}

void fill(const std::string& file, int count, const std::string& name) {
  store::ResultStore store(file, store::Mode::Create);
  std::vector<store::NewCell> cells;
  const char* scorers[] = {"magnitude", "fisher", "taylor", "random"};
  for (int i = 0; i < count; ++i) {
    auto settings = test::sample_settings();
    settings.scorer.name = scorers[i % 4] + name;
    settings.budget.value = 0.1 * (1 + i / 4 % 9);
    settings.seed = i / 36;
    cells.push_back({"k" + std::to_string(i), json_text(to_json(settings))});
  }
  store.insert({"demo", "Which heads can be spared" + name + "?", "demo.toml", "digest"}, cells, false);
  for (int i = 0; i < count; ++i) {
    const auto claim = store.claim("demo", "worker", 1000);
    if (!claim) return;
    if (i % 23 == 22) {
      store.finish(*claim, test::failed_attempt("the memory of the device did not suffice" + name));
      continue;
    }
    const auto settings = nlohmann::json::parse(claim->settings);
    const double sparsity = settings.at("budget").at("value").get<double>();
    const double accuracy = 0.93 - sparsity * sparsity * (0.2 + 0.12 * (i % 4)) + 0.004 * (i / 36 % 5);
    auto attempt = test::done_attempt(accuracy, sparsity, 0.93);
    attempt.points.back() = pruned_point(i, sparsity, accuracy);
    if (i % 50 == 7) add_steps(attempt, sparsity, accuracy);
    store.finish(*claim, attempt);
  }
}

}  // namespace
}  // namespace espalier

int main(int count, char** words) {
  if (count < 3) {
    std::cerr << "usage: make_page_database FILE CELLS [NAME]\n";
    return 2;
  }
  espalier::fill(words[1], std::atoi(words[2]), count > 3 ? words[3] : "");
  return 0;
}
