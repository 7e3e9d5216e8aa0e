// Keeps what scores highest: one ranking of all units (global), or one for each site (local). Units that earlier steps of
// a schedule removed stay removed and take no part.
//
// Heads and single channels are ranked one by one. QK and VO channel pairs have budgets of their own, and every head of
// a site gives equally many, so that tensors stay rectangular:
//   local:  each head of a site loses equally many of the channels it has left, its lowest;
//   global: the k-th lowest channels that are left of all heads of a site form a bundle; bundles are ranked by their mean
//           score and taken while they fit, each head keeping at least one channel.
// Ties: the lowest site, head, channel goes first.
//
// keep_one holds for scope local: each site (each head, where channel pairs are ranked) keeps a unit of each kind. Of
// same-channel it holds for both scopes; there the next index goes instead. keep_one_head is the rule for heads that are
// ranked over all sites.
//
// floor is the floor of Michel, Levy and Neubig (2019): of each site so many heads stay, or those it has left, and the
// next in the ranking goes instead. Unlike the two other rules it never keeps more than the budget: then it is refused.
//
// The rules of "The silence of the weights" (2025), as steps of 0.1 of what remains, rounded up: heads, local, keep_one
// (EH-L); heads, global, keep_one_head with rescue = "first" (EH-G); channel pairs, local, keep_one (PH-L). PH-G is channel-greedy.
#include <ATen/core/Tensor.h>
#include <ATen/ops/ones.h>
#include <espalier/error.h>
#include <espalier/searcher.h>

#include <algorithm>
#include <iterator>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

namespace {

using espalier::Granularity;
using espalier::Scope;
using espalier::UnitKind;

// Indices of units that compete with each other, in order.
using Pool = std::vector<std::int64_t>;

// The k-th lowest channel of every head of one site.
struct Bundle {
  double mean = 0;
  std::int64_t site = 0;
  Pool units;
};

class Ranking final : public espalier::Searcher {
 public:
  explicit Ranking(const espalier::Settings& settings)
      : keep_one_(settings.get<bool>("keep_one")),
        keep_one_head_(settings.get<bool>("keep_one_head")),
        rescues_best_(settings.get<std::string>("rescue") == "best"),
        floor_(settings.get<std::int64_t>("floor")) {}

  espalier::Mask search(espalier::SearchTask& task) override {
    check(task);
    const auto remaining = task.remaining.accessor<bool, 1>();
    remaining_.resize(static_cast<std::size_t>(task.units.count()));
    for (std::int64_t i = 0; i < task.units.count(); ++i) remaining_[static_cast<std::size_t>(i)] = remaining[i];
    kept_ = remaining_;
    scores_ = task.scores.const_data_ptr<double>();
    for (const auto& pool : pools(task)) {
      if (task.units.granularity() != Granularity::HeadChannel) {
        remove_lowest(task, pool);
      } else if (task.scope == Scope::Local) {
        for (const auto& head : heads_of(task, pool)) remove_lowest(task, head);
      } else {
        remove_lowest_bundles(task, pool);
      }
    }
    if (keep_one_head_ && task.units.granularity() == Granularity::Head) rescue_emptied_sites(task);
    auto kept = at::ones({task.units.count()}, at::kBool);  // [units]
    std::copy(kept_.begin(), kept_.end(), kept.mutable_data_ptr<bool>());
    return task.units.mask(kept);
  }

 private:
  void check(const espalier::SearchTask& task) const {
    using Kind = espalier::SearchBudget::Kind;
    if (floor_ > 0 && task.units.granularity() != Granularity::Head) {
      throw espalier::SettingsError(std::string("ranking: floor counts heads, and the granularity is ") +
                                    espalier::to_string(task.units.granularity()) + "\n    use granularity head");
    }
    if (task.budget.kind != Kind::Sparsity && task.budget.kind != Kind::Heads) {
      throw espalier::SettingsError("ranking understands the budgets sparsity and heads, and was given another");
    }
    const double value = task.budget.value;
    if (task.budget.kind == Kind::Sparsity && !(value >= 0 && value <= 1)) {
      throw espalier::SettingsError("sparsity = " + std::to_string(value) + " is not between 0 and 1");
    }
    if (task.budget.kind == Kind::Heads) {
      const bool whole_heads = task.units.granularity() == Granularity::Head;
      if (!whole_heads || task.scope == Scope::Local) {
        throw espalier::SettingsError(
            "a budget of heads needs granularity head and scope global\n    use sparsity for other granularities");
      }
      if (!(value >= 0 && value <= static_cast<double>(task.units.count()))) {
        throw espalier::SettingsError("heads = " + std::to_string(static_cast<std::int64_t>(value)) +
                                      " cannot be kept: the chosen sites have " + std::to_string(task.units.count()));
      }
    }
  }

