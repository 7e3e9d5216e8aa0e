#include "engine/timing/paired_times.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <random>

namespace espalier::engine {
namespace {

// Rounds that an interval is of, and how many turns a round holds at least where there are enough for that.
constexpr std::size_t most_rounds = 16, least_rounds = 5, least_of_a_round = 3;
// Of Student's t, by degrees of freedom from 1 on: what 99.5 % lie below.
constexpr double student[most_rounds - 1] = {63.657, 9.925, 5.841, 4.604, 4.032, 3.707, 3.499, 3.355,
                                             3.250,  3.169, 3.106, 3.055, 3.012, 2.977, 2.947};
// An estimate from few rounds; beyond, nothing would be left to learn from them.
constexpr double most_correlation = 0.8;
// Between two looks at the interval.
constexpr std::int64_t pairs_a_look = 20;

double quantile(const std::vector<double>& sorted, double share) {
  const double place = share * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<std::size_t>(place);
  const auto above = std::min(below + 1, sorted.size() - 1);
  return sorted[below] + (place - static_cast<double>(below)) * (sorted[above] - sorted[below]);
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return quantile(values, 0.5);
}

double mean(const std::vector<double>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

std::int64_t outside_of_fences(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const double low = quantile(values, 0.25), high = quantile(values, 0.75), reach = 1.5 * (high - low);
  return std::count_if(values.begin(), values.end(),
                       [&](double value) { return value < low - reach || value > high + reach; });
}

// Medians of pairs, in rounds of nearly equal size and of whole turns there and back, so that in each as many began with one
// as with the other.
std::vector<double> rounds_of(const std::vector<double>& ratios) {
  const std::size_t turns = (ratios.size() + 1) / 2;
  const auto rounds = std::clamp(turns / least_of_a_round, std::min(turns, least_rounds), most_rounds);
  std::vector<double> medians;
  for (std::size_t round = 0; round < rounds; ++round) {
    const auto first = 2 * (round * turns / rounds), end = std::min(2 * ((round + 1) * turns / rounds), ratios.size());
    medians.push_back(median(
        {ratios.begin() + static_cast<std::ptrdiff_t>(first), ratios.begin() + static_cast<std::ptrdiff_t>(end)}));
  }
  return medians;
}

// Half of the interval of a mean of rounds. Where rounds resemble those before them, be it by a disturbance that lasts or
// by a trend, they say less than as many independent ones.
double half_interval(const std::vector<double>& rounds) {
  if (rounds.size() < 2) return std::numeric_limits<double>::quiet_NaN();
  const double middle = mean(rounds), count = static_cast<double>(rounds.size());
  double squares = 0, products = 0;
  for (std::size_t i = 0; i < rounds.size(); ++i) {
    squares += (rounds[i] - middle) * (rounds[i] - middle);
    if (i > 0) products += (rounds[i] - middle) * (rounds[i - 1] - middle);
  }
  if (squares == 0) return 0;
  // The estimate is too small by about 1 / count.
  const double alike = std::clamp(products / squares + 1 / count, 0.0, most_correlation);
  const double variance = squares / (count - 1) * (1 + alike) / (1 - alike);
  return student[rounds.size() - 2] * std::sqrt(variance / count);
}

}  // namespace

double TimeRatio::half_width() const {
  const double half = (high - low) / 2 / ratio;
  return std::isfinite(half) ? half : std::numeric_limits<double>::infinity();
}

TimeRatio ratio_of(const PairedTimes& times) {
  std::vector<double> ratios;
  for (std::size_t i = 0; i < times.one.size(); ++i) ratios.push_back(std::log(times.other[i] / times.one[i]));
  if (ratios.empty()) return {};
  const auto rounds = rounds_of(ratios);
  const double middle = mean(rounds), half = half_interval(rounds);
  return {std::exp(middle), std::exp(middle - half), std::exp(middle + half), outside_of_fences(std::move(ratios))};
}

PairedTimes timed_in_turns(const TimedPass& one, const TimedPass& other, const TurnsPlan& plan,
                           const std::function<void()>& check) {
  std::mt19937_64 order(plan.order_seed);
  PairedTimes times;
  double milliseconds = 0, limit = std::numeric_limits<double>::infinity();
  bool one_first = true;
  for (std::int64_t pair = 0; pair < std::max(plan.least_pairs, plan.most_pairs); ++pair) {
    if (pair == plan.least_pairs) {
      limit = milliseconds + std::max(1000 * plan.extra_seconds, plan.extra_share * milliseconds);
      if (pair % 2 == 0 && ratio_of(times).half_width() <= plan.half_width) break;
    }
    if (pair > plan.least_pairs && pair % 2 == 0) {
      if (milliseconds > limit) break;
      if ((pair - plan.least_pairs) % pairs_a_look < 2 && ratio_of(times).half_width() <= plan.half_width) break;
    }
    check();
    one_first = pair % 2 == 0 ? order() % 2 == 0 : !one_first;
    double first = 0, second = 0;
    if (one_first) {
      first = one();
      second = other();
    } else {
      second = other();
      first = one();
    }
    times.one.push_back(first);
    times.other.push_back(second);
    milliseconds += first + second;
  }
  return times;
}

}  // namespace espalier::engine
