// Tagging: several labels an example, each with a score of its own.
#pragma once

#include <ATen/core/Tensor.h>

#include <map>
#include <string>

namespace espalier::data {

// map, mauc, cross_entropy of logits [n, classes] against targets [n, classes] of 0 and 1, in float64: the mean over
// classes of average precision and of the area under the ROC curve as scikit-learn has them (equal scores count as
// one threshold), and the mean binary cross-entropy. A class without positives has no average precision, one whose
// examples are all alike no curve: classes_without_positives and classes_without_curve count them. Throws InputError
// for no examples and other shapes.
std::map<std::string, double> tagging_metrics(const at::Tensor& logits, const at::Tensor& targets);

}  // namespace espalier::data
