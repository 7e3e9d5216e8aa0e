// Classification: logits become metrics.
#pragma once

#include <ATen/core/Tensor.h>

#include <map>
#include <string>
#include <vector>

namespace espalier::data {

// accuracy, macro_f1, mcc (0 where undefined), cross_entropy (mean, nats) of class logits [n, classes] against labels
// [n], in float64. macro_f1 is the mean over the classes that occur among labels or predictions; of equally large
// logits the first class is the prediction. Logits that are not finite: none is a number (data/finiteness.h). Throws
// InputError for no examples, other shapes, and labels without logits.
std::map<std::string, double> classification_metrics(const at::Tensor& logits, const at::Tensor& labels);

// Of one class: how often it is the label, the prediction, and both.
struct ClassCounts {
  double labelled = 0, predicted = 0, both = 0;
};
// The same macro_f1 from counts of all classes.
double macro_f1(const std::vector<ClassCounts>& classes);

}  // namespace espalier::data
