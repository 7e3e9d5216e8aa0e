// Chooses what stays under a budget of multiply-adds, from the gradients of one pass over a few samples (Kwon et al.,
// 2022). Nothing is trained.
//
//   g_bi = dL_b / d mask_i at a mask of ones, L_b the mean loss of mini-batch b
//   I_i  = sum over b of g_bi^2
//   maximise the sum of I_i over what stays, so that what stays costs at most C
//
// A unit costs the multiply-adds that the model has less without it. `macs` is a share of the dense model's multiply-adds,
// so C is that share of them less what the model does without any chosen unit; a share that is below this is refused. A
// budget of heads, or a sparsity, counts every unit as one instead. Units are heads; the choice is among units with a
// cost each, so that feed-forward neurons fit.
//
// Of units that cost the same the best stay, so a choice is how many of each cost: with one cost the floor(C / cost)
// best. With several, costs are taken one after the other, and of the choices so far those are remembered that no
// cheaper one equals: dynamic programming, exact for any number of costs, and fast for the few that a model has. Units
// that still fit have no importance and stay, too. scope local: every site has a budget of its own, the same
// share of what its units cost, such that all sites together meet C.
// Ties: the lowest goes first.
//
// Then `rearrange`, site by site: Fisher information between the units of a site counts, not the diagonal alone. From
// the pruned units P, the site's least important, the others are walked through in increasing importance: each is added
// to P, and the member is dropped from P that leaves the smallest
//
//   || sum over i in P of g_i ||^2      g_i = column of mini-batch gradients
//
// A site keeps as many units as before, and that norm never grows.
#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/zeros.h>
#include <espalier/error.h>
#include <espalier/gradients.h>
#include <espalier/searcher.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <numeric>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

namespace {

using Kind = espalier::SearchBudget::Kind;
using Indices = std::vector<std::int64_t>;  // of units

// A share such as 0.35 of 20 heads holds 7 but for the last bits of the product.
constexpr double slack = 1e-9;

// Units that compete with each other for one bound.
struct Pool {
  Indices all, left;
  double bound = 0;  // what those that stay may cost
};

// Multiply-adds of the dense model: what each unit costs, and what is left without any.
struct Macs {
  std::vector<double> costs;  // by unit
  double rest = 0;

  double of_units() const { return std::accumulate(costs.begin(), costs.end(), 0.0); }
  double dense() const { return rest + of_units(); }
};

// Units of one cost, best first.
struct CostClass {
  double cost = 0;
  Indices units;
  std::vector<double> sums = {0};  // by count: importance of that many of the best

  std::size_t most_within(double room) const {
    if (!(cost > 0)) return units.size();
    return static_cast<std::size_t>(std::clamp(std::floor(room / cost), 0.0, static_cast<double>(units.size())));
  }
};

// How many of the best of one class stay, after a plan for the classes before.
struct Plan {
  double cost = 0, importance = 0;  // of all classes so far
  std::size_t before = 0, count = 0;
};

// By rising cost, and each of more importance than all cheaper ones.
std::vector<Plan> undominated(std::vector<Plan> plans) {
  std::stable_sort(plans.begin(), plans.end(), [](const Plan& a, const Plan& b) {
    return a.cost != b.cost ? a.cost < b.cost : a.importance > b.importance;
  });
  std::vector<Plan> front;
  for (const auto& plan : plans) {
    if (front.empty() || plan.importance > front.back().importance) front.push_back(plan);
  }
  return front;
}

// The counts by class of the most importance within the bound.
std::vector<std::size_t> best_counts(const std::vector<CostClass>& classes, double bound) {
  std::vector<std::vector<Plan>> fronts = {{Plan{}}};
  for (const auto& its : classes) {
    const bool last = &its == &classes.back();
    std::vector<Plan> plans;
    for (std::size_t before = 0; before < fronts.back().size(); ++before) {
      const auto& start = fronts.back()[before];
      const auto fits = its.most_within(bound - start.cost);
      // Nothing comes after the last class that room could be left for.
      for (std::size_t count = last ? fits : 0; count <= fits; ++count) {
        plans.push_back(
            {start.cost + static_cast<double>(count) * its.cost, start.importance + its.sums[count], before, count});
      }
    }
    fronts.push_back(undominated(std::move(plans)));
  }
  std::vector<std::size_t> counts(classes.size());
  auto place = fronts.back().size() - 1;
  for (std::size_t i = classes.size(); i-- > 0;) {
    const auto& plan = fronts[i + 1][place];
    counts[i] = plan.count;
    place = plan.before;
  }
  return counts;
}

// The units of a pool that stay.
Indices chosen(const Pool& pool, const std::vector<double>& costs, const double* importance) {
  auto ranked = pool.left;  // best first; of equal ones the last
  std::sort(ranked.begin(), ranked.end(), [&](std::int64_t a, std::int64_t b) {
    return importance[a] != importance[b] ? importance[a] > importance[b] : a > b;
  });
  const auto cost_of = [&](std::int64_t unit) { return costs[static_cast<std::size_t>(unit)]; };
  std::vector<CostClass> classes;
  for (const auto unit : ranked) {
    auto its = std::find_if(classes.begin(), classes.end(), [&](const auto& one) { return one.cost == cost_of(unit); });
    if (its == classes.end()) {
      classes.push_back({cost_of(unit), {}});
      its = classes.end() - 1;
    }
    its->units.push_back(unit);
    its->sums.push_back(its->sums.back() + importance[unit]);
  }
  const auto counts = best_counts(classes, pool.bound);
  double room = pool.bound;
  for (std::size_t i = 0; i < classes.size(); ++i) room -= static_cast<double>(counts[i]) * classes[i].cost;
  Indices stays;
  for (std::size_t i = 0; i < classes.size(); ++i) {
    const auto& its = classes[i];
    const auto more = std::min(its.units.size() - counts[i], its.most_within(room));
    room -= static_cast<double>(more) * its.cost;
    const auto end = its.units.begin() + static_cast<std::ptrdiff_t>(counts[i] + more);
    stays.insert(stays.end(), its.units.begin(), end);
  }
  return stays;
}

// Sums of mini-batch gradients.
class GradientSum {
 public:
  explicit GradientSum(const at::Tensor& columns)
      : columns_(columns), length_(columns.size(1)), sum_(static_cast<std::size_t>(length_), 0.0) {}

