#include "measure/ladder.h"

#include <ATen/ops/cat.h>
#include <ATen/ops/ones.h>
#include <c10/core/InferenceMode.h>
#include <espalier/plugin.h>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <limits>
#include <memory>
#include <span>
#include <utility>

#include "engine/searching.h"
#include "measure/clock.h"
#include "nn/series/mask_series.h"
#include "tasks/bounded.h"

namespace espalier::worker {
namespace {

using Evaluations = std::vector<tasks::Evaluation>;

// That users pad together.
constexpr std::int64_t examples_a_batch = 32;
constexpr std::int64_t least_rounds = 3, most_rounds = 1000;

double median_of(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const auto middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

// In file order, so many at a time, the shorter ones padded.
tasks::Evaluation padded_evaluation(const Subject& subject, const nn::Model& model, const Watch& watch) {
  const c10::InferenceMode inference;
  const auto& examples = *subject.split->examples;
  std::vector<at::Tensor> logits;
  std::int64_t multiply_adds = 0;
  for (const auto& rows : data::in_file_order(examples, 0, examples_a_batch)) {
    watch.check();
    const auto batch = examples.batch(rows);
    logits.push_back(model.logits({&batch, 1}).to(at::kFloat).cpu());  // [rows, classes]
    std::int64_t longest = 0;
    for (const auto row : rows) longest = std::max(longest, examples.length(row));
    multiply_adds += std::ssize(rows) * model.multiply_adds(longest);
  }
  return subject.task->evaluation_of({{"logits", at::cat(logits)}}, *subject.split, multiply_adds);
}

template <typename Evaluate>
RungAnswers one_by_one(const std::vector<Mask>& masks, const Evaluate& evaluate) {
  RungAnswers answers;
  for (const auto& mask : masks) answers.whole.push_back(evaluate(mask));
  return answers;
}

// As a search that looks for the best of them.
RungAnswers bounded_by_the_best(const Subject& subject, const std::vector<Mask>& masks, const Watch& watch) {
  const Mask everything(subject.model->sites());
  const auto evaluator = engine::split_evaluator(*subject.model, everything, *subject.task, watch);
  double best = -std::numeric_limits<double>::infinity();
  RungAnswers answers;
  for (const auto& mask : masks) {
    answers.bounded.push_back({evaluator->evaluate(mask, best), best});
    const auto& answer = answers.bounded.back().answer;
    if (answer.complete) best = std::max(best, answer.quality);
  }
  return answers;
}

Mask mask_without(const Units& units, std::span<const std::int64_t> removed) {
  auto kept = at::ones({units.count()}, at::kBool);  // [units]
  for (const auto unit : removed) kept[unit] = false;
  return units.mask(kept);
}

}  // namespace

std::vector<Rung> rungs_of(const Subject& subject, const Watch& watch) {
  const auto& model = *subject.model;
  const auto& task = *subject.task;
  const auto& split = *subject.split;
  const auto series = [&] {
    return std::make_unique<nn::MaskSeries>(model, ComputeType::Float32, SoftmaxScale{},
                                            nn::prefix_bytes(task.device().place, task.device().memory_bytes));
  };
  const bool writes_text = model.task_kind() == nn::TaskKind::Speech;
  std::vector<Rung> rungs;
  if (writes_text) {
    rungs.push_back({"plain", "the whole model, pruned weights zeroed", [&](const auto& masks) {
                       return one_by_one(masks,
                                         [&](const Mask& mask) { return task.evaluate(*model.masked(mask), split); });
                     }});
  } else {
    rungs.push_back({"plain",
                     fmt::format("the whole model, pruned weights zeroed; examples in file order, padded {} at a time",
                                 examples_a_batch),
                     [&, watch](const auto& masks) {
                       return one_by_one(masks, [&](const Mask& mask) {
                         return padded_evaluation(subject, *model.masked(mask), watch);
                       });
                     }});
    rungs.push_back(
        {"bucketed", "the same, examples of one length together and nothing padded", [&](const auto& masks) {
           return one_by_one(masks, [&](const Mask& mask) { return task.evaluate(*model.masked(mask), split); });
         }});
  }
  rungs.push_back({"left out", "pruned heads not computed", [&](const auto& masks) {
                     return one_by_one(masks,
                                       [&](const Mask& mask) { return task.evaluate(*model.compacted(mask), split); });
                   }});
  // A series that knows the masks of an earlier round would have nothing to compute.
  rungs.push_back({"prefix", "one after the other, each from the first site that the others did not compute",
                   [&, series](const auto& masks) {
                     const auto fresh = series();
                     return one_by_one(masks,
                                       [&](const Mask& mask) { return task.evaluate(*fresh->compacted(mask), split); });
                   }});
  rungs.push_back({"together", "all at once, piece by piece of the data", [&, series](const auto& masks) {
                     const auto fresh = series();
                     return RungAnswers{task.evaluate_each(*fresh, masks, split), {}};
                   }});
  // The evaluator of searches reads no other split.
  if (split.name != to_string(SplitName::Validation) || task.bounded(split, task.ranking_metrics().at(0)) == nullptr)
    return rungs;
  rungs.push_back({"bounded", "one after the other as a search asks, ended when it cannot be the best so far",
                   [&, watch](const auto& masks) { return bounded_by_the_best(subject, masks, watch); }});
  return rungs;
}

std::vector<MaskSet> mask_sets(const std::vector<Site>& sites, std::int64_t count) {
  const Units units(sites, Granularity::Head);
  MaskSet halves{"a random half of the heads", {}}, singles{"single heads", {}};
  Random random(0);
  for (std::int64_t i = 0; i < count; ++i) {
    const auto order = random.permutation(units.count());
    halves.masks.push_back(mask_without(units, std::span(order).first(order.size() / 2)));
  }
  const auto single = std::min(count, units.count());
  for (std::int64_t i = 0; i < single; ++i) {
    const std::int64_t unit = i * units.count() / single;
    singles.masks.push_back(mask_without(units, {&unit, 1}));
  }
  return {std::move(halves), std::move(singles)};
}

namespace {

// Holds answers against the plain ones, which are the first.
class Checker {
 public:
  Checker(const MaskSet& set, const tasks::Task& task) : set_(set), task_(task) {}

