#include "ast_checkpoint.h"

namespace espalier::families {
namespace {

WantedTensors wanted_tensors(const AstConfig& config, AstWeights& weights, SitesOfFile& sites) {
  WantedTensors wanted;
  const auto width = config.hidden_size, patch = config.patch_size;
  const auto norm = [&](const std::string& name, LayerNorm& layer) {
    wanted.norm(name, layer, width, config.layer_norm_epsilon, "hidden_size");
  };
  wanted.tensor("embeddings.cls_token", {1, 1, width}, "hidden_size", weights.class_token);
  wanted.tensor("embeddings.distillation_token", {1, 1, width}, "hidden_size", weights.distillation_token);
  wanted.tensor("embeddings.position_embeddings", {1, config.tokens(), width},
                "max_length, num_mel_bins, patch_size, frequency_stride, time_stride, hidden_size", weights.positions);
  wanted.tensor("embeddings.patch_embeddings.projection.weight", {width, 1, patch, patch}, "hidden_size, patch_size",
                weights.patches.weight);
  wanted.tensor("embeddings.patch_embeddings.projection.bias", {width}, "hidden_size", weights.patches.bias);
  for (std::size_t i = 0; i < weights.layers.size(); ++i) {
    auto& layer = weights.layers[i];
    const std::string name = "encoder.layer." + std::to_string(i);
    norm(name + ".layernorm_before", layer.before);
    sites.want(wanted, i);
    norm(name + ".layernorm_after", layer.after);
    wanted.linear(name + ".intermediate.dense", layer.intermediate, config.intermediate_size, width,
                  "intermediate_size, hidden_size");
    wanted.linear(name + ".output.dense", layer.output, width, config.intermediate_size,
                  "hidden_size, intermediate_size");
  }
  norm("layernorm", weights.norm);
  if (weights.head) {
    norm("classifier.layernorm", weights.head->norm);
    wanted.linear("classifier.dense", weights.head->dense, config.classes(), width, "id2label, hidden_size");
  }
  return wanted;
}

}  // namespace

Checkpoint<AstWeights> ast_checkpoint(const std::filesystem::path& path, const AstConfig& config) {
  HeldTensors held(path);
  Checkpoint<AstWeights> checkpoint;
  checkpoint.prefix = held.any_starts_with(ast_prefix) ? ast_prefix : "";
  auto& weights = checkpoint.weights;
  if (held.contains("classifier.dense.weight")) weights.head.emplace();
  weights.layers.resize(static_cast<std::size_t>(config.layers));
  SitesOfFile sites(config.site_places(), config, config.hidden_size, "hidden_size");
  held.give(wanted_tensors(config, weights, sites),
            [&](const std::string& name) { return name.starts_with("classifier.") ? name : checkpoint.prefix + name; });
  sites.read_into(weights);
  checkpoint.skipped = held.left();
  checkpoint.elements = held.elements();
  return checkpoint;
}

}  // namespace espalier::families
