#include "engine/proof.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/abs.h>
#include <ATen/ops/max.h>
#include <ATen/ops/std.h>
#include <c10/core/InferenceMode.h>
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "engine/compute_type.h"

namespace espalier::engine {
namespace {

double largest_difference(const at::Tensor& a, const at::Tensor& b) {
  return a.numel() == 0 ? 0 : (a - b).abs().max().item<double>();
}

double spread_of(const at::Tensor& values) {
  return values.numel() < 2 ? 0 : values.to(at::kDouble).std().item<double>();
}

// Whether every weight that the mask takes from a site is zero already, so that the site need not answer.
bool removed_weights_are_zero(PrunableModel& model, const Mask& mask, std::int64_t site) {
  for (const auto projection : all_projections) {
    const auto removed = mask.site(site).of(projection).logical_not();  // [heads, head_dim]
    const auto weights = model.weights(site, projection);               // [heads, head_dim, features]
    if ((weights.abs().amax(-1) * removed).max().item<double>() > 0) return false;
  }
  return true;
}

// Tokens that decide how much a site has to compare; features are equally long.
std::int64_t tokens_of(const Batch& batch) {
  for (const char* name : {"input_ids", "decoder_input_ids"}) {
    if (const auto found = batch.inputs.find(name); found != batch.inputs.end()) return found->second.size(1);
  }
  return 0;
}

}  // namespace

Proof prove(const nn::Model& dense, const Mask& mask, const std::vector<Batch>& examples) {
  const c10::InferenceMode inference;
  const ComputeType float32("float32");
  Proof proof;
  for (const auto& batch : examples) proof.examples += batch.size();
  const auto masked = dense.masked(mask);
  const auto compacted = dense.compacted(mask);
  const auto masked_logits = masked->logits(examples);        // [examples, classes]
  const auto compacted_logits = compacted->logits(examples);  // [examples, classes]
  proof.largest_difference = largest_difference(masked_logits, compacted_logits);
  proof.spread = spread_of(masked_logits);
  // Logits that are all alike have no spread; then the difference is measured against their size.
  const double scale = std::max(proof.spread, masked_logits.abs().max().item<double>() * 1e-2);
  if (!(proof.largest_difference <= proof_tolerance * scale)) {
    proof.failure = fmt::format("masked and compacted logits differ by {:.3g}, more than {:g} of their spread {:.3g}",
                                proof.largest_difference, proof_tolerance, scale);
  }

  // One batch of several tokens each: with a single token every query attends to itself, whatever it asks.
  const auto& probe = *std::max_element(examples.begin(), examples.end(),
                                        [](const Batch& a, const Batch& b) { return tokens_of(a) < tokens_of(b); });
  const auto inputs = dense.site_inputs(probe);
  const auto prunable = dense.prunable();
  const Mask everything(dense.sites());
  for (std::int64_t site = 0; site < mask.size(); ++site) {
    bool touched = false;
    for (const auto projection : all_projections) {
      touched = touched || !mask.site(site).of(projection).equal(everything.site(site).of(projection));
    }
    if (!touched) continue;
    const auto& input = inputs[static_cast<std::size_t>(site)];
    const auto plain = dense.site_output(site, input);     // [examples, tokens, width]
    const auto zeroed = masked->site_output(site, input);  // [examples, tokens, width]
    const auto small = compacted->site_output(site, input);
    SiteProof answer;
    answer.site = dense.sites()[static_cast<std::size_t>(site)].name;
    answer.difference_from_dense = largest_difference(plain, zeroed);
    answer.difference_from_zeroed = largest_difference(zeroed, small);
    const double size = std::max(plain.abs().max().item<double>(), 1e-6);
    const bool agrees = answer.difference_from_zeroed <= proof_tolerance * size;
    const bool changed = answer.difference_from_dense > 0 || removed_weights_are_zero(*prunable, mask, site);
    answer.answered = agrees && changed;
    if (!answer.answered && proof.failure.empty()) {
      proof.failure = changed ? fmt::format("{}: the compacted site differs from the zeroed one by {:.3g}", answer.site,
                                            answer.difference_from_zeroed)
                              : fmt::format(
                                    "{}: the mask removes weights that are not zero, yet the site's output did not "
                                    "change",
                                    answer.site);
    }
    proof.sites.push_back(answer);
  }
  proof.passed = proof.failure.empty();
  return proof;
}

std::string to_json_text(const Proof& proof) {
  auto sites = nlohmann::json::array();
  for (const auto& site : proof.sites) {
    sites.push_back({{"site", site.site},
                     {"difference_from_dense", site.difference_from_dense},
                     {"difference_from_zeroed", site.difference_from_zeroed},
                     {"answered", site.answered}});
  }
  return nlohmann::json{
      {"passed", proof.passed}, {"examples", proof.examples},   {"largest_difference", proof.largest_difference},
      {"spread", proof.spread}, {"tolerance", proof_tolerance}, {"failure", proof.failure},
      {"sites", sites}}
      .dump();
}

}  // namespace espalier::engine
