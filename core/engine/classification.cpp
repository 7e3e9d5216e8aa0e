#include "engine/evaluation.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/argmax.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/eq.h>
#include <ATen/ops/from_blob.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>

namespace espalier::engine {
namespace {

// Batches handed to the model in one go: long enough to pack well, short enough to answer an interrupt quickly.
constexpr std::size_t batches_at_once = 32;

}  // namespace

Evaluation evaluate(const nn::Model& model, const Split& split, const InterruptCheck& interrupted) {
  const c10::InferenceMode inference;
  std::vector<at::Tensor> parts;
  std::vector<std::int64_t> rows;
  const std::span<const Batch> batches(split.batches);
  for (std::size_t begin = 0; begin < batches.size(); begin += batches_at_once) {
    if (interrupted && interrupted()) throw Interrupted{};
    const auto some = batches.subspan(begin, std::min(batches_at_once, batches.size() - begin));
    parts.push_back(model.logits(some).to(at::kFloat));  // [examples of these batches, classes]
    for (const auto& batch : some) rows.insert(rows.end(), batch.rows.begin(), batch.rows.end());
  }
  const auto computed = at::cat(parts);  // [examples, classes], by length
  const auto order = at::from_blob(rows.data(), {static_cast<std::int64_t>(rows.size())}, at::kLong);
  auto logits = at::empty_like(computed);
  logits.index_copy_(0, order, computed);  // [examples, classes], in file order
  return evaluation_of(logits, split, multiply_adds_of(model, split));
}

Evaluation evaluation_of(const at::Tensor& logits, const Split& split, std::int64_t multiply_adds) {
  const c10::InferenceMode inference;
  Evaluation evaluation;
  evaluation.logits = logits;
  evaluation.metrics = data::classification_metrics(logits, split.labels);
  const auto right = logits.argmax(1).eq(split.labels).contiguous();  // [examples]
  evaluation.outcomes.resize(static_cast<std::size_t>(right.numel()));
  const bool* flags = right.const_data_ptr<bool>();
  for (std::size_t i = 0; i < evaluation.outcomes.size(); ++i) evaluation.outcomes[i] = flags[i] ? '1' : '0';
  evaluation.multiply_adds = multiply_adds;
  return evaluation;
}

std::int64_t multiply_adds_of(const nn::Model& model, const Split& split) {
  std::map<std::int64_t, std::int64_t> examples_by_length;
  for (const auto& batch : split.batches) examples_by_length[batch.inputs.at("input_ids").size(1)] += batch.size();
  std::int64_t total = 0;
  for (const auto& [length, examples] : examples_by_length) total += examples * model.multiply_adds(length);
  return total;
}

}  // namespace espalier::engine
