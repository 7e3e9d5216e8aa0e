#include <ATen/TensorOperators.h>
#include <ATen/ops/binary_cross_entropy_with_logits.h>
#include <espalier/error.h>

#include <algorithm>
#include <vector>

#include "class_curve.h"
#include "data/finiteness.h"
#include "data/tagging.h"

namespace espalier::data {

// One pass over the examples from the highest score down; examples of equal score are one threshold.
ClassCurve curve_of(std::vector<Scored>& scored) {
  ClassCurve metrics;
  for (const auto& one : scored) (one.positive ? metrics.positives : metrics.negatives) += 1;
  std::sort(scored.begin(), scored.end(), [](const Scored& a, const Scored& b) { return a.score > b.score; });
  double found = 0, wrong = 0, precision_sum = 0, area = 0;
  for (std::size_t i = 0; i < scored.size();) {
    double positives = 0, negatives = 0;
    const double score = scored[i].score;
    for (; i < scored.size() && scored[i].score == score; ++i) (scored[i].positive ? positives : negatives) += 1;
    // A negative of this threshold stands below the positives above it, and beside half of its own.
    area += negatives * (found + positives / 2);
    found += positives;
    wrong += negatives;
    precision_sum += positives * found / (found + wrong);
  }
  if (metrics.positives > 0) metrics.average_precision = precision_sum / metrics.positives;
  if (metrics.positives > 0 && metrics.negatives > 0) metrics.area = area / (metrics.positives * metrics.negatives);
  return metrics;
}

std::map<std::string, double> tagging_metrics(const at::Tensor& logits, const at::Tensor& targets) {
  if (logits.dim() != 2 || targets.sizes() != logits.sizes() || logits.size(1) == 0) {
    throw InputError("metrics of tags need logits and targets of one shape [examples, classes]");
  }
  if (logits.size(0) == 0) throw InputError("metrics of no examples cannot be\n    expected at least one");
  if (const auto broken = rows_not_finite(logits); broken > 0) {
    return no_numbers(
        {{"map", 0}, {"mauc", 0}, {"cross_entropy", 0}, {"classes_without_positives", 0}, {"classes_without_curve", 0}},
        broken);
  }
  const auto scores = logits.to(at::kDouble).t().contiguous();   // [classes, n]
  const auto wanted = targets.to(at::kDouble).t().contiguous();  // [classes, n]
  const auto* score = scores.const_data_ptr<double>();
  const auto* target = wanted.const_data_ptr<double>();
  const auto examples = static_cast<std::size_t>(logits.size(0));
  double precision_sum = 0, precise = 0, area_sum = 0, curved = 0;
  std::vector<Scored> scored(examples);
  for (std::int64_t klass = 0; klass < logits.size(1); ++klass) {
    for (std::size_t i = 0; i < examples; ++i) scored[i] = {*score++, *target++ > 0.5};
    const auto metrics = curve_of(scored);
    if (metrics.positives > 0) {
      precision_sum += metrics.average_precision;
      ++precise;
    }
    if (metrics.positives > 0 && metrics.negatives > 0) {
      area_sum += metrics.area;
      ++curved;
    }
  }
  const auto classes = static_cast<double>(logits.size(1));
  return {{"map", precise > 0 ? precision_sum / precise : 0},
          {"mauc", curved > 0 ? area_sum / curved : 0},
          {"cross_entropy", at::binary_cross_entropy_with_logits(scores, wanted).item<double>()},
          {"classes_without_positives", classes - precise},
          {"classes_without_curve", classes - curved}};
}

}  // namespace espalier::data
