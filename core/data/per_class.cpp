#include "data/per_class.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/argmax.h>
#include <espalier/error.h>

#include "class_curve.h"
#include "data/finiteness.h"

namespace espalier::data {
namespace {

void require_numbers(const at::Tensor& logits) {
  if (const auto broken = rows_not_finite(logits); broken > 0) {
    throw InputError("results of each class need numbers; the outputs of " + std::to_string(broken) +
                     " examples are none");
  }
}

ClassResult result_of(double both, double labelled, double predicted) {
  ClassResult result;
  result.precision = predicted > 0 ? both / predicted : 0;
  result.recall = labelled > 0 ? both / labelled : 0;
  result.f1 = labelled + predicted > 0 ? 2 * both / (labelled + predicted) : 0;
  result.support = static_cast<std::int64_t>(labelled);
  return result;
}

}  // namespace

PerClass per_class(const at::Tensor& logits, const at::Tensor& labels) {
  if (logits.dim() != 2 || labels.dim() != 1 || logits.size(0) != labels.size(0) || logits.size(1) == 0)
    throw InputError("results of each class need logits [examples, classes] and labels [examples]");
  require_numbers(logits);
  const auto count = static_cast<std::size_t>(logits.size(1));
  const auto predicted = logits.detach().to(at::kCPU, at::kDouble).argmax(1).contiguous();  // [examples]
  const auto truth = labels.detach().to(at::kCPU, at::kLong).contiguous();                  // [examples]
  PerClass made;
  made.confusion.assign(count, std::vector<std::int64_t>(count, 0));
  for (std::int64_t example = 0; example < truth.numel(); ++example) {
    const auto label = truth.const_data_ptr<std::int64_t>()[example];
    if (label < 0 || label >= logits.size(1)) {
      throw InputError("example " + std::to_string(example) + " has class " + std::to_string(label) +
                       ", but there are logits of " + std::to_string(count) + " classes");
    }
    const auto said = predicted.const_data_ptr<std::int64_t>()[example];
    ++made.confusion[static_cast<std::size_t>(label)][static_cast<std::size_t>(said)];
  }
  for (std::size_t one = 0; one < count; ++one) {
    double labelled = 0, said = 0;
    for (std::size_t other = 0; other < count; ++other) {
      labelled += static_cast<double>(made.confusion[one][other]);
      said += static_cast<double>(made.confusion[other][one]);
    }
    made.classes.push_back(result_of(static_cast<double>(made.confusion[one][one]), labelled, said));
  }
  return made;
}

PerClass per_tag(const at::Tensor& logits, const at::Tensor& targets) {
  if (logits.dim() != 2 || targets.sizes() != logits.sizes() || logits.size(1) == 0)
    throw InputError("results of each tag need logits and targets of one shape [examples, classes]");
  require_numbers(logits);
  const auto scores = logits.detach().to(at::kCPU, at::kDouble).t().contiguous();   // [classes, examples]
  const auto wanted = targets.detach().to(at::kCPU, at::kDouble).t().contiguous();  // [classes, examples]
  const auto* score = scores.const_data_ptr<double>();
  const auto* target = wanted.const_data_ptr<double>();
  PerClass made;
  std::vector<Scored> scored(static_cast<std::size_t>(logits.size(0)));
  for (std::int64_t klass = 0; klass < logits.size(1); ++klass) {
    std::vector<std::int64_t> counts(4, 0);  // not it and not said, said; it and not said, said
    for (auto& one : scored) {
      one = {*score++, *target++ > 0.5};
      ++counts[(one.positive ? 2U : 0U) + (one.score > 0 ? 1U : 0U)];
    }
    auto result = result_of(static_cast<double>(counts[3]), static_cast<double>(counts[2] + counts[3]),
                            static_cast<double>(counts[1] + counts[3]));
    if (const auto curve = curve_of(scored); curve.positives > 0) result.average_precision = curve.average_precision;
    made.classes.push_back(result);
    made.confusion.push_back(std::move(counts));
  }
  return made;
}

}  // namespace espalier::data