  void add(std::int64_t unit, double sign = 1) {
    for (std::int64_t i = 0; i < length_; ++i) sum_[static_cast<std::size_t>(i)] += sign * column(unit)[i];
  }
  double squared_norm() const { return std::inner_product(sum_.begin(), sum_.end(), sum_.begin(), 0.0); }
  double squared_norm_after(std::int64_t added, std::int64_t dropped) const {
    double norm = 0;
    for (std::int64_t i = 0; i < length_; ++i) {
      const double value = sum_[static_cast<std::size_t>(i)] + (column(added)[i] - column(dropped)[i]);
      norm += value * value;
    }
    return norm;
  }

 private:
  const double* column(std::int64_t unit) const { return columns_.const_data_ptr<double>() + unit * length_; }

  at::Tensor columns_;  // [units, mini-batches]
  std::int64_t length_;
  std::vector<double> sum_;
};

// Exchanges pruned units of one site for kept ones; both in increasing importance. Says how many were exchanged.
std::int64_t rearrange(const at::Tensor& columns, Indices pruned, const Indices& others, bool* keeps) {
  if (pruned.empty()) return 0;
  GradientSum sum(columns);
  for (const auto unit : pruned) sum.add(unit);
  const auto before = pruned;
  for (const auto added : others) {
    // Dropping what was just added changes nothing; another unit must be better than that by more than rounding.
    double least = sum.squared_norm() * (1 - 1e-12);
    auto dropped = pruned.end();
    for (auto place = pruned.begin(); place != pruned.end(); ++place) {
      const double norm = sum.squared_norm_after(added, *place);
      if (!(norm < least)) continue;
      least = norm;
      dropped = place;
    }
    if (dropped == pruned.end()) continue;
    sum.add(added);
    sum.add(*dropped, -1);
    pruned.erase(dropped);
    pruned.push_back(added);
  }
  for (const auto unit : before) keeps[unit] = true;
  std::int64_t exchanged = 0;
  for (const auto unit : pruned) {
    keeps[unit] = false;
    if (std::find(before.begin(), before.end(), unit) == before.end()) ++exchanged;
  }
  return exchanged;
}

std::string text(const char* format, double value) {
  char written[32];
  std::snprintf(written, sizeof written, format, value);
  return written;
}

class MacBudget final : public espalier::Searcher {
 public:
  explicit MacBudget(const espalier::Settings& settings) : rearranges_(settings.get<bool>("rearrange")) {}

  espalier::Mask search(espalier::SearchTask& task) override {
    check(task);
    const auto columns = mask_gradients(task);        // [units, mini-batches]
    const auto importance = columns.square().sum(1);  // [units]
    const auto* values = importance.const_data_ptr<double>();
    const auto macs = macs_of(task);
    const auto costs = task.budget.kind == Kind::Macs ? macs.costs : std::vector<double>(macs.costs.size(), 1.0);
    const double share = share_of_units(task, macs);

    auto kept = at::zeros({task.units.count()}, at::kBool);  // [units]
    auto* keeps = kept.mutable_data_ptr<bool>();
    for (const auto& pool : pools(task, costs, share)) {
      for (const auto unit : chosen(pool, costs, values)) keeps[unit] = true;
    }
    std::int64_t rearranged = 0;
    if (rearranges_) {
      for (const auto& [pruned, others] : by_site(task, values, keeps)) {
        rearranged += rearrange(columns, pruned, others, keeps);
      }
    }
    note(task, kept, importance, macs, rearranged);
    return task.units.mask(kept);
  }

