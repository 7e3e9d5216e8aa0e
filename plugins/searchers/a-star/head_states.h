// What searches over sets of heads have in common: real evaluations within a budget and limits, the best state so far,
// and what is left behind. A state is the set of heads that are pruned.
//
// A budget loss_of_metric = B bounds every state: its quality is at least that of the mask that keeps all that remains,
// less B. Rounding is forgiven: of B = 0.1, 0.8 - 0.7 is no more. A budget of heads sets a number, and no bound.
//
// An answer below the bound counts as "just over what may still be lost", however far below it is, so that a search
// takes the same way whether evaluations stop early or not.
//
// A limit ends a search with the best state so far. With a budget of heads the last evaluation is kept for the answer:
// where the number was not reached, the heads that seem cheapest go as well.
#pragma once

#include <ATen/core/Tensor.h>
#include <ATen/ops/zeros.h>
#include <espalier/error.h>
#include <espalier/searcher.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <iterator>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace head_states {

inline constexpr double infinity = std::numeric_limits<double>::infinity();

using Heads = std::vector<std::int64_t>;  // units, ascending
using Costs = std::vector<double>;        // by unit: the quality that its removal costs, as far as is known

struct State {
  Heads pruned;
  double quality = 0;
};

// What seems to be within reach of a state.
struct Reach {
  std::int64_t pruned = 0;  // heads in all
  double quality = 0;       // when as many are pruned
};

inline Heads with(Heads pruned, std::int64_t head) {
  pruned.insert(std::upper_bound(pruned.begin(), pruned.end(), head), head);
  return pruned;
}

// Of equally many the better, of equally good the one whose heads come first.
inline bool better(const State& one, const State& other) {
  if (one.pruned.size() != other.pruned.size()) return one.pruned.size() > other.pruned.size();
  if (one.quality != other.quality) return one.quality > other.quality;
  return one.pruned < other.pruned;
}

class HeadStates {
 public:
  HeadStates(std::string who, const espalier::Settings& settings, espalier::SearchTask& task)
      : who_(std::move(who)),
        most_evaluations_(settings.get<std::int64_t>("evaluations")),
        most_seconds_(settings.get<double>("seconds")),
        task_(task) {
    check();
    const auto remaining = task.remaining.contiguous();
    for (std::int64_t i = 0; i < task.units.count(); ++i) {
      if (remaining.const_data_ptr<bool>()[i]) heads_.push_back(i);
    }
    if (counts_heads()) wanted_ = count() - espalier::units_to_keep(task, who_);
    dense_ = task.evaluator.evaluate(mask({})).quality;
    if (!std::isfinite(dense_))
      throw espalier::InputError(who_ + ": the metric of the model without further pruning is not a number");
    const double scale = std::max(1.0, std::abs(dense_));
    rounding_ = 1e-12 * scale;
    grain_ = std::max(task.evaluator.resolution() / 2, 1e-9 * scale);
    if (!counts_heads()) bound_ = dense_ - task.budget.value - rounding_;
    remember({{}, dense_});
  }

  std::int64_t count() const { return static_cast<std::int64_t>(heads_.size()); }
  bool counts_heads() const { return task_.budget.kind == espalier::SearchBudget::Kind::Heads; }
  bool is_goal(const Heads& pruned) const {
    return static_cast<std::int64_t>(pruned.size()) == (counts_heads() ? wanted_ : count());
  }
  State dense() const { return {{}, dense_}; }
  double bound() const { return bound_; }
  // Qualities that differ by less are equal but for rounding.
  double grain() const { return grain_; }
  // With a budget of heads, absent until as many are pruned.
  const std::optional<State>& best() const { return best_; }

  // Whether a state may meet the bound whose quality is a sum of costs.
  bool may_meet_bound(double expected) const { return expected >= bound_ - rounding_; }

  // Minus infinity: below the bound. Absent: a limit has been reached.
  std::optional<double> quality(const Heads& pruned) {
    const auto known = known_.find(pruned);
    if (known != known_.end()) return known->second;
    tell();
    if (reached_limit()) return std::nullopt;
    return evaluated({&pruned, 1}).front();
  }

  // Has these states evaluated together, in this order, as far as limits allow: what they have in common is computed once.
  void ask(const std::vector<Heads>& states) {
    std::set<Heads> seen;
    std::vector<Heads> unknown;
    for (const auto& state : states) {
      if (!known_.contains(state) && seen.insert(state).second) unknown.push_back(state);
    }
    for (std::size_t begin = 0; begin < unknown.size() && !reached_limit();) {
      tell();
      const auto count = std::min(unknown.size() - begin, fits_limits());
      evaluated(std::span(unknown).subspan(begin, count));
      begin += count;
    }
  }

