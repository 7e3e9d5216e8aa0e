#include "report/comparing/rope.h"

#include <fmt/format.h>

#include <cstdint>
#include <nlohmann/json.hpp>

#include "statistics/bayesian.h"

namespace espalier::report {
namespace {

// The same blocks, the same numbers.
constexpr std::uint64_t seed_of_draws = 20240229;

std::string verdict_of(const RopePair& pair, double level) {
  if (pair.better >= 1 - level) return "better";
  if (pair.same >= 1 - level) return "same";
  if (pair.worse >= 1 - level) return "worse";
  return "undecided";
}

}  // namespace

RopeComparison compare_with_rope(const std::vector<std::vector<double>>& blocks, const std::vector<std::string>& names,
                                 const std::vector<std::size_t>& order, double rope, double level) {
  RopeComparison comparison{rope, level, {}};
  for (std::size_t one = 0; one < order.size(); ++one) {
    for (std::size_t other = one + 1; other < order.size(); ++other) {
      std::vector<double> first, second;
      for (const auto& block : blocks) {
        first.push_back(block[order[one]]);
        second.push_back(block[order[other]]);
      }
      const auto posterior = statistics::signed_rank_posterior(first, second, rope, seed_of_draws);
      RopePair pair{names[one], names[other], posterior.first_better, posterior.same, posterior.second_better, {}};
      pair.verdict = verdict_of(pair, level);
      comparison.pairs.push_back(pair);
    }
  }
  return comparison;
}

std::vector<std::string> sentences(const RopeComparison& comparison) {
  std::vector<std::string> said;
  said.push_back(fmt::format(
      "Bayesian signed rank, differences of at most {} are none; a verdict needs a probability of {} or more",
      comparison.rope, 1 - comparison.level));
  for (const auto& pair : comparison.pairs) {
    said.push_back(fmt::format("{} beside {}: better {:.3f}, same {:.3f}, worse {:.3f}: {}", pair.one, pair.other,
                               pair.better, pair.same, pair.worse, pair.verdict));
  }
  return said;
}

nlohmann::ordered_json to_json(const RopeComparison& comparison) {
  nlohmann::ordered_json document = {{"rope", comparison.rope},
                                     {"test", "Bayesian signed rank"},
                                     {"level", comparison.level},
                                     {"pairs", nlohmann::json::array()}};
  for (const auto& pair : comparison.pairs)
    document["pairs"].push_back({{"one", pair.one},
                                 {"other", pair.other},
                                 {"better", pair.better},
                                 {"same", pair.same},
                                 {"worse", pair.worse},
                                 {"verdict", pair.verdict}});
  return document;
}

}  // namespace espalier::report
