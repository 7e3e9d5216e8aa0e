// What a search is given beside model and scores, by hand.
#pragma once

#include <espalier/error.h>
#include <espalier/searcher.h>

#include <functional>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace espalier::test {

// Not for training.
class NoTraining final : public TrainableModel {
 public:
  const std::vector<TrainableTensor>& tensors() override { throw PluginError("the searcher looks at tensors"); }
  std::int64_t steps(const TrainingPlan&) override { throw PluginError("the searcher counts steps"); }
  TrainingOutcome train(const TrainingPlan&, const std::vector<ParameterGroup>&, const Objective&,
                        const TrainingHooks&) override {
    throw PluginError("the searcher trains");
  }
  PrunableModel& now() override { throw PluginError("the searcher looks at the model"); }
  PrunableModel& dense() override { throw PluginError("the searcher looks at the dense model"); }
  void scale_outputs(std::int64_t, const at::Tensor&) override { throw PluginError("the searcher scales"); }
};

// Qualities by a function of the mask; remembers every mask that it was asked for. With `stops`, an answer below what
// was asked is what an evaluation that stopped early would give: incomplete, above the true quality and below at_least.
class FunctionEvaluator final : public MaskEvaluator {
 public:
  explicit FunctionEvaluator(std::function<double(const Mask&)> quality, bool stops = false)
      : quality_(std::move(quality)), stops_(stops) {}
  Evaluated evaluate(const Mask& mask, double at_least) override {
    ++calls;
    asked.insert(mask.digest());
    const double quality = quality_(mask);
    if (!stops_ || quality >= at_least) return {quality, true};
    return {quality + (at_least - quality) / 2, false};
  }
  std::vector<Evaluated> evaluate_each(std::span<const Mask> masks, double at_least) override {
    together.push_back(std::ssize(masks));
    return MaskEvaluator::evaluate_each(masks, at_least);
  }
  std::int64_t evaluations() const override { return static_cast<std::int64_t>(asked.size()); }
  double seconds() const override { return seconds_now; }
  double resolution() const override { return smallest; }

  std::set<std::string> asked;
  std::int64_t calls = 0;
  std::vector<std::int64_t> together;  // how many masks were asked for at once, each time
  double seconds_now = 0, smallest = 1e-9;

 private:
  std::function<double(const Mask&)> quality_;
  bool stops_;
};

class FunctionCosts final : public MaskCosts {
 public:
  double multiply_adds(const Mask& mask) override { return of_multiply_adds(mask); }
  double milliseconds(const Mask& mask) override { return of_milliseconds(mask); }
  std::function<double(const Mask&)> of_multiply_adds = [](const Mask&) { return 0.0; };
  std::function<double(const Mask&)> of_milliseconds = of_multiply_adds;
};

class KeptReport final : public SearchReport {
 public:
  void say(const std::string&) override {}
  void note(const std::string& name, double value) override { numbers[name] = value; }
  void note(const std::string& name, const std::string& value) override { texts[name] = value; }
  void step(const std::map<std::string, double>& values) override { steps.push_back(values); }
  std::map<std::string, double> numbers;
  std::map<std::string, std::string> texts;
  std::vector<std::map<std::string, double>> steps;
};

}  // namespace espalier::test