  double cost(const State& from, double quality) const {
    return quality >= bound_ ? from.quality - quality : from.quality - bound_ + 2 * rounding_;
  }

  // What each head costs alone; infinite where a limit came first: then the answer is false.
  bool single_costs(Costs& costs) {
    costs.assign(static_cast<std::size_t>(task_.units.count()), infinity);
    if (is_goal({})) return true;  // nothing is to go
    std::vector<Heads> alone;
    for (const auto head : heads_) alone.push_back({head});
    ask(alone);
    for (const auto head : heads_) {
      const auto single = quality({head});
      if (!single) return false;
      costs[static_cast<std::size_t>(head)] = cost(dense(), *single);
    }
    return true;
  }

  // The heads that a state keeps, cheapest first; of equal ones the first.
  Heads cheapest(const Heads& pruned, const Costs& costs) const {
    Heads left;
    std::set_difference(heads_.begin(), heads_.end(), pruned.begin(), pruned.end(), std::back_inserter(left));
    std::stable_sort(left.begin(), left.end(), [&](std::int64_t a, std::int64_t b) {
      return costs[static_cast<std::size_t>(a)] < costs[static_cast<std::size_t>(b)];
    });
    return left;
  }

  // The most heads that can go if each costs what it cost before; with a budget of heads, as many as must.
  Reach reach(const State& from, const Costs& costs) const {
    const auto begin = static_cast<std::int64_t>(from.pruned.size());
    Reach now{begin, from.quality}, reached = now;
    for (const auto head : cheapest(from.pruned, costs)) {
      ++now.pruned;
      now.quality -= costs[static_cast<std::size_t>(head)];
      if (counts_heads() ? now.pruned <= wanted_ : may_meet_bound(now.quality)) reached = now;
    }
    return reached;
  }

  // As `espalier show` tells it.
  double estimate(const State& from, const Costs& costs) const {
    const auto reached = reach(from, costs);
    return counts_heads() ? reached.quality : static_cast<double>(reached.pruned);
  }

  // A step of the trajectory: removals from this state, the best of `states`, are tried.
  void expand(const State& state, double estimate, std::int64_t states = 1) {
    expanded_ += states;
    now_ = state;
    task_.report.step({{"node", static_cast<double>(node_++)},
                       {"heads", static_cast<double>(count()) - static_cast<double>(state.pruned.size())},
                       {"quality", state.quality},
                       {"estimate", estimate},
                       {"evaluations", static_cast<double>(task_.evaluator.evaluations())}});
    tell();
  }

  // A limit came before the number of heads: from here the cheapest go.
  void settle_for(const Heads& pruned, const Costs& costs) {
    if (best_ || !counts_heads()) return;
    auto all = pruned;
    for (const auto head : cheapest(pruned, costs)) {
      if (!is_goal(all)) all = with(std::move(all), head);
    }
    evaluated({&all, 1});
  }

  espalier::Mask finish(const std::string& method, const std::string& ended_by) {
    auto& report = task_.report;
    report.note("method", method);
    report.note("ended_by", limit_.empty() ? ended_by : limit_);
    report.note("dense_quality", dense_);
    report.note("quality", best_->quality);
    report.note("loss", dense_ - best_->quality);
    // A number of heads is no bound: of what the model then loses nothing is guaranteed.
    if (!counts_heads()) report.note("guarantee_met", best_->quality >= bound_ ? 1.0 : 0.0);
    report.note("heads_pruned", static_cast<double>(best_->pruned.size()));
    report.note("evaluations", static_cast<double>(task_.evaluator.evaluations()));
    report.note("nodes_expanded", static_cast<double>(expanded_));
    return mask(best_->pruned);
  }

 private:
  void check() const {
    using Kind = espalier::SearchBudget::Kind;
    const auto refuse = [this](const std::string& why) { throw espalier::SettingsError(who_ + why); };
    if (task_.units.granularity() != espalier::Granularity::Head)
      refuse(std::string(" needs granularity head, and was given ") + espalier::to_string(task_.units.granularity()));
    if (task_.scope != espalier::Scope::Global) refuse(" needs scope global: the heads of all sites compete");
    if (task_.budget.kind != Kind::Heads && task_.budget.kind != Kind::LossOfMetric)
      refuse(" understands the budgets heads and loss_of_metric, and was given another");
    if (task_.budget.kind == Kind::LossOfMetric && !(task_.budget.value >= 0 && std::isfinite(task_.budget.value))) {
      refuse(": loss_of_metric = " + std::to_string(task_.budget.value) +
             " is not a loss\n    expected how much of the metric may be lost: 0 or more");
    }
  }

