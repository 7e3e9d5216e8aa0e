// Searches the heads that can go while the model, evaluated for real, loses no more of its metric than it may; or the
// heads that cost least when a number stays.
//
// Certain of the paper (arXiv 2110.15225): it prunes BERT's heads by an A* search and claims that up to 40 % go without
// loss of accuracy, by its later versions under a strict guarantee. There is no public code. The claims of its authors'
// patent describe the loop that `lazy-greedy` follows. How that loop ends early and breaks ties, and all of `a-star`,
// are our reconstruction, not verified against the paper: results are to be labelled so.
//
// The paper's authors hold US patent 12,417,357 B1, "Compression of models for natural language processing"; users
// should look at it. This is no legal opinion.
//
// method = lazy-greedy. Each head's estimate is what its removal last cost, first of all what it costs alone. In turn
// the heads whose estimate fits into what may still be lost are removed and evaluated again, best estimate first, until
// one costs no more than every estimate that is left; the cheapest goes. A budget of heads goes on until the number is
// reached. All qualities are then taken whole: estimates of heads that do not go serve the next turns.
//
// method = a-star. States are the sets of pruned heads that single removals lead to while every state on the way meets
// the bound. Wanted: the state with most heads pruned, of those the best, of those the one whose heads come first.
//   f(S) = heads pruned + weight * m(S)    m: an estimate, from above, of how many more can go
// heuristic  none    m: all that are left. Exact, and exhaustive.
//            single  m: how many of the cheapest fit, each at what it costs alone. Exact where no head gets cheaper by
//                    the removal of others; of states that are equally good any may be found.
//            latest  the same, each at what it last cost on the way to S, as the patent estimates it. Not exact.
// With a budget of heads: f(S) = quality - weight * the sum of the cheapest costs that must follow (none: 0, exact
// where no removal gains quality). A weight below 1 (above 1 with a budget of heads) is greedier, and not exact.
//
// A state is evaluated when it has the best f of all, not when it is first seen: until then its quality is estimated
// from the state it comes from. Where removals cost more together than alone, as they often do, a proof takes
// exponentially many evaluations: set a limit.
#include "head_states.h"

#include <deque>
#include <functional>
#include <memory>
#include <queue>
#include <set>
#include <tuple>

namespace {

using head_states::Costs;
using head_states::Heads;
using head_states::HeadStates;
using head_states::State;
using head_states::with;

std::string lazy_greedy(HeadStates& states) {
  Costs estimates;
  State now = states.dense();
  if (!states.single_costs(estimates)) {
    states.settle_for(now.pruned, estimates);
    return {};
  }
  while (true) {
    states.expand(now, states.estimate(now, estimates));
    if (states.is_goal(now.pruned)) return states.counts_heads() ? "heads reached" : "exhausted";
    std::optional<State> best;
    for (const auto head : states.cheapest(now.pruned, estimates)) {
      auto& estimate = estimates[static_cast<std::size_t>(head)];
      if (estimate > now.quality - states.bound()) break;
      if (best && now.quality - best->quality <= estimate) break;
      const auto child = with(now.pruned, head);
      const auto quality = states.quality(child);
      if (!quality) {
        states.settle_for(now.pruned, estimates);
        return {};
      }
      estimate = states.cost(now, *quality);
      if (*quality >= states.bound() && (!best || better({child, *quality}, *best))) best = {child, *quality};
    }
    if (!best) return "no head fits";
    now = std::move(*best);
  }
}

enum class Heuristic { None, Single, Latest };

class Tree {
 public:
  Tree(HeadStates& states, Heuristic heuristic, double weight)
      : states_(states), heuristic_(heuristic), weight_(weight) {}

  std::string search() {
    const auto single = std::make_shared<Costs>();
    if (!states_.single_costs(*single)) {
      states_.settle_for({}, *single);
      return {};
    }
    add(states_.dense(), single);
    while (!open_.empty()) {
      const auto next = open_.top();
      open_.pop();
      if (!can_beat_best(next)) continue;
      auto& node = nodes_[next.node];
      if (node.next == 0) states_.expand(node.state, next.estimate);
      const auto quality = states_.quality(next.child);
      if (!quality) {
        states_.settle_for(node.state.pruned, *node.costs);
        return {};
      }
      if (heuristic_ == Heuristic::Latest)
        (*node.costs)[static_cast<std::size_t>(node.children[node.next])] = states_.cost(node.state, *quality);
      ++node.next;
      if (*quality >= states_.bound() && closed_.insert(next.child).second) {
        const bool latest = heuristic_ == Heuristic::Latest;
        add({next.child, *quality}, latest ? std::make_shared<Costs>(*node.costs) : node.costs);
      }
      open(next.node);
    }
    return states_.best()->pruned.empty() && !states_.counts_heads() ? "no head fits" : "exhausted";
  }

