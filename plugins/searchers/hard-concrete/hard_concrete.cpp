// Hard-concrete gates on heads (Voita et al., 2019): every head has a gate of its own, sampled anew for every batch, and
// the number of open ones is steered by a penalty alone.
//
//   loss + penalty * sum over heads of P(gate != 0)
//
// With penalty_reduction = "mean-over-modules" the sum is divided by the number of attention modules, as in the authors'
// code, whose 0.1 is meant so; penalties of the two are not interchangeable. A gate is open when it is more than 1/2
// without noise. Heads that earlier steps removed have gate 0 and cost nothing.
//
// A penalty gives no exact number of heads. What the searcher does about it is `reach`:
//   bisection:  trains anew from the same start and with the same noise under other penalties, until exactly as many
//               gates are open as heads are to stay: by factors of 4 until two penalties enclose the number, then their
//               geometric mean. After `trials` trainings the one nearest to the number is taken, of equally near ones
//               the first. The model is left as that training left it.
//   top:        one training under `penalty`.
//   penalty:    one training under `penalty`; the mask is the open gates, however many there are.
// Bisection and top keep the K largest log_a, which are the open gates where their number is right.
//
// The start is Xavier-uniform over a site's gates as [1, heads], or the same log_a for all; a model that is trained
// already is disturbed least by gates that begin open (initial = "constant").
#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/full.h>
#include <ATen/ops/nan_to_num.h>
#include <espalier/error.h>
#include <espalier/searcher.h>

#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "hard_concrete.h"

namespace {

constexpr const char* who = "hard-concrete";

void refuse(const std::string& why) { throw espalier::SettingsError(std::string(who) + ": " + why); }

std::string in_words(double value) {
  std::ostringstream text;
  text << value;
  return text.str();
}

// What a training left behind.
struct Trial {
  std::int64_t number = 0;
  double penalty = 0;
  at::Tensor log_a;  // [units]
  at::Tensor open;   // bool [units]
  std::int64_t open_count = 0;
  std::int64_t steps = 0;
  bool diverged = false;
  std::vector<at::Tensor> weights;  // of the model, where another training follows
};

// Where every training begins.
struct Start {
  at::Tensor log_a;  // [units]
  std::uint64_t noise_seed = 0;
};

class HardConcrete final : public espalier::Searcher {
 public:
  explicit HardConcrete(const espalier::Settings& settings)
      : settings_(settings),
        gates_{settings.get<double>("beta"), settings.get<double>("gamma"), settings.get<double>("zeta"),
               settings.get<double>("epsilon")},
        joint_(settings.get<std::string>("mode") == "joint"),
        averages_(settings.get<std::string>("penalty_reduction") == "mean-over-modules"),
        penalty_(settings.get<double>("penalty")),
        reach_(settings.get<std::string>("reach")),
        trials_(reach_ == "bisection" ? settings.get<std::int64_t>("trials") : 1) {
    if (reach_ == "bisection" && penalty_ == 0)
      refuse(
          "penalty is 0, expected more: bisection multiplies it\n    for a training without penalty, use reach = "
          "\"top\"");
  }

  espalier::Mask search(espalier::SearchTask& task) override {
    const auto wanted = heads_to_keep(task);
    const Start start{first_log_a(task), task.random.next()};
    const auto trial = best_trial(task, start, wanted);
    task.report.note("penalty", trial.penalty);
    task.report.note("heads_asked", static_cast<double>(wanted));
    task.report.note("heads_open", static_cast<double>(trial.open_count));
    task.report.note("exact", trial.open_count == wanted ? 1 : 0);
    task.report.note("steps", static_cast<double>(trial.steps));
    task.report.note("training_diverged", trial.diverged ? 1 : 0);
    if (reach_ == "penalty") return task.units.mask(trial.open);
    // A log_a that a diverging step made no number counts as the lowest.
    const double lowest = -std::numeric_limits<double>::infinity();
    return task.units.mask(espalier::best_units(task, at::nan_to_num(trial.log_a, lowest, -lowest, lowest), wanted));
  }

 private:
  static std::int64_t heads_to_keep(const espalier::SearchTask& task) {
    if (task.scope != espalier::Scope::Global)
      refuse("scope local is not understood\n    its one penalty is of all sites: use scope global");
    const auto count = espalier::units_to_keep(task, who);
    if (count < 1) refuse("the budget keeps no head, so that nothing is left to learn\n    keep at least one");
    return count;
  }

  at::Tensor first_log_a(const espalier::SearchTask& task) const {
    const auto count = task.units.count();
    if (settings_.get<std::string>("initial") == "constant")
      return at::full({count}, settings_.get<double>("initial_log_a"), at::kDouble);
    auto log_a = at::empty({count}, at::kDouble);  // [units]
    for (std::int64_t begin = 0, end = 0; begin < count; begin = end) {
      while (end < count && task.units[end].site == task.units[begin].site) ++end;
      const double bound = std::sqrt(6 / (1 + static_cast<double>(end - begin)));
      for (auto i = begin; i < end; ++i) log_a.mutable_data_ptr<double>()[i] = (task.random.uniform() * 2 - 1) * bound;
    }
    return log_a;
  }

