// Two things timed in turns, and how much longer the second takes: an interval that holds where times are noisy, where
// one disturbance lasts over many passes, and where the machine gets slower meanwhile. No tensors.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

namespace espalier::engine {

// Times in the order in which they were taken; the passes of one place stood next to each other. Two places that follow
// each other, from an even one on, were taken there and back (one, other, other, one), so that what changes evenly with
// time weighs on both alike.
struct PairedTimes {
  std::vector<double> one, other;
};

// What `other` takes over what `one` takes.
struct TimeRatio {
  // The mean of rounds, each the median of its pairs, as many of which began with one as with the other, and its 99 % interval: Student's t over
  // rounds, wider where rounds that follow each other are alike. Without two rounds there is no interval: not a number.
  double ratio = 1, low = 1, high = 1;
  std::int64_t outliers = 0;  // ratios outside of Tukey's fences, 1.5 interquartile ranges beyond the quartiles
  // Half of the interval, as a share of the ratio; infinite without one.
  double half_width() const;
};
TimeRatio ratio_of(const PairedTimes& times);

// How long to go on.
struct TurnsPlan {
  std::int64_t least_pairs = 50, most_pairs = 1000;
  double half_width = 0.0075;    // narrow enough
  double extra_seconds = 8;      // beyond the least pairs, at most so much, or
  double extra_share = 3;        // so many times what the least pairs took, whichever is more
  std::uint64_t order_seed = 0;  // which goes first is drawn anew for each two pairs
};

// Milliseconds of one pass.
using TimedPass = std::function<double()>;
// Both in turns: the least pairs, then more until the interval is narrow, or pairs or time are used up. `check` is called
// before each pair and may throw.
PairedTimes timed_in_turns(const TimedPass& one, const TimedPass& other, const TurnsPlan& plan,
                           const std::function<void()>& check);

}  // namespace espalier::engine
