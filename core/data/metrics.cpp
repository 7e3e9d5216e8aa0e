#include "data/metrics.h"

#include <espalier/error.h>

#include <algorithm>
#include <cmath>

#include "data/finiteness.h"

namespace espalier::data {
namespace {

std::string shape(const at::Tensor& tensor) {
  std::string text;
  for (const auto size : tensor.sizes()) text += (text.empty() ? "" : ", ") + std::to_string(size);
  return "[" + text + "]";
}

void check(const at::Tensor& logits, const at::Tensor& labels) {
  const bool fits = logits.dim() == 2 && labels.dim() == 1 && logits.size(0) == labels.size(0) && logits.size(1) > 0;
  if (!fits) {
    throw InputError("metrics of logits " + shape(logits) + " and labels " + shape(labels) +
                     " cannot be\n    expected logits [examples, classes] and labels [examples]");
  }
  if (labels.size(0) == 0) throw InputError("metrics of no examples cannot be\n    expected at least one");
}

// Gorodkin 2004, R_K: Matthews' correlation for any number of classes.
double matthews(const std::vector<ClassCounts>& classes, double examples) {
  double correct = 0, products = 0, labelled = 0, predicted = 0;
  for (const auto& counts : classes) {
    correct += counts.both;
    products += counts.labelled * counts.predicted;
    labelled += counts.labelled * counts.labelled;
    predicted += counts.predicted * counts.predicted;
  }
  const double square = examples * examples;
  const double spread = (square - labelled) * (square - predicted);
  return spread > 0 ? (correct * examples - products) / std::sqrt(spread) : 0.0;
}

}  // namespace

// Mean over the classes that occur, as scikit-learn's f1_score(average="macro").
double macro_f1(const std::vector<ClassCounts>& classes) {
  double sum = 0, occurring = 0;
  for (const auto& counts : classes) {
    if (counts.labelled + counts.predicted == 0) continue;
    sum += 2 * counts.both / (counts.labelled + counts.predicted);
    ++occurring;
  }
  return sum / occurring;
}

std::map<std::string, double> classification_metrics(const at::Tensor& logits, const at::Tensor& labels) {
  check(logits, labels);
  const at::Tensor values = logits.detach().to(at::kCPU, at::kDouble).contiguous();  // [examples, classes]
  const at::Tensor truth = labels.detach().to(at::kCPU, at::kLong).contiguous();     // [examples]
  const std::int64_t examples = values.size(0), width = values.size(1);
  if (const auto broken = rows_not_finite(values); broken > 0)
    return no_numbers({{"accuracy", 0}, {"macro_f1", 0}, {"mcc", 0}, {"cross_entropy", 0}}, broken);
  std::vector<ClassCounts> classes(static_cast<std::size_t>(width));
  double correct = 0, cross_entropy = 0;
  for (std::int64_t example = 0; example < examples; ++example) {
    const double* const row = values.const_data_ptr<double>() + example * width;
    const std::int64_t label = truth.const_data_ptr<std::int64_t>()[example];
    if (label < 0 || label >= width) {
      throw InputError("example " + std::to_string(example) + " has class " + std::to_string(label) +
                       ", but there are logits of " + std::to_string(width) + " classes");
    }
    const auto predicted = std::max_element(row, row + width) - row;
    ++classes[static_cast<std::size_t>(label)].labelled;
    ++classes[static_cast<std::size_t>(predicted)].predicted;
    if (predicted == label) {
      ++classes[static_cast<std::size_t>(label)].both;
      ++correct;
    }
    double sum = 0;  // relative to the largest, which cannot overflow
    for (std::int64_t index = 0; index < width; ++index) sum += std::exp(row[index] - row[predicted]);
    cross_entropy += std::log(sum) + row[predicted] - row[label];
  }
  const auto count = static_cast<double>(examples);
  return {{"accuracy", correct / count},
          {"macro_f1", macro_f1(classes)},
          {"mcc", matthews(classes, count)},
          {"cross_entropy", cross_entropy / count}};
}

}  // namespace espalier::data
