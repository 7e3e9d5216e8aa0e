// How long one forward pass takes: the compacted model against the dense one, in turns, in one process.
#pragma once

#include <cstdint>
#include <vector>

#include "cells/cell_settings.h"
#include "cells/point.h"
#include "engine/timing/paired_times.h"
#include "nn/model.h"
#include "tasks/task.h"

namespace espalier::engine {

// Median and 95 % interval of a sample (binomial order statistics; the extremes where there are fewer than six values).
struct MedianInterval {
  double median = 0, low = 0, high = 0;
};
MedianInterval median_interval(std::vector<double> values);

// The example in the middle of all lengths; of equally long ones the first in order. There is at least one.
std::int64_t typical_example(const data::Examples& examples);
// Its length, in tokens.
std::int64_t typical_length(const data::Examples& examples);

// Of one pass over a batch, warmed up.
double median_milliseconds(const nn::Model& model, const Batch& batch, std::int64_t repeats, const Watch& watch);

// Of pairs of times, dense and pruned, measured in turns; batch and length are left to be said.
Latency latency_of(const PairedTimes& times);

class EnergyMeter;

// Warmed up, then in turns: `repeats` passes of each at least, and where times spread up to so many times as many, while
// time is left (TurnsPlan). Energy apart from that, where there is a meter.
inline constexpr std::int64_t most_repeats = 100;
Latency measure_passes(const TimedPass& dense, const TimedPass& pruned, std::int64_t repeats, EnergyMeter* meter,
                       const Watch& watch);

// One result a batch size; the typical example of the split stands in every place of a batch. Times, energy where it can
// be had, and what a pass needs of memory.
std::vector<Latency> measure_latency(const nn::Model& dense, const nn::Model& pruned, const tasks::Split& split,
                                     const LatencySettings& settings, const nn::Device& device, const Watch& watch);

}  // namespace espalier::engine
