// How many channels the heads of each site give, QK and VO pairs apart ("The silence of the weights", 2025: the optimal
// assignment per head, PH-G). Only channels that are left take part.
//
//   C_l(k) = sum over the heads h of site l of the k smallest scores of h,   k = 0 .. (fewest channels of a head) - 1
//
// Starting from k_l = 0, the move k_l -> k_l + 1 with the smallest (C_l(k_l + 1) - C_l(k_l)) / H_l among those that fit
// into the budget is made until none fits; H_l is the number of heads, and of channels that a move removes. Of equal
// moves the lower site's goes first. Then each head of site l loses its k_l lowest channels, of equal ones the first.
//
// The budget is floor(share * channels), whatever rounding the cell asks for: of all channels, those gone before
// counted, or of those that remain. The greedy uses it best where sites have equally many heads. `exact` chooses the k_l
// by dynamic programming instead: as near to share * channels as sites can give (of two equally near the fewer), and
// among those with the least sum of scores.
#include <ATen/core/Tensor.h>
#include <ATen/ops/ones.h>
#include <espalier/error.h>
#include <espalier/searcher.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

namespace {

using espalier::UnitKind;

// The heads of one site that have channels left of one kind.
struct SiteHeads {
  std::int64_t site = 0;
  std::vector<std::vector<std::int64_t>> ranked;  // of each head: its units, lowest first
  std::vector<double> costs;                      // by k: C_l(k + 1) - C_l(k), while each head keeps a channel

  std::int64_t heads() const { return static_cast<std::int64_t>(ranked.size()); }
  std::int64_t steps() const { return static_cast<std::int64_t>(costs.size()); }
};

using Steps = std::vector<std::int64_t>;  // k_l by site

Steps greedy(const std::vector<SiteHeads>& sites, std::int64_t budget) {
  Steps steps(sites.size(), 0);
  while (true) {
    std::size_t best = sites.size();
    double best_key = 0;
    for (std::size_t i = 0; i < sites.size(); ++i) {
      const auto& site = sites[i];
      if (steps[i] == site.steps() || site.heads() > budget) continue;
      const double key = site.costs[static_cast<std::size_t>(steps[i])] / static_cast<double>(site.heads());
      if (best < sites.size() && key >= best_key) continue;
      best = i;
      best_key = key;
    }
    if (best == sites.size()) return steps;
    ++steps[best];
    budget -= sites[best].heads();
  }
}

// Counts are in portions, the greatest number of channels that divides what each site's moves remove.
Steps exact(const std::vector<SiteHeads>& sites, double wanted) {
  std::int64_t portion = 0, most = 0, largest = 0;
  for (const auto& site : sites) portion = std::gcd(portion, site.heads());
  if (portion == 0) return {};
  for (const auto& site : sites) {
    most += site.heads() / portion * site.steps();
    largest = std::max(largest, site.heads() / portion);
  }
  wanted /= static_cast<double>(portion);
  // Above what is wanted some number within the largest move can be given, or nothing more can.
  const auto end = std::min(most, static_cast<std::int64_t>(std::ceil(wanted)) + largest) + 1;
  constexpr double impossible = std::numeric_limits<double>::infinity();
  std::vector<double> least(static_cast<std::size_t>(end), impossible);  // sum of scores, by portions that are removed
  least[0] = 0;
  std::vector<std::vector<std::int32_t>> chosen(sites.size());  // by site and portions of it and those after it: k
  std::int64_t reached = 0;
  for (std::size_t i = sites.size(); i-- > 0;) {
    const auto& site = sites[i];
    const auto size = site.heads() / portion;
    std::vector<double> cost = {0};  // by k: C_l(k)
    for (const auto step : site.costs) cost.push_back(cost.back() + step);
    reached = std::min(end - 1, reached + size * site.steps());
    std::vector<double> with(least.size(), impossible);
    chosen[i].assign(least.size(), 0);
    for (std::int64_t removed = 0; removed <= reached; ++removed) {
      auto& sum = with[static_cast<std::size_t>(removed)];
      // Of equal sums lower sites give more.
      for (auto k = std::min(site.steps(), removed / size); k >= 0; --k) {
        const double other = cost[static_cast<std::size_t>(k)] + least[static_cast<std::size_t>(removed - k * size)];
        if (!(other < sum)) continue;
        sum = other;
        chosen[i][static_cast<std::size_t>(removed)] = static_cast<std::int32_t>(k);
      }
    }
    least = std::move(with);
  }
  std::int64_t removed = 0;
  for (std::int64_t other = 1; other < end; ++other) {
    if (least[static_cast<std::size_t>(other)] == impossible) continue;
    const auto distance = [&](std::int64_t portions) { return std::abs(static_cast<double>(portions) - wanted); };
    if (distance(other) < distance(removed) - 1e-9) removed = other;
  }
  Steps steps;
  for (std::size_t i = 0; i < sites.size(); ++i) {
    steps.push_back(chosen[i][static_cast<std::size_t>(removed)]);
    removed -= steps.back() * (sites[i].heads() / portion);
  }
  return steps;
}

class ChannelGreedy final : public espalier::Searcher {
 public:
  explicit ChannelGreedy(const espalier::Settings& settings) : exact_(settings.get<bool>("exact")) {}

