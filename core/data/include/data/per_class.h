// How a classifier does on each class: which are found, which are taken for another.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <optional>
#include <vector>

namespace espalier::data {

struct ClassResult {
  double precision = 0, recall = 0, f1 = 0;      // as scikit-learn's with zero_division=0
  std::int64_t support = 0;                      // examples of this class
  std::optional<double> average_precision = {};  // of tagging, where the class has positives
};

struct PerClass {
  std::vector<ClassResult> classes;
  // Of one class an example: [of this class][taken for that one]; of tagging, [class][0 or 1 that it is][0 or 1 said].
  std::vector<std::vector<std::int64_t>> confusion;
};

// Of logits [examples, classes] and labels [examples]; of equally large logits the first class is the prediction.
// Throws InputError as classification_metrics does.
PerClass per_class(const at::Tensor& logits, const at::Tensor& labels);

// Of logits and targets [examples, classes] of 0 and 1: a tag is said at probability 1/2 and above (logits > 0). A row of
// the confusion holds true negatives, false positives, false negatives, true positives of one class.
PerClass per_tag(const at::Tensor& logits, const at::Tensor& targets);

}  // namespace espalier::data
