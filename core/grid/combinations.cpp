#include "combinations.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "cells/budgets.h"
#include "cells/families.h"
#include "cells/metrics.h"
#include "inputs/checkpoint_facts.h"
#include "pattern.h"
#include "words/names.h"

namespace espalier::grid {
namespace {

constexpr std::size_t most_said = 20;

class Combinations {
 public:
  Combinations(const Grid& grid, Complaints& complaints) : grid_(grid), complaints_(complaints), skips_(grid) {}

  void check() {
    if (!grid_.skip.empty() && !meets({})) {
      complaints_.add(grid_.place, "empty grid: its skip patterns leave no cell");
      return;
    }
    models_and_datasets();
    models_and_sites();
    searchers_and_scorers();
    searchers_and_budgets();
    searchers_and_granularities();
    scorers_and_granularities();
    searchers_and_metrics();
    budgets_and_schedules();
    geometric_schedules();
    heads_and_models();
    losses_and_metrics();
    half_types_and_training();
  }

 private:
  struct Wrong {
    Place place;
    std::string message;
  };
  using Dimensions = std::vector<const Dimension*>;

  const AxisValue& value(Member member) const {
    return grid_.axis(member).values[rows_[static_cast<std::size_t>(member)]];
  }
  BudgetKind budget_kind() const { return from_name<BudgetKind>(grid_.axis(Member::Budget).name); }
  static SiteFilter sites_of(const AxisValue& value) { return from_name<SiteFilter>(value.names[0]); }
  bool budget_is_by_schedule() const { return !value(Member::Budget).number; }

  // Calls `visit` for each way to take one row of each of these dimensions, until it returns false.
  template <typename Visit>
  bool walk(const Dimensions& dimensions, std::size_t depth, const Visit& visit) {
    if (depth == dimensions.size()) return visit();
    for (const auto row : dimensions[depth]->rows) {
      for (const auto member : dimensions[depth]->members) rows_[static_cast<std::size_t>(member)] = row;
      if (!walk(dimensions, depth + 1, visit)) return false;
    }
    return true;
  }

  // Whether a cell has the rows that these dimensions have now: the others vary where a pattern looks at them.
  bool meets(const Dimensions& held) {
    Dimensions free;
    for (const auto& dimension : grid_.dimensions) {
      if (dimension.rows.empty()) return false;
      if (std::find(held.begin(), held.end(), &dimension) != held.end()) continue;
      for (const auto member : dimension.members) rows_[static_cast<std::size_t>(member)] = dimension.rows[0];
      const bool matters = std::any_of(dimension.members.begin(), dimension.members.end(),
                                       [&](Member member) { return skips_.name(member); });
      if (matters) free.push_back(&dimension);
    }
    return !walk(free, 0, [&] { return skips_.leave_out(rows_); });
  }

  // Complains of each combination of these axes' values for which `wrong` has something to say and which a cell has.
  template <typename Judge>
  void each(const std::vector<Member>& members, const Judge& wrong) {
    Dimensions held;
    for (const auto& dimension : grid_.dimensions) {
      const auto is_asked = [&](Member member) {
        return std::find(members.begin(), members.end(), member) != members.end();
      };
      if (std::any_of(dimension.members.begin(), dimension.members.end(), is_asked)) held.push_back(&dimension);
    }
    std::set<std::string> said;
    walk(held, 0, [&] {
      const std::optional<Wrong> found = wrong();
      if (found && !said.contains(found->message) && meets(held)) {
        said.insert(found->message);
        complaints_.add(found->place, found->message);
      }
      return said.size() < most_said;
    });
  }

  void models_and_datasets() {
    each({Member::Model, Member::Dataset}, [&]() -> std::optional<Wrong> {
      const auto& model = value(Member::Model).model->settings;
      const auto& dataset = value(Member::Dataset).dataset->settings;
      if (facts_of(model.family).can_read(dataset.format)) return std::nullopt;
      return Wrong{grid_.place,
                   fmt::format("model '{}' ({}) cannot read dataset '{}' ({})\n    {}", model.name,
                               to_string(model.family), dataset.name, to_string(dataset.format), what_families_read())};
    });
  }

  void models_and_sites() {
    each({Member::Model, Member::Sites}, [&]() -> std::optional<Wrong> {
      const auto& model = value(Member::Model).model->settings;
      const auto& family = facts_of(model.family);
      const auto sites = sites_of(value(Member::Sites));
      if (family.has_sites(sites)) return std::nullopt;
      std::vector<std::string> has;
      for (const auto& site : family.attention) has.emplace_back(to_string(site.kind));
      return Wrong{grid_.place, fmt::format("model '{}' ({}) has no {} sites\n    its sites: {}", model.name,
                                            to_string(model.family), to_string(sites), join(has))};
    });
  }

