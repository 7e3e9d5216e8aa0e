#include "prunable_network.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/amax.h>
#include <ATen/ops/bmm.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/softmax.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/triu.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>
#include <c10/core/InferenceMode.h>
#include <torch/csrc/autograd/autograd.h>

#include <limits>
#include <optional>

#include "nn/arithmetic.h"
#include "nn/series/mask_series.h"

namespace espalier::nn {
namespace {

using at::Tensor;
using Projections = std::array<Tensor, 4>;

// What removals of single units keep of one batch between layers, and of compacted sites.
constexpr std::int64_t states_bytes = std::int64_t{1} << 29;

// Gradients must not depend on the mode that a caller left on.
struct WithGradients {
  c10::InferenceMode ordinary{false};
  at::AutoGradMode gradients{true};
};

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
    const auto gram = at::bmm(right, right.transpose(1, 2));  // [B, T, T]
    return (at::bmm(gram, left) * left).sum(at::IntArrayRef{0, 1}, /*keepdim=*/false, at::kDouble).clamp_min(0);  // [C]
  }
  auto sums = at::zeros({channels}, left.options().dtype(at::kDouble));
  for (std::int64_t example = 0; example < left.size(0); ++example) {
    const auto gradient = left[example].t().matmul(right[example]);  // [C, F]
    sums += gradient.square().sum({1}, /*keepdim=*/false, at::kDouble);
  }
  return sums;
}

std::int64_t examples_in(const Batch& batch) { return batch.inputs.empty() ? 0 : batch.inputs.begin()->second.size(0); }

}  // namespace

PrunableNetwork::PrunableNetwork(std::unique_ptr<const Network> network, Loss loss)
    : network_(std::move(network)), attention_(network_->attention()), loss_(std::move(loss)) {}

PrunableNetwork::~PrunableNetwork() = default;

Tensor PrunableNetwork::weights(std::int64_t site, Projection projection) const {
  const auto& attention = attention_.at(static_cast<std::size_t>(site));
  if (attention.groups.empty())
    return attention.output.weight.new_zeros({attention.heads, attention.head_dim, attention.model_width()});
  return split(attention, attention.qkv.weight, attention.output.weight)[static_cast<std::size_t>(projection)];
}

Tensor PrunableNetwork::losses(const Batch& batch, const Units& units, const Tensor& gates) {
  const c10::InferenceMode ordinary(false);
  std::vector<const AttentionSite*> attention;
  for (const auto& site : attention_) attention.push_back(&site);
  const GateTable table({units, gates}, attention, examples_in(batch), network_->sample_tensor().options());
  return network_->losses_of(batch, {.gates = &table, .loss = &loss_});
}

Tensor PrunableNetwork::losses_without_each(const Batch& batch, const Units& units) {
  const c10::InferenceMode ordinary(false);
  const at::NoGradGuard no_gradients;
  // For this call alone: a model in training has other weights by the next.
  MaskSeries series(*network_, ComputeType::Float32, {}, states_bytes);
  MemoryBudget budget{states_bytes};
  PieceStates states(budget);
  auto kept = at::ones({units.count()}, at::kBool);  // [units]
  const auto losses_now = [&] {
    const auto model = series.compacted(units.mask(kept));
    const auto& network = dynamic_cast<const Network&>(*model);
    Restart restart{states, network.place()->versions};
    return network.losses_of(batch, {.loss = &loss_, .restart = &restart});
  };
  std::vector<Tensor> all = {losses_now()};
  for (std::int64_t i = 0; i < units.count(); ++i) {
    kept[i] = false;
    all.push_back(losses_now());
    kept[i] = true;
  }
  return at::stack(all);  // [1 + units, examples]
}

Tensor PrunableNetwork::open_gates(std::vector<std::int64_t> shape) const {
  const c10::InferenceMode ordinary(false);
  return at::ones(shape, network_->sample_tensor().options()).requires_grad_(true);
}

