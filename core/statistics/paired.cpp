#include "statistics/paired.h"

#include <algorithm>
#include <boost/math/distributions/binomial.hpp>
#include <cmath>
#include <map>
#include <numeric>
#include <random>

namespace espalier::statistics {
namespace {

// Whole numbers below `bound`, the same on every machine: distributions of the standard library are not.
std::size_t below(std::mt19937_64& random, std::size_t bound) {
  return static_cast<std::size_t>(static_cast<double>(random() >> 11) * 0x1p-53 * static_cast<double>(bound));
}

// Classes as places in a list.
struct Places {
  std::vector<std::size_t> labels, first, second;
  std::size_t count = 0;
};

Places places_of(const std::vector<std::int64_t>& labels, const std::vector<std::int64_t>& first,
                 const std::vector<std::int64_t>& second) {
  std::map<std::int64_t, std::size_t> known;
  const auto of = [&](const std::vector<std::int64_t>& classes) {
    std::vector<std::size_t> places;
    for (const auto name : classes) places.push_back(known.emplace(name, known.size()).first->second);
    return places;
  };
  Places places{of(labels), of(first), of(second)};
  places.count = known.size();
  return places;
}

// Examples by class: labels, answers, and answers that are right.
struct Counts {
  std::vector<double> labels, answers, right;

  explicit Counts(std::size_t classes) : labels(classes), answers(classes), right(classes) {}
  void add(std::size_t label, std::size_t answer) {
    labels[label] += 1;
    answers[answer] += 1;
    if (label == answer) right[label] += 1;
  }
  double macro_f1() const {
    double sum = 0, classes = 0;
    for (std::size_t i = 0; i < labels.size(); ++i) {
      const double together = labels[i] + answers[i];
      if (together == 0) continue;
      classes += 1;
      sum += 2 * right[i] / together;
    }
    return classes == 0 ? 0 : sum / classes;
  }
};

}  // namespace

double mcnemar(std::int64_t only_first, std::int64_t only_second) {
  const auto n = only_first + only_second;
  if (n == 0) return 1;
  const boost::math::binomial half(static_cast<double>(n), 0.5);
  return std::min(1.0, 2 * boost::math::cdf(half, static_cast<double>(std::min(only_first, only_second))));
}

double sign_flip(const std::vector<std::int64_t>& differences) {
  std::int64_t unit = 0, observed = 0, most = 0;
  for (const auto one : differences) unit = std::gcd(unit, one);
  if (unit == 0) return 1;
  std::vector<double> shares = {1};  // of the sums of those that are negative, from 0 on
  for (const auto one : differences) {
    observed += one / unit;
    const auto size = static_cast<std::size_t>(std::abs(one / unit));
    if (size == 0) continue;
    most += static_cast<std::int64_t>(size);
    std::vector<double> next(shares.size() + size);
    for (std::size_t sum = 0; sum < shares.size(); ++sum) {
      next[sum] += shares[sum] / 2;
      next[sum + size] += shares[sum] / 2;
    }
    shares = std::move(next);
  }
  double as_far = 0;
  for (std::size_t sum = 0; sum < shares.size(); ++sum) {
    if (std::abs(most - 2 * static_cast<std::int64_t>(sum)) >= std::abs(observed)) as_far += shares[sum];
  }
  return std::min(1.0, as_far);
}

int draws_for(double level, std::size_t comparisons) {
  constexpr double least = 10000, most = 1e6, spare = 2;
  return static_cast<int>(std::clamp(spare * 2 * static_cast<double>(comparisons) / level, least, most));
}

PairedDifference paired_bootstrap(const std::vector<double>& first, const std::vector<double>& second,
                                  const std::vector<double>& weights, std::uint64_t seed, int resamples) {
  const auto count = first.size();
  const double weight = std::accumulate(weights.begin(), weights.end(), 0.0);
  std::vector<double> apart(count);
  for (std::size_t i = 0; i < count; ++i) apart[i] = first[i] - second[i];
  PairedDifference answer;
  answer.difference = std::accumulate(apart.begin(), apart.end(), 0.0) / weight;
  if (std::all_of(apart.begin(), apart.end(), [](double one) { return one == 0; })) return answer;
  std::mt19937_64 random(seed);
  std::vector<double> differences;
  differences.reserve(static_cast<std::size_t>(resamples));
  std::int64_t above = 0, under = 0;
  for (int resample = 0; resample < resamples; ++resample) {
    double sum = 0, drawn = 0;
    for (std::size_t i = 0; i < count; ++i) {
      const auto at = below(random, count);
      sum += apart[at];
      drawn += weights[at];
    }
    const double difference = drawn > 0 ? sum / drawn : 0;
    above += difference >= 0 ? 1 : 0;
    under += difference <= 0 ? 1 : 0;
    differences.push_back(difference);
  }
  std::sort(differences.begin(), differences.end());
  const auto at = [&](double share) {
    return differences[static_cast<std::size_t>(share * static_cast<double>(differences.size() - 1))];
  };
  answer.low = at(0.025);
  answer.high = at(0.975);
  answer.p = std::min(1.0, 2 * static_cast<double>(1 + std::min(above, under)) / (1 + resamples));
  return answer;
}

double macro_f1(const std::vector<std::int64_t>& labels, const std::vector<std::int64_t>& predicted) {
  const auto places = places_of(labels, predicted, {});
  Counts counts(places.count);
  for (std::size_t i = 0; i < labels.size(); ++i) counts.add(places.labels[i], places.first[i]);
  return counts.macro_f1();
}

double macro_f1_permutation(const std::vector<std::int64_t>& labels, const std::vector<std::int64_t>& first,
                            const std::vector<std::int64_t>& second, std::uint64_t seed, int permutations) {
  const auto places = places_of(labels, first, second);
  const auto difference = [&](auto&& changes_places) {
    Counts one(places.count), other(places.count);
    for (std::size_t i = 0; i < labels.size(); ++i) {
      const bool changed = places.first[i] != places.second[i] && changes_places();
      one.add(places.labels[i], changed ? places.second[i] : places.first[i]);
      other.add(places.labels[i], changed ? places.first[i] : places.second[i]);
    }
    return std::abs(one.macro_f1() - other.macro_f1());
  };
  const double observed = difference([] { return false; });
  std::mt19937_64 random(seed);
  std::int64_t as_large = 0;
  for (int i = 0; i < permutations; ++i) {
    // Sums in another order differ in their last bits, and are as large all the same.
    as_large += difference([&] { return (random() >> 63) != 0; }) >= observed - 1e-12 ? 1 : 0;
  }
  return static_cast<double>(1 + as_large) / (1 + permutations);
}

std::vector<double> holm(const std::vector<double>& p) {
  std::vector<std::size_t> order(p.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t one, std::size_t other) { return p[one] < p[other]; });
  std::vector<double> corrected(p.size());
  double largest = 0;
  for (std::size_t rank = 0; rank < order.size(); ++rank) {
    largest = std::max(largest, std::min(1.0, static_cast<double>(p.size() - rank) * p[order[rank]]));
    corrected[order[rank]] = largest;
  }
  return corrected;
}

}  // namespace espalier::statistics
