// Keeps what scores highest: one ranking of all units (global), or one for each site (local).
//
// Heads and single channels are ranked one by one. QK and VO channel pairs have budgets of their own, and every head of
// a site keeps equally many, so that tensors stay rectangular:
//   local:  each head of a site loses equally many of its lowest channels;
//   global: the k-th lowest channels of all heads of a site form a bundle; bundles are ranked by their mean score and
//           taken while they fit, each head keeping at least one channel.
// Ties: the lowest site, head, channel goes first.
#include <ATen/core/Tensor.h>
#include <ATen/ops/ones.h>
#include <espalier/error.h>
#include <espalier/searcher.h>

#include <algorithm>
#include <numeric>
#include <string>
#include <vector>

namespace {

using espalier::Granularity;
using espalier::Scope;
using espalier::UnitKind;

// Indices of units that compete with each other.
using Pool = std::vector<std::int64_t>;

// The k-th lowest channel of every head of one site.
struct Bundle {
  double mean = 0;
  std::int64_t site = 0;
  Pool units;
};

class Ranking final : public espalier::Searcher {
 public:
  explicit Ranking(const espalier::Settings& settings) : keep_one_head_(settings.get<bool>("keep_one_head")) {}

  espalier::Mask search(espalier::SearchTask& task) override {
    check(task);
    kept_.assign(static_cast<std::size_t>(task.units.count()), true);
    scores_ = task.scores.const_data_ptr<double>();
    for (const auto& pool : pools(task)) {
      if (task.units.granularity() == Granularity::HeadChannel) {
        if (task.scope == Scope::Local) {
          lowest_of_each_head(task, pool);
        } else {
          lowest_bundles(task, pool);
        }
      } else {
        remove_lowest(pool, to_remove(task, pool.size()));
      }
    }
    if (keep_one_head_ && task.units.granularity() == Granularity::Head) rescue_emptied_sites(task);
    auto kept = at::ones({task.units.count()}, at::kBool);  // [units]
    std::copy(kept_.begin(), kept_.end(), kept.mutable_data_ptr<bool>());
    return task.units.mask(kept);
  }

 private:
  static void check(const espalier::SearchTask& task) {
    using Kind = espalier::SearchBudget::Kind;
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

  static std::int64_t to_remove(const espalier::SearchTask& task, std::size_t size) {
    const auto count = static_cast<std::int64_t>(size);
    if (task.budget.kind == espalier::SearchBudget::Kind::Heads) {
      return count - static_cast<std::int64_t>(task.budget.value);
    }
    return espalier::units_to_remove(task.budget.value, count, task.budget.rounding);
  }

  Pool ranked(Pool pool) const {
    std::stable_sort(pool.begin(), pool.end(), [&](std::int64_t a, std::int64_t b) { return scores_[a] < scores_[b]; });
    return pool;
  }

  void remove_lowest(const Pool& pool, std::int64_t count) {
    const auto order = ranked(pool);
    for (std::int64_t i = 0; i < count; ++i)
      kept_[static_cast<std::size_t>(order[static_cast<std::size_t>(i)])] = false;
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

  void lowest_of_each_head(const espalier::SearchTask& task, const Pool& pool) {
    for (const auto& head : heads_of(task, pool)) remove_lowest(head, to_remove(task, head.size()));
  }

  void lowest_bundles(const espalier::SearchTask& task, const Pool& pool) {
    std::vector<std::vector<Bundle>> by_site;  // in ascending order of k, so of mean
    for (const auto& head : heads_of(task, pool)) {
      const auto order = ranked(head);
      const auto site = task.units[head.front()].site;
      if (by_site.empty() || by_site.back().front().site != site) {
        by_site.emplace_back(order.size(), Bundle{0, site, {}});
      }
      for (std::size_t k = 0; k < order.size(); ++k) {
        by_site.back()[k].units.push_back(order[k]);
        by_site.back()[k].mean += scores_[order[k]];
      }
    }
    std::vector<Bundle> bundles;
    for (auto& site : by_site) {
      for (auto& bundle : site) bundle.mean /= static_cast<double>(bundle.units.size());
      site.pop_back();  // each head keeps its best channel
      bundles.insert(bundles.end(), site.begin(), site.end());
    }
    std::stable_sort(bundles.begin(), bundles.end(), [](const Bundle& a, const Bundle& b) { return a.mean < b.mean; });
    auto budget = to_remove(task, pool.size());
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
    std::vector<std::int64_t> best(task.units.sites().size(), -1);
    std::vector<bool> lives(task.units.sites().size(), false);
    for (std::int64_t i = 0; i < task.units.count(); ++i) {
      const auto site = static_cast<std::size_t>(task.units[i].site);
      if (kept_[static_cast<std::size_t>(i)]) lives[site] = true;
      // Of equal scores the last one: the ranking removes it last.
      if (best[site] < 0 || scores_[i] >= scores_[best[site]]) best[site] = i;
    }
    for (std::size_t site = 0; site < best.size(); ++site) {
      if (best[site] >= 0 && !lives[site]) kept_[static_cast<std::size_t>(best[site])] = true;
    }
  }

  bool keep_one_head_;
  const double* scores_ = nullptr;
  std::vector<bool> kept_;
};

}  // namespace

ESPALIER_SEARCHER(Ranking, "ranking", "1.0.0", "Keeps the highest scores, over all sites or the same share of each",
                  espalier::needs_scores,
                  espalier::Setting{"keep_one_head", false, "a site that would lose all heads keeps its best one"})