std::vector<Projections> PrunableNetwork::gradients(const Batch& batch) {
  return mean_gradients(batch, nullptr).weights;
}

BatchGradients PrunableNetwork::gradients_with_gates(const Batch& batch, const Units& units) {
  return mean_gradients(batch, &units);
}

BatchGradients PrunableNetwork::mean_gradients(const Batch& batch, const Units* units) const {
  const WithGradients with_gradients;
  auto attention = attention_;
  std::vector<Tensor> leaves;
  for (auto& site : attention) {
    for (Tensor* weight : {&site.qkv.weight, &site.output.weight}) {
      *weight = weight->detach().requires_grad_(true);
      leaves.push_back(*weight);
    }
  }
  std::optional<GateTable> gates;
  if (units != nullptr) {
    leaves.push_back(open_gates({units->count()}));
    std::vector<const AttentionSite*> sites;
    for (const auto& site : attention_) sites.push_back(&site);
    gates.emplace(Gates{*units, leaves.back()}, sites, examples_in(batch), network_->sample_tensor().options());
  }
  const auto loss = network_->with_attention(attention)
                        ->losses_of(batch, {.gates = gates ? &*gates : nullptr, .loss = &loss_})
                        .mean();
  const auto found =
      torch::autograd::grad({loss}, leaves, {}, std::nullopt, /*create_graph=*/false, /*allow_unused=*/true);
  // Of these leaves, which are gone after this batch.
  forget_cast_weights();
  const auto of = [&](std::size_t leaf) { return found[leaf].defined() ? found[leaf] : at::zeros_like(leaves[leaf]); };
  BatchGradients result;
  for (std::size_t i = 0; i < attention.size(); ++i)
    result.weights.push_back(split(attention[i], of(2 * i), of(2 * i + 1)));
  if (units != nullptr) result.gates = of(leaves.size() - 1);
  return result;
}

std::vector<Projections> PrunableNetwork::per_sample_sums(const Batch& batch) const {
  const WithGradients with_gradients;
  std::vector<Tap> taps;
  // Examples do not touch each other: the gradient of the summed loss holds every example's own in its rows.
  const auto loss = network_->losses_of(batch, {.taps = &taps, .loss = &loss_}).sum();
  std::vector<Tensor> tapped;
  for (const auto& tap : taps) {
    tapped.insert(tapped.end(), {tap.projected, tap.output});
    if (tap.memory.defined()) tapped.push_back(tap.memory_projected);
  }
  const auto found =
      torch::autograd::grad({loss}, tapped, {}, std::nullopt, /*create_graph=*/false, /*allow_unused=*/true);
  const at::NoGradGuard no_gradients;
  std::vector<Projections> sums;
  std::size_t next = 0;
  const auto next_gradient = [&] {
    const auto& gradient = found[next];
    const auto& tensor = tapped[next++];
    return gradient.defined() ? gradient : at::zeros_like(tensor);
  };
  for (std::size_t i = 0; i < taps.size(); ++i) {
    const auto& tap = taps[i];
    const auto& site = attention_[i];
    const auto of_projected = next_gradient(), of_output = next_gradient();
    const auto by_example = [&](const Tensor& rows) {
      const auto examples = tap.segment.examples;
      return rows.reshape({examples, rows.size(0) / examples, rows.size(-1)});  // [B, T, ...]
    };
    const auto rows = site.heads * site.head_dim;
    const std::vector<std::int64_t> shape = {site.heads, site.head_dim};
    auto inward = summed_squares(by_example(of_projected), by_example(tap.hidden));  // [3 H d], or [H d] of Q alone
    if (tap.memory.defined()) {
      const auto key_value = summed_squares(by_example(next_gradient()), by_example(tap.memory));  // [2 H d]
      inward = at::cat({inward, key_value});
    }
    const auto output = summed_squares(by_example(tap.context), by_example(of_output));  // [H d]
    sums.push_back({inward.narrow(0, 0, rows).view(shape), inward.narrow(0, rows, rows).view(shape),
                    inward.narrow(0, 2 * rows, rows).view(shape), output.view(shape)});
  }
  return sums;
}

