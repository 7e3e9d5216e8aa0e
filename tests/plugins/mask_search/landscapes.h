// Qualities of sets of pruned heads by formula, searches over them, and the best state by enumeration.
#pragma once

#include <cmath>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "plugins/searching.h"

namespace espalier::test {

using Pruned = std::vector<std::int64_t>;  // heads of all sites, counted through
using Landscape = std::function<double(const Pruned&)>;

inline constexpr double rounding = 1e-12;

// Heads of sites with these numbers of heads.
inline Units heads_of_sites(const std::vector<std::int64_t>& heads) {
  std::vector<Site> sites;
  for (const auto count : heads) sites.push_back(layers(1, count, 1, 2).front());
  return {sites, Granularity::Head};
}

inline Pruned pruned_of(const Mask& mask) {
  Pruned pruned;
  std::int64_t index = 0;
  for (std::int64_t site = 0; site < mask.size(); ++site) {
    const auto lives = mask.site(site).of(Projection::V).accessor<bool, 2>();
    for (std::int64_t head = 0; head < lives.size(0); ++head, ++index) {
      if (!lives[head][0]) pruned.push_back(index);
    }
  }
  return pruned;
}

// 1 - the sum of costs.
inline Landscape additive(std::vector<double> costs) {
  return [costs = std::move(costs)](const Pruned& pruned) {
    double quality = 1;
    for (const auto head : pruned) quality -= costs[static_cast<std::size_t>(head)];
    return quality;
  };
}

inline double uniform(std::mt19937_64& random, double low, double high) {
  return std::uniform_real_distribution<double>(low, high)(random);
}

inline std::vector<double> random_costs(std::uint64_t seed, std::int64_t count, double low, double high) {
  std::mt19937_64 random(seed);
  std::vector<double> costs;
  for (std::int64_t i = 0; i < count; ++i) costs.push_back(uniform(random, low, high));
  return costs;
}

// Each pair of heads costs something beside what each costs alone.
inline Landscape pairwise(std::uint64_t seed, std::int64_t count, double lowest_cost, double lowest_of_pair,
                          double highest_of_pair) {
  const auto alone = additive(random_costs(seed, count, lowest_cost, 0.04));
  const auto pairs = random_costs(seed + 1000, count * count, lowest_of_pair, highest_of_pair);
  return [alone, pairs, count](const Pruned& pruned) {
    double quality = alone(pruned);
    for (const auto a : pruned) {
      for (const auto b : pruned) {
        if (a < b) quality -= pairs[static_cast<std::size_t>(a * count + b)];
      }
    }
    return quality;
  };
}

// No head gets cheaper by the removal of others; single removals may gain quality.
inline Landscape super_additive(std::uint64_t seed, std::int64_t count) {
  return pairwise(seed, count, -0.01, 0, 0.02);
}

// Neither additive nor monotone: every set has noise of its own.
inline Landscape rough(std::uint64_t seed, std::int64_t count) {
  const auto smooth = pairwise(seed, count, -0.02, -0.015, 0.02);
  return [smooth, seed](const Pruned& pruned) {
    std::seed_seq names(pruned.begin(), pruned.end());
    std::vector<std::uint32_t> mixed(1);
    names.generate(mixed.begin(), mixed.end());
    std::mt19937_64 random(seed * 7919 + mixed[0]);
    return smooth(pruned) + uniform(random, -0.01, 0.01);
  };
}

// The accuracy of 50 examples: many sets are equally good.
inline Landscape coarse(std::uint64_t seed, std::int64_t count) {
  const auto fine = rough(seed, count);
  return [fine](const Pruned& pruned) { return std::round(fine(pruned) * 50) / 50; };
}

inline Search loss_of(double budget, const std::string& searcher = "a-star", Settings settings = {}) {
  return {searcher, std::move(settings), {SearchBudget::Kind::LossOfMetric, budget}, Scope::Global};
}
inline Search heads(std::int64_t count, const std::string& searcher = "a-star", Settings settings = {}) {
  return {searcher, std::move(settings), {SearchBudget::Kind::Heads, static_cast<double>(count)}, Scope::Global};
}

struct Found {
  Mask mask;
  Pruned pruned;
  std::vector<Pruned> asked;  // each evaluation, in order
  std::int64_t evaluations = 0;
  std::vector<std::int64_t> together;  // how many at once
  KeptReport report;
};

struct Evaluation {
  bool stops = false;
  double resolution = 1e-9;
  double seconds_each = 0;
};

inline Found find(Search asked, const Units& units, const Landscape& landscape, const Evaluation& how = {},
                  std::optional<at::Tensor> remaining = std::nullopt) {
  Found found;
  FunctionEvaluator* clock = nullptr;
  FunctionEvaluator evaluator(
      [&](const Mask& mask) {
        clock->seconds_now += how.seconds_each;
        found.asked.push_back(pruned_of(mask));
        return landscape(found.asked.back());
      },
      how.stops);
  clock = &evaluator;
  evaluator.smallest = how.resolution;
  asked.evaluator = &evaluator;
  asked.report = &found.report;
  found.mask = search(asked, units, remaining.value_or(all_of(units)), {});
  found.pruned = pruned_of(found.mask);
  found.evaluations = evaluator.evaluations();
  found.together = evaluator.together;
  return found;
}

struct Best {
  Pruned pruned;
  double quality = 0;
};

// By definition: of the states that single removals reach within the bound, the one with most heads pruned (`wanted` >=
// 0: with so many), of those the best, of those the first.
inline Best best_by_enumeration(const Landscape& landscape, std::int64_t count, double bound,
                                std::int64_t wanted = -1) {
  std::set<Pruned> level = {{}};
  Best best{{}, landscape({})};
  for (std::int64_t size = 0;; ++size) {
    if (wanted < 0 || size == wanted) {
      bool first = true;
      for (const auto& pruned : level) {  // in lexicographic order
        const double quality = landscape(pruned);
        if (first || quality > best.quality) best = {pruned, quality};
        first = false;
      }
    }
    std::set<Pruned> next;
    for (const auto& pruned : level) {
      for (std::int64_t head = 0; head < count; ++head) {
        auto child = pruned;
        const auto place = std::lower_bound(child.begin(), child.end(), head);
        if (place != child.end() && *place == head) continue;
        child.insert(place, head);
        if (landscape(child) >= bound) next.insert(std::move(child));
      }
    }
    if (next.empty()) return best;
    level = std::move(next);
  }
}

struct NamedSearch {
  std::string name, searcher;
  Settings settings;
};

inline std::vector<NamedSearch> every_search() {
  const auto named = [](const std::string& name, const std::string& searcher,
                        std::map<std::string, SettingValue> settings) {
    return NamedSearch{name, searcher, Settings(std::move(settings))};
  };
  const std::string tree = "a-star";
  return {named("lazy-greedy", "a-star", {}),
          named("none", "a-star", {{"method", tree}, {"heuristic", std::string("none")}}),
          named("single", "a-star", {{"method", tree}, {"heuristic", std::string("single")}}),
          named("latest", "a-star", {{"method", tree}, {"heuristic", std::string("latest")}}),
          named("greedy single", "a-star", {{"method", tree}, {"weight", 0.3}}),
          named("beam of 1", "beam", {{"width", std::int64_t{1}}}),
          named("beam of 4", "beam", {}),
          named("narrow beam of 3", "beam", {{"width", std::int64_t{3}}, {"children", std::int64_t{2}}})};
}

// The settings with one more.
inline Settings and_setting(Settings settings, const std::string& name, SettingValue value) {
  settings.set(name, std::move(value));
  return settings;
}

// Head 0 is the cheapest alone, and dear beside any other.
inline double trap(const Pruned& pruned) {
  const bool dear = pruned.size() > 1 && pruned[0] == 0;
  return additive({0.01, 0.015, 0.015})(pruned) - (dear ? 0.03 : 0);
}

}  // namespace espalier::test