  void check(const std::string& way, RungAnswers answers) {
    if (plain_.empty()) {
      plain_ = std::move(answers.whole);
      plain_way_ = way;
      return;
    }
    const auto names = [&](std::size_t mask) {
      return fmt::format("'{}' and '{}', mask {} of {}", plain_way_, way, mask + 1, set_.name);
    };
    for (std::size_t mask = 0; mask < answers.whole.size(); ++mask)
      agreement_.add(agreement_of(plain_[mask], answers.whole[mask], names(mask)));
    for (std::size_t mask = 0; mask < answers.bounded.size(); ++mask) {
      const auto& [answer, at_least] = answers.bounded[mask];
      const double shift = static_cast<double>(agreement_.rounded_apart) / static_cast<double>(plain_[mask].examples);
      require_verdict(answer, at_least, task_.quality(plain_[mask].metrics), 1e-9 + shift, names(mask));
    }
  }
  const Agreement& agreement() const { return agreement_; }

 private:
  const MaskSet& set_;
  const tasks::Task& task_;
  std::string plain_way_;
  Evaluations plain_;
  Agreement agreement_;
};

}  // namespace

Climb climb(const std::vector<Rung>& rungs, const MaskSet& set, double seconds, const tasks::Task& task,
            const Watch& watch) {
  Climb result;
  Checker checker(set, task);
  const auto seconds_of = [&](const Rung& rung, RungAnswers& answers) {
    watch.check();
    const auto begun = Clock::now();
    answers = rung.evaluate(set.masks);
    nn::synchronize(task.device().place);
    return seconds_since(begun);
  };
  double all_rungs = 0;
  for (const auto& rung : rungs) {
    RungAnswers answers;
    all_rungs += seconds_of(rung, answers);
    auto& times = result.rungs.emplace_back();
    times.name = rung.name;
    for (const auto& evaluation : answers.whole) times.multiply_adds += evaluation.multiply_adds;
    checker.check(rung.name, std::move(answers));
  }
  result.agreement = checker.agreement();
  const double rounds = seconds * static_cast<double>(rungs.size()) / std::max(all_rungs, 1e-9);
  result.rounds = std::clamp(static_cast<std::int64_t>(std::min(rounds, 1e9)), least_rounds, most_rounds);
  watch.tell(
      fmt::format("bench: {}: the answers agree; {} rounds of about {:.1f} s", set.name, result.rounds, all_rungs));
  std::vector<std::vector<double>> times(rungs.size());
  for (std::int64_t round = 0; round < result.rounds; ++round) {
    for (std::size_t step = 0; step < rungs.size(); ++step) {
      // There and back, so that none comes always after the same one.
      const auto rung = round % 2 == 0 ? step : rungs.size() - 1 - step;
      RungAnswers answers;
      times[rung].push_back(seconds_of(rungs[rung], answers));
    }
  }
  for (std::size_t rung = 0; rung < rungs.size(); ++rung) {
    result.rungs[rung].seconds = median_of(times[rung]);
    result.rungs[rung].ratio = engine::ratio_of({times[rung], times.front()});
  }
  return result;
}

}  // namespace espalier::worker