Tensor PrunableNetwork::squared_gradients(const Batch& batch, const Units& units, Squares squares) {
  if (squares == Squares::PerSample) return units.reduce(per_sample_sums(batch));
  auto values = gradients(batch);
  for (auto& site : values) {
    for (auto& gradient : site) gradient = gradient.square().sum({2}, /*keepdim=*/false, at::kDouble);  // [H, d]
  }
  return units.reduce(values);
}

SiteActivity PrunableNetwork::activity_of(const AttentionSite& site, const Tap& tap) const {
  const auto& segment = tap.segment;
  const auto examples = segment.examples, queries = segment.queries, keys = segment.keys;
  const auto heads = site.heads, width = site.head_dim, features = site.model_width();
  SiteActivity activity;
  activity.hidden = tap.hidden.view({examples, queries, features});
  if (tap.memory.defined()) activity.memory = tap.memory.view({examples, keys, features});
  if (tap.residual.defined()) activity.residual = tap.residual.view({examples, queries, features});
  activity.output = site.write(tap.context).view({examples, queries, features});
  const auto options = tap.hidden.options();
  const auto everything = [&](std::int64_t tokens) { return at::ones({examples, tokens}, options.dtype(at::kBool)); };
  activity.is_query = everything(queries);
  activity.is_key = everything(keys);
  if (segment.attention.defined()) {
    // Padding is what no query may read.
    const auto open = segment.attention.gt(-1).squeeze(1).any(1).expand({examples, keys});  // [B, S]
    activity.is_key = open;
    if (queries == keys && !tap.memory.defined()) activity.is_query = open;
  }
  if (site.groups.empty()) {
    activity.query = at::zeros({examples, heads, queries, width}, options);
    activity.key = activity.value = at::zeros({examples, heads, keys, width}, options);
    activity.attention = at::zeros({examples, heads, queries, keys}, options);
    activity.context = at::zeros({examples, queries, heads, width}, options);
    return activity;
  }
  activity.context = tap.context.view({examples, queries, heads, width});
  const auto projected =
      tap.memory.defined() ? site.parts(tap.projected, tap.memory_projected) : site.parts(tap.projected);
  const auto split_rows = [&](const Tensor& rows, std::int64_t column, std::int64_t tokens) {
    return rows.narrow(1, column, heads * width).view({examples, tokens, heads, width}).transpose(1, 2);
  };
  activity.query = split_rows(projected.query, 0, queries) * site.groups[0].scale;  // [B, H, T, q]
  activity.key = split_rows(projected.key_value, projected.key, keys);              // [B, H, S, q]
  activity.value = split_rows(projected.key_value, projected.value, keys);          // [B, H, S, v]
  auto scores = activity.query.matmul(activity.key.transpose(-1, -2));              // [B, H, T, S]
  if (segment.attention.defined()) scores = scores + segment.attention;
  if (segment.causal) {
    const auto later = at::ones({queries, keys}, options.dtype(at::kBool)).triu(1);
    scores = scores.masked_fill(later, -std::numeric_limits<double>::infinity());
  }
  // A head that is gone weighs nothing.
  const auto lives = split(site, site.qkv.weight, site.output.weight)[2].abs().amax({1, 2}).gt(0);  // [H]
  activity.attention = scores.softmax(-1) * lives.view({1, heads, 1, 1});
  return activity;
}

void PrunableNetwork::observe(const Batch& batch, const Observer& observer) {
  const c10::InferenceMode ordinary(false);
  const at::NoGradGuard no_gradients;
  std::vector<Tap> taps;
  network_->run_sites(batch, {.taps = &taps});
  for (std::size_t i = 0; i < taps.size(); ++i) {
    observer(static_cast<std::int64_t>(i), activity_of(attention_[i], taps[i]));
    taps[i] = {};
  }
}

}  // namespace espalier::nn
