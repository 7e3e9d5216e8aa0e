#include "prunable_classifier.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/bmm.h>
#include <ATen/ops/cross_entropy_loss.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>
#include <c10/core/InferenceMode.h>
#include <espalier/error.h>
#include <torch/csrc/autograd/autograd.h>

#include "bert_pass.h"
#include "text.h"

namespace espalier::nn {
namespace {

using at::Tensor;
using Projections = std::array<Tensor, 4>;

// Gradients must not depend on the mode that a caller left on.
struct WithGradients {
  c10::InferenceMode ordinary{false};
  at::AutoGradMode gradients{true};
};

Tensor per_example(const Tensor& logits, const Tensor& labels) {
  return at::cross_entropy_loss(logits, labels, {}, at::Reduction::None);
}

// Q, K, V (rows of the fused matrix) and O (columns) as [heads, head_dim, features].
Projections split(const AttentionSite& site, const Tensor& qkv, const Tensor& output) {
  const auto rows = site.heads * site.head_dim, width = site.model_width();
  const std::vector<std::int64_t> shape = {site.heads, site.head_dim, width};
  return {qkv.narrow(0, 0, rows).view(shape), qkv.narrow(0, rows, rows).view(shape),
          qkv.narrow(0, 2 * rows, rows).view(shape), output.t().view(shape)};
}

// Sum over examples of the squared entries of left_e^T right_e, summed over the features of right: [channels], float64.
// left [B, T, C], right [B, T, F]. With few tokens through Gram matrices, left^T (right right^T) left, which needs no
// weight gradient at all; else one example's gradient at a time.
Tensor summed_squares(const Tensor& left, const Tensor& right) {
  const auto tokens = left.size(1), channels = left.size(2), features = right.size(2);
  if (tokens * (channels + features) < channels * features) {
    const auto gram = at::bmm(right, right.transpose(1, 2));                                       // [B, T, T]
    return (at::bmm(gram, left) * left).sum({0, 1}, /*keepdim=*/false, at::kDouble).clamp_min(0);  // [C]
  }
  auto sums = at::zeros({channels}, left.options().dtype(at::kDouble));
  for (std::int64_t example = 0; example < left.size(0); ++example) {
    const auto gradient = left[example].t().matmul(right[example]);  // [C, F]
    sums += gradient.square().sum({1}, /*keepdim=*/false, at::kDouble);
  }
  return sums;
}

}  // namespace

PrunableClassifier::PrunableClassifier(std::shared_ptr<const BertConfig> config, BertWeights weights,
                                       std::vector<Site> sites)
    : config_(std::move(config)), weights_(std::move(weights)), sites_(std::move(sites)) {}

PrunableClassifier::~PrunableClassifier() = default;

Tensor PrunableClassifier::checked_labels(const Batch& batch, const Tensor& logits) const {
  const auto& labels = batch.labels;
  if (!labels.defined() || labels.scalar_type() != at::kLong || labels.sizes() != logits.sizes().slice(0, 1)) {
    throw InputError("a batch of " + std::to_string(logits.size(0)) + " examples has no label (I64) for each of them");
  }
  if (labels.numel() > 0 &&
      (labels.min().item<std::int64_t>() < 0 || labels.max().item<std::int64_t>() >= logits.size(1))) {
    throw InputError("a label is outside 0 to " + std::to_string(logits.size(1) - 1) + ", the classes of the model");
  }
  return labels.to(logits.device());
}

Tensor PrunableClassifier::weights(std::int64_t site, Projection projection) const {
  const auto& attention = weights_.layers.at(static_cast<std::size_t>(site)).attention;
  if (attention.groups.empty())
    return attention.output.weight.new_zeros({attention.heads, attention.head_dim, attention.model_width()});
  return split(attention, attention.qkv.weight, attention.output.weight)[static_cast<std::size_t>(projection)];
}

Tensor PrunableClassifier::losses(const Batch& batch, const Units& units, const Tensor& gates) {
  require_head(weights_, "a task loss");
  const c10::InferenceMode ordinary(false);
  const auto packed = pack({&batch.inputs}, *config_, weights_);
  std::vector<const AttentionSite*> attention;
  for (const auto& layer : weights_.layers) attention.push_back(&layer.attention);
  const GateTable table({units, gates}, attention, packed.examples, weights_.words.scalar_type());
  const auto logits = classify(weights_, *config_, packed, {.gates = &table});
  return per_example(logits, checked_labels(batch, logits));
}

Tensor PrunableClassifier::open_gates(std::vector<std::int64_t> shape) const {
  const c10::InferenceMode ordinary(false);
  return at::ones(shape, weights_.words.options()).requires_grad_(true);
}

std::vector<Projections> PrunableClassifier::gradients(const Batch& batch) {
  require_head(weights_, "a task loss");
  const WithGradients with_gradients;
  auto weights = weights_;
  std::vector<Tensor> leaves;
  for (auto& layer : weights.layers) {
    for (Tensor* weight : {&layer.attention.qkv.weight, &layer.attention.output.weight}) {
      *weight = weight->detach().requires_grad_(true);
      leaves.push_back(*weight);
    }
  }
  const auto logits = classify(weights, *config_, pack({&batch.inputs}, *config_, weights));
  const auto loss = per_example(logits, checked_labels(batch, logits)).mean();
  const auto found =
      torch::autograd::grad({loss}, leaves, {}, std::nullopt, /*create_graph=*/false, /*allow_unused=*/true);
  std::vector<Projections> result;
  for (std::size_t i = 0; i < weights.layers.size(); ++i) {
    const auto of = [&](std::size_t leaf) {
      return found[leaf].defined() ? found[leaf] : at::zeros_like(leaves[leaf]);
    };
    result.push_back(split(weights.layers[i].attention, of(2 * i), of(2 * i + 1)));
  }
  return result;
}

std::vector<Projections> PrunableClassifier::per_sample_sums(const Batch& batch) const {
  require_head(weights_, "a task loss");
  const WithGradients with_gradients;
  const auto packed = pack({&batch.inputs}, *config_, weights_);
  std::vector<Tap> taps;
  const auto logits = classify(weights_, *config_, packed, {.taps = &taps});
  std::vector<Tensor> tapped;
  for (const auto& tap : taps) {
    tapped.push_back(tap.projected);
    tapped.push_back(tap.output);
  }
  // Examples do not touch each other: the gradient of the summed loss holds every example's own in its rows.
  const auto loss = per_example(logits, checked_labels(batch, logits)).sum();
  const auto found =
      torch::autograd::grad({loss}, tapped, {}, std::nullopt, /*create_graph=*/false, /*allow_unused=*/true);
  const at::NoGradGuard no_gradients;
  const auto& segment = packed.segments[0];
  const auto by_example = [&](const Tensor& rows) { return rows.view({segment.examples, segment.tokens, -1}); };
  std::vector<Projections> sums;
  for (std::size_t i = 0; i < taps.size(); ++i) {
    const auto& site = weights_.layers[i].attention;
    const auto of = [&](std::size_t tap) { return found[tap].defined() ? found[tap] : at::zeros_like(tapped[tap]); };
    const auto rows = site.heads * site.head_dim;
    const auto qkv = summed_squares(by_example(of(2 * i)), by_example(taps[i].hidden));          // [3 H d]
    const auto output = summed_squares(by_example(taps[i].context), by_example(of(2 * i + 1)));  // [H d]
    const std::vector<std::int64_t> shape = {site.heads, site.head_dim};
    sums.push_back({qkv.narrow(0, 0, rows).view(shape), qkv.narrow(0, rows, rows).view(shape),
                    qkv.narrow(0, 2 * rows, rows).view(shape), output.view(shape)});
  }
  return sums;
}

Tensor PrunableClassifier::squared_gradients(const Batch& batch, const Units& units, Squares squares) {
  if (squares == Squares::PerSample) return units.reduce(per_sample_sums(batch));
  auto values = gradients(batch);
  for (auto& site : values) {
    for (auto& gradient : site) gradient = gradient.square().sum({2}, /*keepdim=*/false, at::kDouble);  // [H, d]
  }
  return units.reduce(values);
}

}  // namespace espalier::nn
