#include "bert_checkpoint.h"

namespace espalier::families {
namespace {

WantedTensors wanted_tensors(const BertConfig& config, BertWeights& weights, SitesOfFile& sites) {
  WantedTensors wanted;
  const auto width = config.hidden_size;
  wanted.tensor("embeddings.word_embeddings.weight", {config.vocabulary, width}, "vocab_size, hidden_size",
                weights.words);
  wanted.tensor("embeddings.position_embeddings.weight", {config.positions, width},
                "max_position_embeddings, hidden_size", weights.positions);
  wanted.tensor("embeddings.token_type_embeddings.weight", {config.token_types, width}, "type_vocab_size, hidden_size",
                weights.token_types);
  wanted.norm("embeddings.LayerNorm", weights.embedding_norm, width, config.layer_norm_epsilon, "hidden_size");
  for (std::size_t i = 0; i < weights.layers.size(); ++i) {
    auto& layer = weights.layers[i];
    const std::string name = "encoder.layer." + std::to_string(i);
    sites.want(wanted, i);
    wanted.norm(name + ".attention.output.LayerNorm", layer.attention_norm, width, config.layer_norm_epsilon,
                "hidden_size");
    wanted.linear(name + ".intermediate.dense", layer.intermediate, config.intermediate_size, width,
                  "intermediate_size, hidden_size");
    wanted.linear(name + ".output.dense", layer.output, width, config.intermediate_size,
                  "hidden_size, intermediate_size");
    wanted.norm(name + ".output.LayerNorm", layer.output_norm, width, config.layer_norm_epsilon, "hidden_size");
  }
  if (weights.pooler) wanted.linear("pooler.dense", *weights.pooler, width, width, "hidden_size");
  if (weights.classifier) {
    wanted.linear("classifier", *weights.classifier, static_cast<std::int64_t>(config.labels.size()), width,
                  "id2label, hidden_size");
  }
  return wanted;
}

// Older checkpoints call a layer norm's weight gamma and its bias beta.
std::string modern_name(const std::string& name) {
  if (name.ends_with("LayerNorm.gamma")) return name.substr(0, name.size() - 5) + "weight";
  if (name.ends_with("LayerNorm.beta")) return name.substr(0, name.size() - 4) + "bias";
  return name;
}

}  // namespace

Checkpoint<BertWeights> bert_checkpoint(const std::filesystem::path& path, const BertConfig& config) {
  HeldTensors held(path, modern_name);
  Checkpoint<BertWeights> checkpoint;
  checkpoint.prefix = held.any_starts_with("bert.") ? "bert." : "";
  auto& weights = checkpoint.weights;
  const auto full_name = [&](const std::string& name) {
    return name.starts_with("classifier.") ? name : checkpoint.prefix + name;
  };
  if (held.contains("classifier.weight")) weights.classifier.emplace();
  const bool has_pooler =
      held.contains(full_name("pooler.dense.weight")) && held.contains(full_name("pooler.dense.bias"));
  if (weights.classifier || has_pooler) weights.pooler.emplace();
  weights.layers.resize(static_cast<std::size_t>(config.layers));
  SitesOfFile sites(config.site_places(), config, config.hidden_size, "hidden_size");
  held.give(wanted_tensors(config, weights, sites), full_name);
  sites.read_into(weights);
  checkpoint.skipped = held.left();
  checkpoint.elements = held.elements();
  if (!weights.classifier && has_pooler) {
    checkpoint.elements -= weights.pooler->weight.numel() + weights.pooler->bias.numel();
    for (const char* name : {"pooler.dense.weight", "pooler.dense.bias"}) checkpoint.skipped.push_back(full_name(name));
  }
  return checkpoint;
}

}  // namespace espalier::families
