#include "latency.h"

#include <ATen/Parallel.h>
#include <c10/core/InferenceMode.h>
#include <espalier/error.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <numeric>

#include "nn/device.h"

namespace espalier::engine {
namespace {

constexpr int warm_ups = 3;

double milliseconds_of(const nn::Model& model, const Batch& batch) {
  nn::synchronize(model.device());
  const auto begun = std::chrono::steady_clock::now();
  model.logits({&batch, 1});
  nn::synchronize(model.device());
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begun).count();
}

}  // namespace

MedianInterval median_interval(std::vector<double> values) {
  if (values.empty()) return {};
  std::sort(values.begin(), values.end());
  const auto n = values.size();
  const double median = n % 2 == 1 ? values[n / 2] : (values[n / 2 - 1] + values[n / 2]) / 2;
  // The most extreme pair of order statistics k, n - 1 - k with P(Binomial(n, 1/2) <= k) <= 2.5 %.
  double chance = std::pow(0.5, static_cast<double>(n)), below = chance;
  std::size_t k = 0;
  while (k + 1 < n / 2) {
    chance *= static_cast<double>(n - k) / static_cast<double>(k + 1);
    if (below + chance > 0.025) break;
    below += chance;
    ++k;
  }
  return {median, values[k], values[n - 1 - k]};
}

std::int64_t typical_example(const data::Examples& examples) {
  auto order = data::rows_with_loss(examples);
  if (order.empty()) {  // all in chunks: their first windows are as long as any
    order.resize(static_cast<std::size_t>(examples.size()));
    std::iota(order.begin(), order.end(), std::int64_t{0});
  }
  const auto middle = order.begin() + static_cast<std::ptrdiff_t>(order.size() / 2);
  std::nth_element(order.begin(), middle, order.end(), [&](std::int64_t a, std::int64_t b) {
    return std::pair(examples.length(a), a) < std::pair(examples.length(b), b);
  });
  return *middle;
}

std::int64_t typical_length(const data::Examples& examples) { return examples.length(typical_example(examples)); }

double median_milliseconds(const nn::Model& model, const Batch& batch, std::int64_t repeats, const Watch& watch) {
  const c10::InferenceMode inference;
  for (int i = 0; i < warm_ups; ++i) milliseconds_of(model, batch);
  std::vector<double> times;
  for (std::int64_t repeat = 0; repeat < repeats; ++repeat) {
    watch.check();
    times.push_back(milliseconds_of(model, batch));
  }
  return median_interval(std::move(times)).median;
}

// A second estimator, the median of the pruned times, would now and then disagree with the ratio on which is faster.
Latency latency_of(const std::vector<double>& dense, const std::vector<double>& pruned) {
  std::vector<double> ratios;
  for (std::size_t i = 0; i < dense.size(); ++i) ratios.push_back(pruned[i] / dense[i]);
  const auto ratio = median_interval(ratios);
  const auto milliseconds = median_interval(dense).median;
  Latency latency;
  latency.dense_milliseconds = milliseconds;
  latency.pruned_milliseconds = milliseconds * ratio.median;
  latency.ratio = ratio.median;
  latency.ratio_low = ratio.low;
  latency.ratio_high = ratio.high;
  latency.repeats = static_cast<std::int64_t>(dense.size());
  latency.threads = at::get_num_threads();
  return latency;
}

std::vector<Latency> measure_latency(const nn::Model& dense, const nn::Model& pruned, const tasks::Split& split,
                                     const LatencySettings& settings, const nn::Device& device, const Watch& watch) {
  // A run refuses it before it starts; a worker of another run may claim the cell all the same.
  if (settings.device && to_string(*settings.device) != device.kind()) {
    throw SettingsError(std::string("[measure] latency asks for times on ") + to_string(*settings.device) +
                        ", and this worker computes on " + device.text() + "\n    run with --devices " +
                        to_string(*settings.device));
  }
  const c10::InferenceMode inference;
  std::vector<Latency> results;
  const auto example = typical_example(*split.examples);
  const auto sizes = settings.batch.empty() ? std::vector<std::int64_t>{1} : settings.batch;
  for (const auto size : sizes) {
    const data::Rows rows(static_cast<std::size_t>(size), example);
    const auto batch = split.examples->batch(rows);
    for (int i = 0; i < warm_ups; ++i) {
      milliseconds_of(dense, batch);
      milliseconds_of(pruned, batch);
    }
    std::vector<double> of_dense, of_pruned;
    for (std::int64_t repeat = 0; repeat < settings.repeats; ++repeat) {
      watch.check();
      double first = 0, second = 0;
      if (repeat % 2 == 0) {
        first = milliseconds_of(dense, batch);
        second = milliseconds_of(pruned, batch);
      } else {
        second = milliseconds_of(pruned, batch);
        first = milliseconds_of(dense, batch);
      }
      of_dense.push_back(first);
      of_pruned.push_back(second);
    }
    results.push_back(latency_of(of_dense, of_pruned));
    results.back().device = device.text();
    results.back().batch = size;
    results.back().length = split.examples->length(example);
  }
  return results;
}

}  // namespace espalier::engine