  void searchers_and_scorers() {
    each({Member::Searcher, Member::Scorer}, [&]() -> std::optional<Wrong> {
      const auto& searcher = *value(Member::Searcher).plugin;
      const auto& scorer = *value(Member::Scorer).plugin;
      if (searcher.has(needs_scores) != scorer.is_none()) return std::nullopt;
      const auto& name = searcher.settings.name;
      return Wrong{value(Member::Scorer).place,
                   searcher.has(needs_scores)
                       ? fmt::format("searcher '{}' needs scores, and the grid gives it scorer 'none'\n    give it a "
                                     "scorer, or put it into a [[grid]] of its own, or skip the pair",
                                     name)
                       : fmt::format("searcher '{}' searches without scores, and the grid gives it scorer '{}'\n    "
                                     "leave 'scorer' out, or put it into a [[grid]] of its own, or skip the pair",
                                     name, scorer.settings.name)};
    });
  }

  void searchers_and_budgets() {
    each({Member::Searcher, Member::Budget}, [&]() -> std::optional<Wrong> {
      const auto& searcher = *value(Member::Searcher).plugin;
      const auto& known = searcher.budgets;
      const auto& asked = grid_.axis(Member::Budget).name;
      if (known.empty() || std::find(known.begin(), known.end(), asked) != known.end()) return std::nullopt;
      return Wrong{value(Member::Budget).place,
                   fmt::format("searcher '{}' does not understand the budget '{}'{}\n    it understands {}",
                               searcher.settings.name, asked,
                               budget_is_by_schedule() ? ", which this schedule stands for" : "", join(known))};
    });
  }

  void searchers_and_granularities() {
    each({Member::Searcher, Member::Granularity}, [&]() -> std::optional<Wrong> {
      const auto& searcher = *value(Member::Searcher).plugin;
      const auto& granularity = value(Member::Granularity).names[0];
      if (!searcher.has(heads_only) || granularity == "head") return std::nullopt;
      return Wrong{value(Member::Granularity).place,
                   fmt::format("searcher '{}' chooses among whole heads, and the grid gives it granularity '{}'\n    "
                               "expected granularity 'head', or another searcher",
                               searcher.settings.name, granularity)};
    });
  }

  void scorers_and_granularities() {
    each({Member::Scorer, Member::Granularity}, [&]() -> std::optional<Wrong> {
      const auto& scorer = *value(Member::Scorer).plugin;
      const auto& granularity = value(Member::Granularity).names[0];
      if (!scorer.has(heads_only) || granularity == "head") return std::nullopt;
      return Wrong{value(Member::Granularity).place,
                   fmt::format("scorer '{}' scores whole heads, and the grid gives it granularity '{}'\n    expected "
                               "granularity 'head', or another scorer",
                               scorer.settings.name, granularity)};
    });
  }

  void searchers_and_metrics() {
    each({Member::Searcher, Member::Dataset}, [&]() -> std::optional<Wrong> {
      const auto& searcher = *value(Member::Searcher).plugin;
      const bool is_bound = budget_kind() == BudgetKind::LossOfMetric;
      const auto& settings = searcher.settings.settings.values();
      const auto setting = settings.find(host::metric);
      if (setting == settings.end() || !(is_bound || searcher.has(evaluates))) return std::nullopt;
      const auto* metric = std::get_if<std::string>(&setting->second);
      const auto& format = value(Member::Dataset).dataset->settings.format;
      auto known = bounded_metrics_of(format);
      if (metric == nullptr || metric->empty() || std::find(known.begin(), known.end(), *metric) != known.end()) {
        return std::nullopt;
      }
      const auto written = searcher.places.find(host::metric);
      const auto& place = written == searcher.places.end() ? value(Member::Searcher).place : written->second;
      const auto* facts = find_metric(*metric);
      if (facts == nullptr || !facts->is_of(format)) {
        if (!is_bound) known = metrics_of(format);
        return Wrong{place, unknown_name(fmt::format("metric of {} data", to_string(format)), *metric, known)};
      }
      if (!is_bound) return std::nullopt;
      return Wrong{place, fmt::format("the budget loss_of_metric cannot be of '{}', which has no bound\n    "
                                      "expected one of {}, or no 'metric': then it is the task's first",
                                      *metric, join(known))};
    });
  }

  void budgets_and_schedules() {
    if (facts_of(budget_kind()).under_a_schedule) return;
    each({Member::Schedule}, [&]() -> std::optional<Wrong> {
      if (!value(Member::Schedule).schedule) return std::nullopt;
      return Wrong{value(Member::Schedule).place,
                   fmt::format("a schedule leads to a sparsity or a count of heads, and the budget is '{}'\n    leave "
                               "'schedule' out, or ask for sparsity or heads",
                               grid_.axis(Member::Budget).name)};
    });
  }