 private:
  static void check(const espalier::SearchTask& task) {
    if (task.units.granularity() != espalier::Granularity::Head) {
      throw espalier::SettingsError(std::string("mac-budget needs granularity head, and was given ") +
                                    espalier::to_string(task.units.granularity()));
    }
    const auto kind = task.budget.kind;
    if (kind != Kind::Macs && kind != Kind::Heads && kind != Kind::Sparsity) {
      throw espalier::SettingsError(
          "mac-budget understands the budgets macs, heads and sparsity, and was given another");
    }
    if (kind == Kind::Heads) {
      if (task.scope == espalier::Scope::Local)
        throw espalier::SettingsError("a budget of heads needs scope global\n    use macs or sparsity for local");
      return;
    }
    if (!(task.budget.value >= 0 && task.budget.value <= 1)) {
      throw espalier::SettingsError((kind == Kind::Macs ? "macs = " : "sparsity = ") +
                                    std::to_string(task.budget.value) + " is not between 0 and 1");
    }
  }

  // [units, mini-batches], float64; units that earlier steps removed have zeros.
  static at::Tensor mask_gradients(espalier::SearchTask& task) {
    std::vector<at::Tensor> gradients;
    while (const auto batch = task.batches.next()) {
      auto gates = task.model.open_gates({task.units.count()});  // [units]
      task.model.losses(*batch, task.units, gates).mean().backward();
      gradients.push_back(gates.grad().to(at::kCPU, at::kDouble) * task.remaining);
    }
    if (gradients.empty()) throw espalier::InputError("mac-budget was given no examples");
    auto columns = at::stack(gradients, 1);
    espalier::require_gradients(columns);
    return columns;
  }

  // A unit costs what the model has less without it. Heads of a site that together save as often what one of them saves
  // cost the same; a head that earlier steps removed costs what one like it does.
  static Macs macs_of(espalier::SearchTask& task) {
    const auto count = task.units.count();
    const auto* remaining = task.remaining.const_data_ptr<bool>();
    const double all = task.costs.multiply_adds(task.units.mask(task.remaining));
    const auto saved_by = [&](const Indices& units) {
      auto without = task.remaining.clone();
      for (const auto unit : units) without.mutable_data_ptr<bool>()[unit] = false;
      return all - task.costs.multiply_adds(task.units.mask(without));
    };
    Macs macs{std::vector<double>(static_cast<std::size_t>(count), -1.0), 0};  // -1: not known
    const auto cost = [&](std::int64_t unit) -> double& { return macs.costs[static_cast<std::size_t>(unit)]; };
    for (std::int64_t begin = 0, end = 0; begin < count; begin = end) {
      Indices left;
      while (end < count && task.units[end].site == task.units[begin].site) {
        if (remaining[end]) left.push_back(end);
        ++end;
      }
      if (left.empty()) continue;
      const double one = saved_by({left.front()}), together = saved_by(left);
      // Heads that differ in width may save as much on average as the first does.
      const auto& site = task.units.sites()[static_cast<std::size_t>(task.units[begin].site)];
      const bool even = site.qk_widths.empty() && site.vo_widths.empty();
      const bool alike =
          even && std::abs(together - one * static_cast<double>(left.size())) <= slack * std::abs(together);
      for (const auto unit : left) cost(unit) = std::max(0.0, alike ? one : saved_by({unit}));
    }
    const auto shape = [&](std::int64_t unit) {
      const auto& site = task.units.sites()[static_cast<std::size_t>(task.units[unit].site)];
      const auto width = [&](espalier::Projection of) { return site.width(of, task.units[unit].head); };
      return std::tuple(site.kind, site.heads, width(espalier::Projection::Q), width(espalier::Projection::V),
                        site.model_width);
    };
    for (std::int64_t unit = 0; unit < count; ++unit) {
      for (std::int64_t other = 0; cost(unit) < 0 && other < count; ++other) {
        if (remaining[other] && shape(other) == shape(unit)) cost(unit) = cost(other);
      }
      cost(unit) = std::max(0.0, cost(unit));
    }
    macs.rest = task.costs.multiply_adds(task.units.mask(at::zeros({count}, at::kBool)));
    return macs;
  }

