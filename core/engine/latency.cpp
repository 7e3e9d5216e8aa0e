#include "latency.h"

#include <ATen/Parallel.h>
#include <c10/core/InferenceMode.h>
#include <espalier/error.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <numeric>

#include "nn/device.h"
#include "timing/energy.h"
#include "timing/pass_memory.h"

namespace espalier::engine {
namespace {

// Until caches and clocks are as they stay.
constexpr int least_warm_ups = 3;
constexpr double warm_milliseconds = 60;

double milliseconds_of(const nn::Model& model, const Batch& batch) {
  nn::synchronize(model.device());
  const auto begun = std::chrono::steady_clock::now();
  model.logits({&batch, 1});
  nn::synchronize(model.device());
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begun).count();
}

void warm_up(const TimedPass& pass) {
  double milliseconds = 0;
  for (int i = 0; i < least_warm_ups || milliseconds < warm_milliseconds; ++i) milliseconds += pass();
}

// Joules of one pass of each, in turns that last long enough for the meter's steps.
void measure_energy(const TimedPass& dense, const TimedPass& pruned, EnergyMeter& meter, Latency& latency,
                    const Watch& watch) {
  struct Used {
    double joules = 0;
    std::int64_t passes = 0;
  };
  Used of_dense, of_pruned;
  const auto turn = [&](const TimedPass& pass, Used& used) {
    const auto before = meter.joules();
    double milliseconds = 0;
    do {
      watch.check();
      milliseconds += pass();
      ++used.passes;
    } while (milliseconds < 500 * meter.least_seconds());
    used.joules += meter.joules() - before;
  };
  turn(dense, of_dense);
  turn(pruned, of_pruned);
  turn(pruned, of_pruned);
  turn(dense, of_dense);
  if (of_dense.joules <= 0 || of_pruned.joules <= 0) return;  // a counter that stands still counts nothing
  latency.dense_joules = of_dense.joules / static_cast<double>(of_dense.passes);
  latency.pruned_joules = of_pruned.joules / static_cast<double>(of_pruned.passes);
  latency.energy_source = meter.source();
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
  for (int i = 0; i < least_warm_ups; ++i) milliseconds_of(model, batch);
  std::vector<double> times;
  for (std::int64_t repeat = 0; repeat < repeats; ++repeat) {
    watch.check();
    times.push_back(milliseconds_of(model, batch));
  }
  return median_interval(std::move(times)).median;
}

// A second estimator, the median of the pruned times, would now and then disagree with the ratio on which is faster.
Latency latency_of(const PairedTimes& times) {
  const auto ratio = ratio_of(times);
  const auto milliseconds = median_interval(times.one).median;
  Latency latency;
  latency.dense_milliseconds = milliseconds;
  latency.pruned_milliseconds = milliseconds * ratio.ratio;
  latency.ratio = ratio.ratio;
  latency.ratio_low = ratio.low;
  latency.ratio_high = ratio.high;
  latency.outliers = ratio.outliers;
  latency.repeats = static_cast<std::int64_t>(times.one.size());
  latency.threads = at::get_num_threads();
  return latency;
}

Latency measure_passes(const TimedPass& dense, const TimedPass& pruned, std::int64_t repeats, EnergyMeter* meter,
                       const Watch& watch) {
  warm_up(dense);
  warm_up(pruned);
  TurnsPlan plan;
  plan.least_pairs = repeats;
  plan.most_pairs = most_repeats * repeats;
  auto latency = latency_of(timed_in_turns(dense, pruned, plan, [&] { watch.check(); }));
  if (meter != nullptr) measure_energy(dense, pruned, *meter, latency, watch);
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
  const auto meter = energy_meter(device);
  std::vector<Latency> results;
  const auto example = typical_example(*split.examples);
  const auto sizes = settings.batch.empty() ? std::vector<std::int64_t>{1} : settings.batch;
  for (const auto size : sizes) {
    const data::Rows rows(static_cast<std::size_t>(size), example);
    const auto batch = split.examples->batch(rows);
    results.push_back(measure_passes([&] { return milliseconds_of(dense, batch); },
                                     [&] { return milliseconds_of(pruned, batch); }, settings.repeats, meter.get(),
                                     watch));
    results.back().dense_peak_bytes = pass_bytes(dense, batch);
    results.back().pruned_peak_bytes = pass_bytes(pruned, batch);
    results.back().device = device.text();
    results.back().batch = size;
    results.back().length = split.examples->length(example);
  }
  return results;
}

}  // namespace espalier::engine