  espalier::Mask search(espalier::SearchTask& task) override {
    check(task);
    const auto remaining = task.remaining.accessor<bool, 1>();
    auto kept = at::ones({task.units.count()}, at::kBool);  // [units]
    auto* keeps = kept.mutable_data_ptr<bool>();
    for (std::int64_t i = 0; i < task.units.count(); ++i) keeps[i] = remaining[i];
    for (const auto kind : {UnitKind::QK, UnitKind::VO}) {
      std::int64_t all = 0, left = 0;
      for (std::int64_t i = 0; i < task.units.count(); ++i) {
        if (task.units[i].kind != kind) continue;
        ++all;
        if (keeps[i]) ++left;
      }
      const auto wanted = share(task.budget, all, left);
      const auto sites = sites_of(task, kind, keeps);
      const auto steps = exact_ ? exact(sites, wanted) : greedy(sites, whole(task, all, left));
      std::int64_t removed = 0;
      for (std::size_t i = 0; i < sites.size(); ++i) removed += steps[i] * sites[i].heads();
      const std::string name = kind == UnitKind::QK ? "qk_channels_" : "vo_channels_";
      task.report.note(name + "asked", wanted);
      task.report.note(name + "removed", static_cast<double>(removed));
      for (std::size_t i = 0; i < sites.size(); ++i) {
        for (const auto& head : sites[i].ranked) {
          for (std::int64_t k = 0; k < steps[i]; ++k) keeps[head[static_cast<std::size_t>(k)]] = false;
        }
      }
    }
    return task.units.mask(kept);
  }

 private:
  static void check(const espalier::SearchTask& task) {
    if (task.units.granularity() != espalier::Granularity::HeadChannel) {
      throw espalier::SettingsError(std::string("channel-greedy needs granularity head-channel, and was given ") +
                                    espalier::to_string(task.units.granularity()));
    }
    if (task.scope != espalier::Scope::Global) {
      throw espalier::SettingsError(
          "channel-greedy needs scope global: it chooses what each site gives\n    for the same share of each head, "
          "use "
          "the searcher ranking");
    }
    if (task.budget.kind != espalier::SearchBudget::Kind::Sparsity) {
      throw espalier::SettingsError("channel-greedy understands the budget sparsity, and was given another");
    }
    if (!(task.budget.value >= 0 && task.budget.value <= 1)) {
      throw espalier::SettingsError("sparsity = " + std::to_string(task.budget.value) + " is not between 0 and 1");
    }
  }

  static std::int64_t whole(const espalier::SearchTask& task, std::int64_t all, std::int64_t left) {
    auto budget = task.budget;
    budget.rounding = budget.at_most_rounding = espalier::Rounding::Floor;
    return espalier::units_to_remove(budget, all, left);
  }

  // How many more channels are asked for, before any rounding.
  static double share(const espalier::SearchBudget& budget, std::int64_t all, std::int64_t left) {
    const auto more = [&](double share) {
      return std::max(0.0, share * static_cast<double>(all) - static_cast<double>(all - left));
    };
    const bool of_remaining = budget.of == espalier::SearchBudget::Share::Remaining;
    return std::min(of_remaining ? budget.value * static_cast<double>(left) : more(budget.value), more(budget.at_most));
  }

  static std::vector<SiteHeads> sites_of(const espalier::SearchTask& task, UnitKind kind, const bool* keeps) {
    const auto* scores = task.scores.const_data_ptr<double>();
    std::vector<SiteHeads> sites;
    std::int64_t head = -1;
    for (std::int64_t i = 0; i < task.units.count(); ++i) {
      const auto& unit = task.units[i];
      if (unit.kind != kind || !keeps[i]) continue;
      if (sites.empty() || sites.back().site != unit.site) {
        sites.push_back({unit.site, {}, {}});
        head = -1;
      }
      if (head != unit.head) sites.back().ranked.emplace_back();
      head = unit.head;
      sites.back().ranked.back().push_back(i);
    }
    for (auto& site : sites) {
      std::size_t fewest = std::numeric_limits<std::size_t>::max();
      for (auto& units : site.ranked) {
        std::stable_sort(units.begin(), units.end(),
                         [&](std::int64_t a, std::int64_t b) { return scores[a] < scores[b]; });
        fewest = std::min(fewest, units.size());
      }
      for (std::size_t k = 0; k + 1 < fewest; ++k) {
        site.costs.push_back(0);
        for (const auto& units : site.ranked) site.costs.back() += scores[units[k]];
      }
    }
    return sites;
  }

  bool exact_;
};

}  // namespace

ESPALIER_SEARCHER(ChannelGreedy, "channel-greedy", "1.1.0",
                  "Chooses how many channels the heads of each site give, cheapest first",
                  espalier::needs_scores | espalier::budget_sparsity,
                  espalier::Setting{"exact", false, "the best choice by dynamic programming, nearest to the budget"})