 private:
  struct Node {
    State state;
    std::shared_ptr<Costs> costs;  // estimates; of Latest its own
    Heads children;                // heads to remove next, cheapest first
    std::size_t next = 0;
  };

  // A state to evaluate, the most promising child of a node.
  struct Open {
    double estimate = 0;  // f
    double rank = 0;      // f without the noise of rounding, which would hide that states are equal
    double quality = 0;   // expected of the child
    double reached = 0;   // quality expected where f heads are pruned
    Heads child;
    std::size_t node = 0;

    bool operator<(const Open& other) const {
      return std::make_tuple(rank, child.size(), quality, std::cref(other.child), other.node) <
             std::make_tuple(other.rank, other.child.size(), other.quality, std::cref(child), node);
    }
  };

  void add(State state, std::shared_ptr<Costs> costs) {
    if (states_.is_goal(state.pruned)) return;
    auto children = states_.cheapest(state.pruned, *costs);
    nodes_.push_back({std::move(state), std::move(costs), std::move(children)});
    open(nodes_.size() - 1);
  }

  void open(std::size_t index) {
    const auto& node = nodes_[index];
    if (node.next == node.children.size()) return;
    const auto head = node.children[node.next];
    const State child{with(node.state.pruned, head),
                      node.state.quality - (*node.costs)[static_cast<std::size_t>(head)]};
    const auto size = static_cast<double>(child.pruned.size());
    Open entry{0, 0, child.quality, -head_states::infinity, child.pruned, index};
    if (heuristic_ == Heuristic::None) {
      const double more = static_cast<double>(states_.count()) - size;
      entry.estimate = states_.counts_heads() ? node.state.quality : size + weight_ * more;
    } else {
      // What follows is dearer.
      if (!states_.may_meet_bound(child.quality)) return;
      const auto reach = states_.reach(child, *node.costs);
      const double more = static_cast<double>(reach.pruned) - size;
      entry.reached = reach.quality;
      entry.estimate =
          states_.counts_heads() ? child.quality - weight_ * (child.quality - reach.quality) : size + weight_ * more;
    }
    entry.rank = states_.counts_heads() ? std::round(entry.estimate / states_.grain()) : entry.estimate;
    open_.push(std::move(entry));
  }

  bool can_beat_best(const Open& entry) const {
    const auto& best = states_.best();
    if (!best) return true;
    const auto size = static_cast<std::int64_t>(best->pruned.size());
    if (size == states_.count()) return false;  // there is no other of this size
    if (states_.counts_heads()) return entry.estimate > best->quality + states_.grain();
    constexpr double rounding = 1e-9;
    const double more = entry.estimate - static_cast<double>(size);
    return more > rounding || (more > -rounding && entry.reached > best->quality + states_.grain());
  }

  HeadStates& states_;
  Heuristic heuristic_;
  double weight_;
  std::deque<Node> nodes_;
  std::priority_queue<Open> open_;
  std::set<Heads> closed_;
};

class AStar final : public espalier::Searcher {
 public:
  explicit AStar(const espalier::Settings& settings)
      : settings_(settings),
        method_(settings.get<std::string>("method")),
        heuristic_(heuristic_from(settings.get<std::string>("heuristic"))),
        weight_(settings.get<double>("weight")) {}

  espalier::Mask search(espalier::SearchTask& task) override {
    HeadStates states("a-star", settings_, task);
    const auto ended_by = method_ == "lazy-greedy" ? lazy_greedy(states) : Tree(states, heuristic_, weight_).search();
    return states.finish(method_, ended_by);
  }

 private:
  static Heuristic heuristic_from(const std::string& name) {
    if (name == "none") return Heuristic::None;
    return name == "single" ? Heuristic::Single : Heuristic::Latest;
  }

  espalier::Settings settings_;
  std::string method_;
  Heuristic heuristic_;
  double weight_;
};

}  // namespace

ESPALIER_SEARCHER(
    AStar, "a-star", "1.0.0", "Prunes the heads that real evaluations show to fit, greedily or by A*",
    espalier::evaluates | espalier::heads_only | espalier::budget_heads | espalier::budget_loss,
    espalier::Setting{"method", "lazy-greedy", "one head at a time, or A* over sets of heads", "lazy-greedy|a-star"},
    espalier::Setting{"heuristic", "single",
                      "method a-star: what a removal is expected to cost: nothing, what it costs alone, or "
                      "what it last cost",
                      "none|single|latest"},
    espalier::Setting{"weight", 1.0, "method a-star: what the heuristic's estimate is multiplied by", "0.."},
    head_states::metric_setting, head_states::stopping_error_setting, head_states::evaluations_setting,
    head_states::seconds_setting)