  // Each step keeps the same share of what is left: nothing is no share of it. (Heads are at least one.)
  void geometric_schedules() {
    if (budget_kind() != BudgetKind::Sparsity) return;
    each({Member::Schedule, Member::Budget}, [&]() -> std::optional<Wrong> {
      const auto& schedule = value(Member::Schedule);
      const auto& sparsity = value(Member::Budget).number;
      const bool is_geometric = schedule.schedule && schedule.schedule->shape == ScheduleShape::Geometric;
      if (!is_geometric || !sparsity || *sparsity < 1) return std::nullopt;
      return Wrong{value(Member::Budget).place,
                   fmt::format("schedule '{}' cannot lead to sparsity {}: each step keeps the same share of what is "
                               "left, and no share of it is nothing\n    use shape = \"linear\", a fraction, or a "
                               "sparsity below 1",
                               schedule.names[0], *sparsity)};
    });
  }

  void heads_and_models() {
    if (budget_kind() != BudgetKind::Heads) return;
    std::map<std::pair<std::string, SiteFilter>, std::optional<std::int64_t>> counts;  // by checkpoint and filter
    each({Member::Model, Member::Sites, Member::Budget}, [&]() -> std::optional<Wrong> {
      const auto& model = value(Member::Model).model->settings;
      const auto sites = sites_of(value(Member::Sites));
      const auto [count, is_new] = counts.try_emplace({model.checkpoint, sites});
      if (is_new) count->second = inputs::head_count(model, sites);
      const auto& budget = value(Member::Budget);
      if (!count->second || *budget.number <= static_cast<double>(*count->second)) return std::nullopt;
      return Wrong{
          budget.place,
          fmt::format("heads = {} is more than there are: model '{}' has {} heads{}\n    expected how many "
                      "stay, from 1 to {}",
                      *budget.number, model.name, *count->second,
                      sites == SiteFilter::All ? "" : std::string(" at sites ") + to_string(sites), *count->second)};
    });
  }

  // Of a metric in fractions nobody allows a loss of 5; of BLEU, from 0 to 100, one may.
  void losses_and_metrics() {
    if (budget_kind() != BudgetKind::LossOfMetric) return;
    each({Member::Searcher, Member::Dataset, Member::Budget}, [&]() -> std::optional<Wrong> {
      const auto& budget = value(Member::Budget);
      if (!budget.number) return std::nullopt;
      const auto& settings = value(Member::Searcher).plugin->settings.settings.values();
      const auto setting = settings.find(host::metric);
      const auto* given = setting == settings.end() ? nullptr : std::get_if<std::string>(&setting->second);
      const auto format = value(Member::Dataset).dataset->settings.format;
      const auto* metric = find_metric(given == nullptr || given->empty() ? bounded_metrics_of(format).at(0) : *given);
      if (metric == nullptr || *budget.number <= metric->most_loss) return std::nullopt;
      const double most = metric->most_loss;
      return Wrong{
          budget.place,
          fmt::format("loss_of_metric = {} is more than {} can lose, which counts {}\n    expected at most {}{}",
                      *budget.number, metric->name, metric->counts, most,
                      *budget.number <= 100 ? fmt::format("; did you mean {}?", *budget.number / 100) : "")};
    });
  }

  // Its range is too small for gradients and weights that grow.
  void half_types_and_training() {
    const auto refusal = [&](const std::string& what) {
      return Wrong{
          value(Member::Compute).place,
          fmt::format("compute = \"float16\" trains nothing, and {}\n    use \"bfloat16\", which has the range of "
                      "float32, or give float16 a [[grid]] of its own without training",
                      what)};
    };
    const auto is_half = [&] {
      return from_name<ComputeType>(value(Member::Compute).names[0]) == ComputeType::Float16;
    };
    each({Member::Compute, Member::Model}, [&]() -> std::optional<Wrong> {
      const auto& model = value(Member::Model).model->settings;
      if (!is_half() || !model.train) return std::nullopt;
      return refusal(fmt::format("model '{}' is trained", model.name));
    });
    for (const auto member : {Member::Scorer, Member::Searcher, Member::Recovery}) {
      each({Member::Compute, member}, [&]() -> std::optional<Wrong> {
        const auto& plugin = *value(member).plugin;
        if (!is_half() || plugin.is_none() || !(member == Member::Recovery || plugin.has(trains))) return std::nullopt;
        return refusal(fmt::format("{} '{}' trains", plugin.role, plugin.settings.name));
      });
    }
  }

  const Grid& grid_;
  Complaints& complaints_;
  Skips skips_;
  Rows rows_{};
};

}  // namespace

void check_combinations(const Grid& grid, Complaints& complaints) { Combinations(grid, complaints).check(); }

}  // namespace espalier::grid