  // Units by kind (QK and VO, Q, K, V and O each have a budget of their own), and by site where the scope is local.
  static std::vector<Pool> pools(const espalier::SearchTask& task) {
    std::vector<Pool> pools;
    std::vector<std::pair<std::int64_t, UnitKind>> names;
    for (std::int64_t i = 0; i < task.units.count(); ++i) {
      const auto& unit = task.units[i];
      const std::pair name(task.scope == Scope::Local ? unit.site : -1, unit.kind);
      auto place = std::find(names.begin(), names.end(), name);
      if (place == names.end()) {
        place = names.insert(names.end(), name);
        pools.emplace_back();
      }
      pools[static_cast<std::size_t>(place - names.begin())].push_back(i);
    }
    return pools;
  }

  static std::int64_t to_remove(const espalier::SearchTask& task, std::size_t all, std::size_t left) {
    const auto remaining = static_cast<std::int64_t>(left);
    if (task.budget.kind == espalier::SearchBudget::Kind::Heads) {
      return std::max<std::int64_t>(0, remaining - static_cast<std::int64_t>(task.budget.value));
    }
    return espalier::units_to_remove(task.budget, static_cast<std::int64_t>(all), remaining);
  }

  // What is left of a pool, lowest first.
  Pool ranked(const Pool& pool) const {
    Pool left;
    std::copy_if(pool.begin(), pool.end(), std::back_inserter(left),
                 [&](std::int64_t index) { return kept_[static_cast<std::size_t>(index)]; });
    std::stable_sort(left.begin(), left.end(), [&](std::int64_t a, std::int64_t b) { return scores_[a] < scores_[b]; });
    return left;
  }

  void remove_lowest(const espalier::SearchTask& task, const Pool& pool) {
    const auto order = ranked(pool);
    auto count = to_remove(task, pool.size(), order.size());
    const bool keep_one =
        keep_one_ && (task.scope == Scope::Local || task.units.granularity() == Granularity::SameChannel);
    const auto least = std::max(floor_, std::int64_t{keep_one ? 1 : 0});
    std::vector<std::int64_t> left(task.units.sites().size(), 0);  // by site
    const auto site_of = [&](std::int64_t index) { return static_cast<std::size_t>(task.units[index].site); };
    for (const auto index : order) ++left[site_of(index)];
    for (const auto index : order) {
      if (count == 0) break;
      if (left[site_of(index)] <= least) continue;
      kept_[static_cast<std::size_t>(index)] = false;
      --left[site_of(index)];
      --count;
    }
    if (floor_ > 0 && count > 0)
      refuse_floor(task, pool, std::accumulate(left.begin(), left.end(), std::int64_t{0}), count);
  }

  void refuse_floor(const espalier::SearchTask& task, const Pool& pool, std::int64_t stay, std::int64_t excess) const {
    const auto& site = task.units.sites()[static_cast<std::size_t>(task.units[pool.front()].site)];
    throw espalier::SettingsError(
        "floor = " + std::to_string(floor_) + ": " + std::to_string(stay) + " heads must stay" +
        (task.scope == Scope::Local ? " at site '" + site.name + "'" : "") + ", and the budget keeps " +
        std::to_string(stay - excess) + "\n    use a lower floor, or a budget that keeps more");
  }

  // The pool cut into heads: site by site, head by head.
  static std::vector<Pool> heads_of(const espalier::SearchTask& task, const Pool& pool) {
    std::vector<Pool> heads;
    for (const auto index : pool) {
      const bool same = !heads.empty() && task.units[heads.back().back()].site == task.units[index].site &&
                        task.units[heads.back().back()].head == task.units[index].head;
      if (!same) heads.emplace_back();
      heads.back().push_back(index);
    }
    return heads;
  }