  espalier::Mask mask(const Heads& pruned) const {
    auto kept = at::zeros({task_.units.count()}, at::kBool);  // [units]
    auto* keeps = kept.mutable_data_ptr<bool>();
    for (const auto head : heads_) keeps[head] = true;
    for (const auto head : pruned) keeps[head] = false;
    return task_.units.mask(kept);
  }

  bool reached_limit() {
    const auto spare = counts_heads() ? 1 : 0;
    if (most_evaluations_ > 0 && task_.evaluator.evaluations() + spare >= most_evaluations_)
      limit_ = "limit of evaluations";
    else if (most_seconds_ > 0 && task_.evaluator.seconds() >= most_seconds_)
      limit_ = "limit of seconds";
    return !limit_.empty();
  }

  // How many states may be evaluated before limits are looked at again: one at least. Of the time that is left, at what an
  // evaluation took so far, half: some take longer.
  std::size_t fits_limits() const {
    double most = infinity;
    const auto asked = static_cast<double>(task_.evaluator.evaluations());
    if (most_evaluations_ > 0) most = static_cast<double>(most_evaluations_) - asked - (counts_heads() ? 1 : 0);
    if (most_seconds_ > 0) {
      const double now = task_.evaluator.seconds();
      if (now > 0) most = std::min(most, (most_seconds_ - now) / 2 * asked / now);
    }
    constexpr double all = 1e9;
    return static_cast<std::size_t>(std::clamp(most, 1.0, all));
  }

  std::vector<double> evaluated(std::span<const Heads> states) {
    std::vector<espalier::Mask> masks;
    for (const auto& pruned : states) masks.push_back(mask(pruned));
    const auto answers = task_.evaluator.evaluate_each(masks, bound_);
    std::vector<double> qualities;
    for (std::size_t i = 0; i < states.size(); ++i) {
      // A metric that cannot be computed, of a model that says nothing any more, is the worst.
      constexpr double worst = -1e100;
      auto& quality = qualities.emplace_back(std::isfinite(answers[i].quality) ? answers[i].quality : worst);
      if (!answers[i].complete || quality < bound_) quality = -infinity;
      remember({states[i], quality});
    }
    return qualities;
  }

  void remember(const State& state) {
    known_.emplace(state.pruned, state.quality);
    if (state.quality < bound_ || (counts_heads() && !is_goal(state.pruned))) return;
    if (!best_ || better(state, *best_)) best_ = state;
  }

  void tell() {
    const double now = task_.evaluator.seconds();
    if (now < told_ + 1) return;
    told_ = now;
    task_.report.say(std::to_string(now_.pruned.size()) + " of " + std::to_string(count()) + " heads pruned, quality " +
                     std::to_string(now_.quality) + ", " + std::to_string(task_.evaluator.evaluations()) +
                     " evaluations");
  }

  std::string who_;
  std::int64_t most_evaluations_;
  double most_seconds_;
  espalier::SearchTask& task_;
  Heads heads_;              // that remain
  std::int64_t wanted_ = 0;  // with a budget of heads: to prune
  double dense_ = 0, bound_ = -infinity, rounding_ = 0, grain_ = 0;
  std::map<Heads, double> known_;
  std::optional<State> best_;
  State now_;
  std::string limit_;
  std::int64_t node_ = 0, expanded_ = 0;
  double told_ = -infinity;
};

// Settings of every search over heads.
inline constexpr espalier::Setting metric_setting{espalier::host::metric, "",
                                                  "what the evaluator measures; empty: the task's first metric"};
inline constexpr espalier::Setting stopping_error_setting{espalier::host::stopping_error, 0.0,
                                                          "a mask that meets the bound may be passed over with this "
                                                          "probability, by a random sample of the examples; 0: never",
                                                          "0..1"};
inline constexpr espalier::Setting evaluations_setting{"evaluations", 0, "limit of evaluations; 0: none", "0.."};
inline constexpr espalier::Setting seconds_setting{"seconds", 0.0, "limit of seconds; 0: none", "0.."};

}  // namespace head_states