  // Trains until exactly `wanted` gates are open or no trial is left, and leaves the model as the best trial did.
  Trial best_trial(espalier::SearchTask& task, const Start& start, std::int64_t wanted) const {
    const bool comes_back = joint_ && trials_ > 1;
    const auto before = comes_back ? copies(task) : std::vector<at::Tensor>();
    double penalty = penalty_, too_low = 0, too_high = 0;  // 0: none known
    Trial best;
    for (std::int64_t number = 1;; ++number) {
      if (comes_back && number > 1) restore(task, before);
      auto trial = train(task, start, penalty);
      trial.number = number;
      tell(task, trial, wanted);
      const bool is_last = number == trials_ || (trial.open_count == wanted && !trial.diverged);
      if (number == 1 || is_better(trial, best, wanted)) {
        best = trial;
        if (comes_back && !is_last) best.weights = copies(task);
      }
      if (is_last) break;
      (trial.open_count > wanted ? too_low : too_high) = penalty;
      penalty = too_high == 0 ? penalty * 4 : too_low == 0 ? penalty / 4 : std::sqrt(too_low * too_high);
    }
    if (!best.weights.empty()) restore(task, best.weights);
    return best;
  }

  Trial train(const espalier::SearchTask& task, const Start& start, double penalty) const {
    auto log_a = start.log_a.clone().requires_grad_(true);  // [units]
    const auto remaining = task.remaining.to(at::kDouble);  // [units]
    const double weight = averages_ ? penalty / modules_of(task.units) : penalty;
    espalier::Random random(start.noise_seed);
    auto plan = espalier::training_plan(settings_);
    plan.best_on_validation = false;
    std::vector<espalier::ParameterGroup> groups;
    if (joint_) groups = espalier::parameter_groups(task.trainable.tensors(), settings_);
    groups.push_back({{log_a}, settings_.get<double>("gate_learning_rate"), 0});
    espalier::Objective objective;
    objective.loss = settings_.get<std::string>(espalier::host::loss);
    espalier::TrainingHooks hooks;
    hooks.units = &task.units;
    hooks.gates = [&](std::int64_t, std::int64_t) {
      return gates_.sample(log_a, gates_.noise(random.uniform(task.units.count()))) * remaining;
    };
    hooks.penalty = [&] { return (gates_.chance_open(log_a) * remaining).sum() * weight; };
    const auto outcome = task.trainable.train(plan, groups, objective, hooks);

    Trial trial;
    trial.penalty = penalty;
    trial.log_a = log_a.detach();
    trial.open = gates_.test_gate(trial.log_a).gt(0.5).logical_and(task.remaining);
    trial.open_count = trial.open.sum().item<std::int64_t>();
    trial.steps = outcome.steps;
    trial.diverged = outcome.diverged;
    return trial;
  }

  // What a training that diverged left open says little: any other is better.
  static bool is_better(const Trial& trial, const Trial& best, std::int64_t wanted) {
    if (trial.diverged != best.diverged) return best.diverged;
    return std::abs(trial.open_count - wanted) < std::abs(best.open_count - wanted);
  }

  void tell(espalier::SearchTask& task, const Trial& trial, std::int64_t wanted) const {
    task.report.step({{"trial", static_cast<double>(trial.number)},
                      {"penalty", trial.penalty},
                      {"open", static_cast<double>(trial.open_count)}});
    task.report.say(std::string(who) + ": trial " + std::to_string(trial.number) + " of at most " +
                    std::to_string(trials_) + ": " + std::to_string(trial.open_count) + " heads open under penalty " +
                    in_words(trial.penalty) + ", asked for " + std::to_string(wanted));
  }

  // Attention modules that have gates.
  static double modules_of(const espalier::Units& units) {
    double modules = 0;
    for (std::int64_t i = 0; i < units.count(); ++i) {
      if (i == 0 || units[i].site != units[i - 1].site) ++modules;
    }
    return modules;
  }

  static std::vector<at::Tensor> copies(const espalier::SearchTask& task) {
    std::vector<at::Tensor> values;
    for (const auto& tensor : task.trainable.tensors()) values.push_back(tensor.value.detach().clone());
    return values;
  }

  static void restore(const espalier::SearchTask& task, const std::vector<at::Tensor>& values) {
    const at::NoGradGuard no_gradients;
    const auto& tensors = task.trainable.tensors();
    for (std::size_t i = 0; i < values.size(); ++i) at::Tensor(tensors[i].value).copy_(values[i]);
  }

  espalier::Settings settings_;
  hard_concrete::Distribution gates_;
  bool joint_, averages_;
  double penalty_;
  std::string reach_;
  std::int64_t trials_;
};

}  // namespace

ESPALIER_SEARCHER(
    HardConcrete, "hard-concrete", "1.0.0", "Learns a gate a head under a penalty on open gates",
    espalier::uses_randomness | espalier::trains | espalier::heads_only | espalier::budget_heads |
        espalier::budget_sparsity,
    ESPALIER_TRAINING_SETTINGS("adamw", 2e-5, 0.0, 32),
    espalier::Setting{"mode", "joint", "gates-only: everything but the gates is frozen", "joint|gates-only"},
    espalier::Setting{"gate_learning_rate", 0.1, "of log_a, at its peak", "0.."},
    espalier::Setting{"penalty", 0.1, "on open gates; of the first training where reach is bisection", "0.."},
    espalier::Setting{"penalty_reduction", "mean-over-modules", "over heads: their sum, or that by the modules",
                      "sum|mean-over-modules"},
    espalier::Setting{"reach", "bisection", "how as many heads stay as are asked for", "bisection|top|penalty"},
    espalier::Setting{"trials", 8, "trainings that a bisection makes at most", "1.."},
    espalier::Setting{"initial", "xavier", "where log_a begins", "xavier|constant"},
    espalier::Setting{"initial_log_a", 2.0, "where it begins if that is constant"},
    espalier::Setting{"beta", 0.33, "temperature of the gates", "0<.."},
    espalier::Setting{"gamma", -0.1, "what 0 is stretched to", "..<0"},
    espalier::Setting{"zeta", 1.1, "what 1 is stretched to", "1<.."},
    espalier::Setting{"epsilon", 1e-6, "how far noise and chances stay from 0 and 1", "0<..<0.5"})
