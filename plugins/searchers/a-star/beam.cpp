// Beam search over sets of pruned heads, evaluated for real: of the states with one head more, removed from any of the
// `width` best, the `width` best by quality go on. With a budget loss_of_metric, while any meets the bound; with a
// budget of heads, until the number is reached. The answer is the best of the deepest.
//
// `children` bounds the work: from each state only so many heads are tried, those whose removal last cost least on the
// way to it; what each costs alone is always asked.
#include "head_states.h"

#include <set>

namespace {

using head_states::Costs;
using head_states::Heads;
using head_states::HeadStates;
using head_states::State;
using head_states::with;

struct Path {
  State state;
  Costs costs;  // what each removal last cost on the way
};

class Beam final : public espalier::Searcher {
 public:
  explicit Beam(const espalier::Settings& settings)
      : settings_(settings),
        width_(settings.get<std::int64_t>("width")),
        children_(settings.get<std::int64_t>("children")) {}

  espalier::Mask search(espalier::SearchTask& task) override {
    HeadStates states("beam", settings_, task);
    return states.finish("beam", deepen(states));
  }

 private:
  struct Child {
    State state;
    std::size_t parent = 0;
  };

  std::string deepen(HeadStates& states) const {
    std::vector<Path> paths{{states.dense(), {}}};
    if (!states.single_costs(paths.front().costs)) {
      states.settle_for({}, paths.front().costs);
      return {};
    }
    while (true) {
      states.expand(paths.front().state, states.estimate(paths.front().state, paths.front().costs),
                    static_cast<std::int64_t>(paths.size()));
      if (states.is_goal(paths.front().state.pruned)) return states.counts_heads() ? "heads reached" : "exhausted";
      std::vector<Child> children;
      if (!try_removals(states, paths, children)) {
        states.settle_for(paths.front().state.pruned, paths.front().costs);
        return {};
      }
      if (children.empty()) return "no head fits";
      std::sort(children.begin(), children.end(),
                [](const Child& one, const Child& other) { return better(one.state, other.state); });
      if (children.size() > static_cast<std::size_t>(width_)) children.resize(static_cast<std::size_t>(width_));
      std::vector<Path> next;
      for (auto& child : children) next.push_back({std::move(child.state), paths[child.parent].costs});
      paths = std::move(next);
    }
  }

  // False where a limit came first.
  bool try_removals(HeadStates& states, std::vector<Path>& paths, std::vector<Child>& children) const {
    std::vector<Heads> tried;  // by path, heads
    std::vector<Heads> to_ask;
    for (const auto& [state, costs] : paths) {
      auto& heads = tried.emplace_back(states.cheapest(state.pruned, costs));
      if (children_ > 0 && heads.size() > static_cast<std::size_t>(children_))
        heads.resize(static_cast<std::size_t>(children_));
      for (const auto head : heads) to_ask.push_back(with(state.pruned, head));
    }
    states.ask(to_ask);
    std::set<Heads> seen;
    for (std::size_t i = 0; i < paths.size(); ++i) {
      auto& [state, costs] = paths[i];
      for (const auto head : tried[i]) {
        auto child = with(state.pruned, head);
        const auto quality = states.quality(child);
        if (!quality) return false;
        costs[static_cast<std::size_t>(head)] = states.cost(state, *quality);
        if (*quality >= states.bound() && seen.insert(child).second)
          children.push_back({{std::move(child), *quality}, i});
      }
    }
    return true;
  }

  espalier::Settings settings_;
  std::int64_t width_, children_;
};

}  // namespace

ESPALIER_SEARCHER(Beam, "beam", "1.0.0", "Prunes the heads that real evaluations show to fit, by beam search",
                  espalier::evaluates | espalier::heads_only | espalier::budget_heads | espalier::budget_loss,
                  espalier::Setting{"width", 4, "states of each number of heads that go on", "1.."},
                  espalier::Setting{"children", 0, "heads tried from each state, those that cost least; 0: all", "0.."},
                  head_states::metric_setting, head_states::stopping_error_setting, head_states::evaluations_setting,
                  head_states::seconds_setting)
