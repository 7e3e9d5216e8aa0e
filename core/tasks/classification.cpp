#include "tasks/classification.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/argmax.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/from_blob.h>
#include <c10/core/InferenceMode.h>
#include <espalier/error.h>

#include <algorithm>

#include "data/finiteness.h"
#include "data/metrics.h"
#include "data/tagging.h"

namespace espalier::tasks {
namespace {

const at::Tensor& logits_in(const Outputs& outputs, const Split& split) {
  const auto found = outputs.find("logits");
  if (found == outputs.end() || found->second.dim() != 2 || found->second.size(0) != split.labels.size(0)) {
    throw InputError("outputs have no logits for each of the " + std::to_string(split.labels.size(0)) + " examples");
  }
  return found->second;
}

// '1' and '0' of a bool tensor [examples].
std::string outcomes_of(const at::Tensor& right) {
  const auto flags = right.contiguous();
  const bool* flag = flags.const_data_ptr<bool>();
  std::string outcomes(static_cast<std::size_t>(flags.numel()), '0');
  for (auto& outcome : outcomes) outcome = *flag++ ? '1' : '0';
  return outcomes;
}

// Whole numbers [examples] (I64) as a list.
std::vector<std::int64_t> list_of(const at::Tensor& numbers) {
  const auto whole = numbers.contiguous();
  const auto* first = whole.const_data_ptr<std::int64_t>();
  return {first, first + whole.numel()};
}

// No example is right whose logits are not numbers.
Evaluation evaluation(const at::Tensor& logits, Metrics metrics, const at::Tensor& right, const Split& split,
                      std::int64_t multiply_adds) {
  metrics.insert(split.notes.begin(), split.notes.end());
  return {{{"logits", logits}},
          std::move(metrics),
          outcomes_of(right.logical_and(data::finite_rows(logits))),
          logits.size(0),
          multiply_adds};
}

// Logits of a whole split in file order by each model: [examples, classes], float32.
std::vector<at::Tensor> logits_of_each(std::span<const nn::Model* const> models, const Split& split,
                                       std::size_t batches_at_once, const Watch& watch) {
  const c10::InferenceMode inference;
  const auto& first = *models.front();
  std::vector<std::vector<at::Tensor>> parts(models.size());
  std::vector<std::int64_t> rows;
  for (std::size_t begin = 0; begin < split.batches.size(); begin += batches_at_once) {
    watch.check();
    const auto end = std::min(begin + batches_at_once, split.batches.size());
    for (auto i = begin; i < end; ++i) rows.insert(rows.end(), split.batches[i].begin(), split.batches[i].end());
    const auto make = [&] {
      std::vector<Batch> some;
      for (auto i = begin; i < end; ++i) some.push_back(split.examples->batch(split.batches[i]));
      return some;
    };
    const auto inputs = split.prepared
                            ? split.prepared->get(first, std::to_string(begin) + '-' + std::to_string(end), make)
                            : first.prepared(make());
    // One model alone goes on from what its series keeps from one evaluation to the next.
    const auto computed = models.size() == 1 ? std::vector{first.logits_of(*inputs)}
                                             : first.logits_of_each(models, *inputs);  // [examples of these, classes]
    for (std::size_t i = 0; i < models.size(); ++i) parts[i].push_back(computed[i].to(at::kFloat));
  }
  const auto order = at::from_blob(rows.data(), {static_cast<std::int64_t>(rows.size())}, at::kLong);
  std::vector<at::Tensor> all;
  for (const auto& of_model : parts) {
    const auto computed = at::cat(of_model).cpu();  // [examples, classes], by length
    auto& logits = all.emplace_back(at::empty_like(computed));
    logits.index_copy_(0, order, computed);  // [examples, classes], in file order
  }
  return all;
}

}  // namespace

void require_two_classes(const std::vector<std::string>& labels, const std::string& file) {
  if (labels.size() != 1) return;
  throw InputError(file + ": every row has the label '" + labels[0] +
                   "', so there is nothing to tell apart\n    expected two classes or more");
}

std::vector<Evaluation> evaluations_of(const Task& task, std::span<const nn::Model* const> models, const Split& split,
                                       std::size_t batches_at_once, const Watch& watch) {
  const auto logits = logits_of_each(models, split, batches_at_once, watch);
  std::vector<Evaluation> evaluations;
  for (std::size_t i = 0; i < models.size(); ++i) {
    const auto multiply_adds = multiply_adds_of(*models[i], split) - models[i]->take_skipped();
    evaluations.push_back(task.evaluation_of({{"logits", logits[i]}}, split, multiply_adds));
  }
  return evaluations;
}

Evaluation one_class_evaluation(const Outputs& outputs, const Split& split, std::int64_t multiply_adds) {
  const c10::InferenceMode inference;
  const auto& logits = logits_in(outputs, split);
  const auto predicted = logits.argmax(1);  // [examples]
  auto of_split = evaluation(logits, data::classification_metrics(logits, split.labels), predicted.eq(split.labels),
                             split, multiply_adds);
  // In logits that are no numbers there is no class to be found.
  if (data::examples_not_finite(of_split.metrics) == 0)
    of_split.example_numbers = {{"predicted", list_of(predicted)}, {"label", list_of(split.labels)}};
  return of_split;
}

Evaluation tagging_evaluation(const Outputs& outputs, const Split& split, std::int64_t multiply_adds) {
  const c10::InferenceMode inference;
  const auto& logits = logits_in(outputs, split);
  return evaluation(logits, data::tagging_metrics(logits, split.labels), logits.gt(0).eq(split.labels.gt(0)).all(1),
                    split, multiply_adds);
}

}  // namespace espalier::tasks
