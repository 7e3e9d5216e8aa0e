#include "measure/head_map.h"

#include <ATen/ops/ones.h>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>

#include "measure/clock.h"
#include "nn/arithmetic.h"
#include "nn/series/mask_series.h"

namespace espalier::worker {
namespace {

// Masks that are evaluated together: those of a few sites share all that lies before them, and what they answer is held
// in memory until the last is done.
constexpr std::int64_t least_masks = 24, most_masks = 256;
constexpr double seconds_together = 10;  // about as often is told how far it is

std::string left_text(double seconds) {
  return seconds < 100 ? fmt::format("{:.0f} s", seconds) : fmt::format("{:.0f} min", seconds / 60);
}

std::string unit_name(const Units& units, std::int64_t number) {
  const auto& unit = units[number];
  const auto& site = units.sites()[static_cast<std::size_t>(unit.site)].name;
  std::string name = unit.head < 0 ? site : fmt::format("head {} of {}", unit.head, site);
  return unit.channel < 0 ? name : fmt::format("{} channel {} of {}", to_string(unit.kind), unit.channel, name);
}

std::vector<Mask> masks_without(const Units& units, std::int64_t begin, std::int64_t end) {
  auto kept = at::ones({units.count()}, at::kBool);  // [units]
  std::vector<Mask> masks;
  for (auto i = begin; i < end; ++i) {
    kept[i] = false;
    masks.push_back(units.mask(kept));
    kept[i] = true;
  }
  return masks;
}

// Before anything is computed.
void require_metric(const tasks::Task& task, const std::string& metric) {
  tasks::Metrics any;
  for (const auto& name : metrics_of(task.dataset().format)) any[name] = 0;
  task.quality(any, metric);
}

}  // namespace

HeadMap leave_one_out(const Subject& subject, const Units& units, const std::string& metric, ComputeType compute,
                      const std::string& name, const Watch& watch) {
  const auto& task = *subject.task;
  const auto& split = *subject.split;
  const auto place = task.device().place;
  const nn::ComputeGuard arithmetic(compute, place);
  nn::MaskSeries series(*subject.model, compute, {}, nn::prefix_bytes(place, task.device().memory_bytes));
  HeadMap map;
  map.metric = metric.empty() ? task.ranking_metrics().at(0) : metric;
  require_metric(task, map.metric);
  auto begun = Clock::now();
  map.dense = task.evaluate(series.model(), split);
  tasks::require_numbers(map.dense, fmt::format("{}: the model", name), split.name);
  const double quality = task.quality(map.dense.metrics, map.metric);
  const auto dense_loss = map.dense.metrics.find("cross_entropy");
  double seconds_a_mask = seconds_since(begun);
  begun = Clock::now();
  for (std::int64_t done = 0; done < units.count();) {
    const auto together = static_cast<std::int64_t>(std::min(seconds_together / seconds_a_mask, 1e9));
    const auto end = std::min(done + std::clamp(together, least_masks, most_masks), units.count());
    const auto group_begun = Clock::now();
    const auto evaluations = task.evaluate_each(series, masks_without(units, done, end), split);
    for (const auto& evaluation : evaluations) {
      tasks::require_numbers(
          evaluation, fmt::format("{}: the model without {}", name, unit_name(units, std::ssize(map.metric_loss))),
          split.name);
      map.metric_loss.push_back(quality - task.quality(evaluation.metrics, map.metric));
      if (dense_loss != map.dense.metrics.end())
        map.loss.push_back(evaluation.metrics.at("cross_entropy") - dense_loss->second);
      map.multiply_adds += evaluation.multiply_adds;
      map.plain_multiply_adds += map.dense.multiply_adds;
    }
    // The pace of late: masks of later sites begin later, and take less.
    seconds_a_mask = std::max(seconds_since(group_begun) / static_cast<double>(end - done), 1e-9);
    done = end;
    map.seconds = seconds_since(begun);
    if (done == units.count() || map.seconds < 1) continue;
    watch.tell(fmt::format("map: {} of {} masks, {:.3g} masks/s, {} left", done, units.count(), 1 / seconds_a_mask,
                           left_text(seconds_a_mask * static_cast<double>(units.count() - done))));
  }
  return map;
}

}  // namespace espalier::worker