  void remove_lowest_bundles(const espalier::SearchTask& task, const Pool& pool) {
    struct SiteHeads {
      std::int64_t site;
      std::vector<Pool> ranked;  // a head without channels takes no part
      std::size_t steps;         // bundles: each head keeps its best channel
    };
    std::vector<SiteHeads> sites;
    std::size_t left = 0;
    for (const auto& head : heads_of(task, pool)) {
      auto order = ranked(head);
      if (order.empty()) continue;
      left += order.size();
      const auto site = task.units[head.front()].site;
      if (sites.empty() || sites.back().site != site) sites.push_back({site, {}, order.size() - 1});
      sites.back().steps = std::min(sites.back().steps, order.size() - 1);
      sites.back().ranked.push_back(std::move(order));
    }
    std::vector<Bundle> bundles;  // of a site in ascending order of k, so of mean
    for (const auto& site : sites) {
      for (std::size_t k = 0; k < site.steps; ++k) {
        Bundle bundle{0, site.site, {}};
        for (const auto& head : site.ranked) {
          bundle.units.push_back(head[k]);
          bundle.mean += scores_[head[k]];
        }
        bundle.mean /= static_cast<double>(bundle.units.size());
        bundles.push_back(std::move(bundle));
      }
    }
    std::stable_sort(bundles.begin(), bundles.end(), [](const Bundle& a, const Bundle& b) { return a.mean < b.mean; });
    auto budget = to_remove(task, pool.size(), left);
    std::vector<std::int64_t> full;  // sites whose next bundle no longer fits: later ones of theirs may not jump ahead
    for (const auto& bundle : bundles) {
      if (std::find(full.begin(), full.end(), bundle.site) != full.end()) continue;
      const auto size = static_cast<std::int64_t>(bundle.units.size());
      if (size > budget) {
        full.push_back(bundle.site);
        continue;
      }
      budget -= size;
      for (const auto index : bundle.units) kept_[static_cast<std::size_t>(index)] = false;
    }
  }

  void rescue_emptied_sites(const espalier::SearchTask& task) {
    std::vector<std::int64_t> rescued(task.units.sites().size(), -1);
    std::vector<bool> lives(task.units.sites().size(), false);
    for (std::int64_t i = 0; i < task.units.count(); ++i) {
      if (!remaining_[static_cast<std::size_t>(i)]) continue;
      const auto site = static_cast<std::size_t>(task.units[i].site);
      if (kept_[static_cast<std::size_t>(i)]) lives[site] = true;
      // Of equal scores the last one: the ranking removes it last.
      const bool better = rescues_best_ && rescued[site] >= 0 && scores_[i] >= scores_[rescued[site]];
      if (rescued[site] < 0 || better) rescued[site] = i;
    }
    double count = 0;
    for (std::size_t site = 0; site < rescued.size(); ++site) {
      if (rescued[site] < 0 || lives[site]) continue;
      kept_[static_cast<std::size_t>(rescued[site])] = true;
      ++count;
    }
    task.report.note("heads_rescued", count);  // so many fewer are gone than was asked for
  }

  bool keep_one_;
  bool keep_one_head_, rescues_best_;
  std::int64_t floor_;
  const double* scores_ = nullptr;
  std::vector<bool> remaining_, kept_;
};

}  // namespace

ESPALIER_SEARCHER(
    Ranking, "ranking", "1.2.0", "Keeps the highest scores, over all sites or the same share of each",
    espalier::needs_scores | espalier::budget_sparsity | espalier::budget_heads,
    espalier::Setting{"keep_one", false,
                      "scope local: a site (head-channel: a head) keeps one unit of each kind; same-channel: always"},
    espalier::Setting{"keep_one_head", false, "a site that would lose all heads keeps one, and nothing goes instead"},
    espalier::Setting{"rescue", "best", "which head that is: the best, or the first that is left", "best|first"},
    espalier::Setting{"floor", 0, "heads of each site that stay; the next in the ranking goes instead", "0.."})
