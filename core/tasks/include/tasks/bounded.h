// Metrics whose end can be told before all examples are computed: what those that are left can still change is known.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "tasks/task.h"

namespace espalier::tasks {

// One metric of one split.
class BoundedMetric {
 public:
  // In the place of an answer: the example was not computed yet, or its outputs are not numbers.
  static constexpr std::int64_t unseen = -1, no_number = -2;

  // What a model makes of one example, as far as the metric asks.
  struct Found {
    std::int64_t answer = unseen;  // the class that it finds, or the errors that it makes; 0 or more
    double sureness = 0;           // the less, the sooner other models are asked this example
  };

  virtual ~BoundedMetric();
  // Of these examples of the split, which `evaluation` is of, in their order.
  virtual std::vector<Found> found(const Evaluation& evaluation, std::span<const std::int64_t> examples) const = 0;
  // The most that the quality (larger is better) can still become, by the answer of each example of the split. Where none
  // is unseen, that is the quality itself: not a number where some outputs are none.
  virtual double at_most(std::span<const std::int64_t> answers) const = 0;
  // The same where the examples that were seen are a random sample: what is passed with a probability of at most `error`.
  // Absent where quality is no mean over examples.
  virtual std::optional<double> likely_at_most(std::span<const std::int64_t>, double) const { return std::nullopt; }
  // The smallest difference that two qualities can have and not be equal; 0 where that is not known.
  virtual double resolution() const = 0;
};

// accuracy and macro_f1 of one class an example; null for other metrics, and for several classes an example.
std::unique_ptr<BoundedMetric> bounded_by_classes(const Split& split, const std::string& metric);

// Errors over all that was said, however much of it was heard, such as wer. `said`: words or characters, by example;
// `errors`: those of a model in these examples.
using CountErrors =
    std::function<std::vector<std::int64_t>(const Evaluation& evaluation, std::span<const std::int64_t> examples)>;
std::unique_ptr<BoundedMetric> bounded_by_errors(std::vector<std::int64_t> said, CountErrors errors);

}  // namespace espalier::tasks
