#include "proof.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/abs.h>
#include <ATen/ops/full_like.h>
#include <ATen/ops/max.h>
#include <ATen/ops/std.h>
#include <ATen/ops/zeros_like.h>
#include <c10/core/InferenceMode.h>
#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <map>
#include <set>

#include "nn/arithmetic.h"

namespace espalier::engine {
namespace {

// A change so much smaller than a site's output may vanish in the rounding of float32.
constexpr double unseen_change = 1e-6;
// What is kept of a model that is asked about again; its outputs may be as much again.
constexpr std::size_t most_kept_bytes = 32 << 20;

double largest_difference(const at::Tensor& a, const at::Tensor& b) {
  return a.numel() == 0 ? 0 : (a - b).abs().max().item<double>();
}

double spread_of(const at::Tensor& values) {
  return values.numel() < 2 ? 0 : values.to(at::kDouble).std().item<double>();
}

// By how much a mask changes what one site writes, at most, computed literally from what the dense site computes: where
// what is removed contributes nothing, an output that did not change is right.
double literal_change(const SiteActivity& activity, const at::Tensor& output, const Mask::SiteMask& mask, bool causal) {
  const auto kept = [&](Projection one, Projection other) {
    return mask.of(one).logical_and(mask.of(other)).to(output.device(), at::kDouble);  // [heads, head_dim]
  };
  const auto qk = kept(Projection::Q, Projection::K), vo = kept(Projection::V, Projection::O);
  const auto unread = activity.is_key.logical_not().unsqueeze(1);                               // [B, 1, S]
  auto change = at::zeros_like(activity.output, activity.output.options().dtype(at::kDouble));  // [B, T, width]
  for (std::int64_t head = 0; head < qk.size(0); ++head) {
    const auto of_head = [&](const at::Tensor& tensor) { return tensor.select(1, head).to(at::kDouble); };
    const auto written = [&](const at::Tensor& query, const at::Tensor& columns) {
      auto scores = query.matmul(of_head(activity.key).transpose(1, 2));          // [B, T, S]
      scores = scores.masked_fill(unread, std::numeric_limits<float>::lowest());  // as models do where nothing is read
      if (causal) scores = scores + at::full_like(scores[0], -std::numeric_limits<double>::infinity()).triu(1);
      return scores.softmax(-1).matmul(of_head(activity.value)).matmul(columns);  // [B, T, width]
    };
    const auto query = of_head(activity.query), columns = output[head].to(at::kDouble);
    change += written(query, columns) - written(query * qk[head], columns * vo[head].unsqueeze(1));
  }
  return change.abs().max().item<double>();
}

// What the mask does to these sites by the plain formula.
std::map<std::int64_t, double> literal_changes(const nn::Model& dense, const Mask& mask, const Batch& probe,
                                               const std::set<std::int64_t>& sites) {
  std::map<std::int64_t, double> changes;
  if (sites.empty()) return changes;
  const auto prunable = dense.prunable();
  prunable->observe(probe, [&](std::int64_t site, const SiteActivity& activity) {
    if (!sites.contains(site)) return;
    const bool causal = dense.sites()[static_cast<std::size_t>(site)].kind == SiteKind::DecoderSelf;
    changes[site] = literal_change(activity, prunable->weights(site, Projection::O), mask.site(site), causal);
  });
  return changes;
}

// Tokens that decide how much a site has to compare; features are equally long.
std::int64_t tokens_of(const Batch& batch) {
  for (const char* name : {"input_ids", "decoder_input_ids"}) {
    if (const auto found = batch.inputs.find(name); found != batch.inputs.end()) return found->second.size(1);
  }
  return 0;
}

// Notes where the logits differ by more than rounding does.
void compare_logits(const at::Tensor& masked, const at::Tensor& compacted, Proof& proof) {
  proof.largest_difference = largest_difference(masked, compacted);
  proof.spread = spread_of(masked);
  // Logits that are all alike have no spread; then the difference is measured against their size.
  const double scale = std::max(proof.spread, masked.abs().max().item<double>() * 1e-2);
  if (!(proof.largest_difference <= proof_tolerance * scale)) {
    proof.failure = fmt::format("masked and compacted logits differ by {:.3g}, more than {:g} of their spread {:.3g}",
                                proof.largest_difference, proof_tolerance, scale);
  }
}

// What the three models make of one site's input.
struct SiteOutputs {
  SiteProof answer;
  std::int64_t site = 0;
  double size = 0;  // of the dense site's output
};

// Of the sites that a mask touches.
std::vector<SiteOutputs> site_outputs(const nn::Model& dense, const nn::Model& masked, const nn::Model& compacted,
                                      const Mask& held, const ProofRows& rows) {
  const auto inputs = rows.inputs_of(dense);
  const Mask everything(dense.sites());
  std::vector<SiteOutputs> outputs;
  for (std::int64_t site = 0; site < held.size(); ++site) {
    bool touched = false;
    for (const auto projection : all_projections) {
      touched = touched || !held.site(site).of(projection).equal(everything.site(site).of(projection));
    }
    if (!touched) continue;
    const auto& input = inputs[static_cast<std::size_t>(site)];
    const auto plain = rows.output_of(dense, site, input);  // [examples, tokens, width]
    const auto zeroed = masked.site_output(site, input);    // [examples, tokens, width]
    const auto small = compacted.site_output(site, input);
    auto& output = outputs.emplace_back();
    output.answer.site = dense.sites()[static_cast<std::size_t>(site)].name;
    output.answer.difference_from_dense = largest_difference(plain, zeroed);
    output.answer.difference_from_zeroed = largest_difference(zeroed, small);
    output.site = site;
    output.size = std::max(plain.abs().max().item<double>(), 1e-6);
  }
  return outputs;
}

// Whether a site answers to the mask; what is wrong is noted where nothing was before. `expected`: by how much it should
// have changed; null where it did.
void judge(const SiteOutputs& output, const double* expected, Proof& proof) {
  auto answer = output.answer;
  const bool agrees = answer.difference_from_zeroed <= proof_tolerance * output.size;
  const bool changed = expected == nullptr || *expected <= unseen_change * output.size;
  answer.answered = agrees && changed;
  if (!answer.answered && proof.failure.empty()) {
    proof.failure =
        changed
            ? fmt::format("{}: the compacted site differs from the zeroed one by {:.3g}", answer.site,
                          answer.difference_from_zeroed)
            : fmt::format("{}: what the mask removes contributes up to {:.3g}, yet the site's output did not change",
                          answer.site, *expected);
  }
  proof.sites.push_back(std::move(answer));
}

}  // namespace

ProofRows::ProofRows(std::vector<Batch> batches, const nn::Model* again)
    : batches_(std::move(batches)), again_(again) {}

std::int64_t ProofRows::examples() const {
  std::int64_t count = 0;
  for (const auto& batch : batches_) count += batch.size();
  return count;
}

at::Tensor ProofRows::logits_of(const nn::Model& model) const {
  if (!prepared_) prepared_ = model.prepared(batches_);
  return model.logits_of(*prepared_);
}

const Batch& ProofRows::probe() const {
  return *std::max_element(batches_.begin(), batches_.end(),
                           [](const Batch& a, const Batch& b) { return tokens_of(a) < tokens_of(b); });
}

std::vector<nn::SiteInput> ProofRows::inputs_of(const nn::Model& dense) const {
  if (&dense != again_ || !dense.device().is_cpu()) return dense.site_inputs(probe());
  if (!inputs_.empty()) return inputs_;
  auto inputs = dense.site_inputs(probe());
  std::size_t bytes = 0;
  for (const auto& input : inputs) bytes += input.hidden.nbytes();
  if (bytes <= most_kept_bytes) inputs_ = inputs;
  return inputs;
}

at::Tensor ProofRows::output_of(const nn::Model& dense, std::int64_t site, const nn::SiteInput& input) const {
  if (&dense != again_ || inputs_.empty()) return dense.site_output(site, input);
  auto& output = outputs_[site];
  if (!output.defined()) output = dense.site_output(site, input);
  return output;
}

Proof prove(const nn::Model& dense, const Mask& mask, const ProofRows& rows, const nn::Model* compacted) {
  const c10::InferenceMode inference;
  const nn::ComputeGuard float32(ComputeType::Float32, dense.device());
  Proof proof;
  proof.tolerance = proof_tolerance;
  proof.examples = rows.examples();
  const auto masked = dense.masked(mask);
  std::unique_ptr<nn::Model> made;
  if (compacted == nullptr) made = dense.compacted(mask);
  const auto& smaller = compacted == nullptr ? *made : *compacted;
  compare_logits(rows.logits_of(*masked), rows.logits_of(smaller), proof);

  const auto held = mask.intersected(Mask(dense.sites()));
  const auto outputs = site_outputs(dense, *masked, smaller, held, rows);
  std::set<std::int64_t> unchanged;
  for (const auto& output : outputs) {
    if (!(output.answer.difference_from_dense > 0)) unchanged.insert(output.site);
  }
  const auto expected = literal_changes(dense, held, rows.probe(), unchanged);
  for (const auto& output : outputs) {
    const auto change = expected.find(output.site);
    judge(output, change == expected.end() ? nullptr : &change->second, proof);
  }
  proof.passed = proof.failure.empty();
  return proof;
}

}  // namespace espalier::engine