  // What `macs` leaves of the units' own multiply-adds, as a share of them; 1 with other budgets.
  static double share_of_units(const espalier::SearchTask& task, const Macs& macs) {
    if (task.budget.kind != Kind::Macs) return 1;
    const double room = task.budget.value * macs.dense() - macs.rest;
    if (room < -slack * macs.dense()) {
      throw espalier::SettingsError("macs = " + text("%g", task.budget.value) +
                                    " cannot be met: without any head of the chosen sites the model does " +
                                    text("%.6f", std::ceil(macs.rest / macs.dense() * 1e6 - slack) / 1e6) +
                                    " of its multiply-adds\n    use that or more");
    }
    return macs.of_units() > 0 ? std::max(0.0, room) / macs.of_units() : 1;
  }

  static std::vector<Pool> pools(const espalier::SearchTask& task, const std::vector<double>& costs, double share) {
    std::vector<Pool> pools;
    std::int64_t site = -1;
    for (std::int64_t i = 0; i < task.units.count(); ++i) {
      const bool joins = task.scope == espalier::Scope::Global || site == task.units[i].site;
      if (pools.empty() || !joins) pools.emplace_back();
      site = task.units[i].site;
      pools.back().all.push_back(i);
      if (task.remaining.const_data_ptr<bool>()[i]) pools.back().left.push_back(i);
    }
    for (auto& pool : pools) pool.bound = bound_of(task, pool, costs, share) * (1 + slack);
    return pools;
  }

  static double total(const Indices& units, const std::vector<double>& costs) {
    double sum = 0;
    for (const auto unit : units) sum += costs[static_cast<std::size_t>(unit)];
    return sum;
  }

  static double bound_of(const espalier::SearchTask& task, const Pool& pool, const std::vector<double>& costs,
                         double share) {
    if (task.budget.kind == Kind::Macs) return share * total(pool.all, costs);
    if (task.budget.kind == Kind::Heads) return static_cast<double>(espalier::units_to_keep(task, "mac-budget"));
    const auto all = static_cast<std::int64_t>(pool.all.size()), left = static_cast<std::int64_t>(pool.left.size());
    return static_cast<double>(left - espalier::units_to_remove(task.budget, all, left));
  }

  // Of each site the units that this search prunes, and those it keeps, in increasing importance.
  static std::vector<std::pair<Indices, Indices>> by_site(const espalier::SearchTask& task, const double* importance,
                                                          const bool* keeps) {
    std::vector<std::pair<Indices, Indices>> sites(task.units.sites().size());
    for (std::int64_t i = 0; i < task.units.count(); ++i) {
      if (!task.remaining.const_data_ptr<bool>()[i]) continue;
      auto& [pruned, others] = sites[static_cast<std::size_t>(task.units[i].site)];
      (keeps[i] ? others : pruned).push_back(i);
    }
    for (auto& [pruned, others] : sites) {
      for (auto* units : {&pruned, &others}) {
        std::stable_sort(units->begin(), units->end(),
                         [&](std::int64_t a, std::int64_t b) { return importance[a] < importance[b]; });
      }
    }
    return sites;
  }

  // Shares: macs_kept_share of the dense model's multiply-adds, importance_kept of the importance of those that were left.
  static void note(espalier::SearchTask& task, const at::Tensor& kept, const at::Tensor& importance, const Macs& macs,
                   std::int64_t rearranged) {
    double stays = macs.rest;
    for (std::int64_t i = 0; i < task.units.count(); ++i) {
      if (kept.const_data_ptr<bool>()[i]) stays += macs.costs[static_cast<std::size_t>(i)];
    }
    task.report.note("macs_kept_share", macs.dense() > 0 ? stays / macs.dense() : 1.0);
    task.report.note("heads", static_cast<double>(kept.sum().item<std::int64_t>()));
    task.report.note("importance_kept", ((importance * kept).sum() / importance.sum()).item<double>());
    task.report.note("rearranged", static_cast<double>(rearranged));
  }

  bool rearranges_;
};

}  // namespace

ESPALIER_SEARCHER(MacBudget, "mac-budget", "2.0.0",
                  "Keeps the most squared gradient under a budget of multiply-adds, and rearranges what is pruned",
                  espalier::needs_data | espalier::in_file_order | espalier::heads_only | espalier::budget_macs |
                      espalier::budget_heads | espalier::budget_sparsity,
                  espalier::Setting{"rearrange", true, "count what the heads of a site do together"},
                  espalier::Setting{espalier::host::samples, 2048, "first rows of the split; 0: all", "0.."},
                  espalier::Setting{espalier::host::split, "train", "split the gradients come from",
                                    "train|validation"},
                  espalier::Setting{espalier::host::batch, 32, "examples a mini-batch", "1.."}, ESPALIER_LOSS_SETTINGS)
