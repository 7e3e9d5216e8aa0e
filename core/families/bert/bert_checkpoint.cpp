#include "bert_checkpoint.h"

#include <algorithm>
#include <cmath>

namespace espalier::families {
namespace {

SiteFrame frame_of(const BertConfig& config, std::size_t layer) {
  return {bert_site(static_cast<std::int64_t>(layer)), config.heads, config.head_dim()};
}

WantedTensors wanted_tensors(const BertConfig& config, BertWeights& weights, std::vector<SiteLinears>& parts) {
  WantedTensors wishes;
  const auto width = config.hidden_size;
  wishes.tensor("embeddings.word_embeddings.weight", {config.vocabulary, width}, "vocab_size, hidden_size",
                weights.words);
  wishes.tensor("embeddings.position_embeddings.weight", {config.positions, width},
                "max_position_embeddings, hidden_size", weights.positions);
  wishes.tensor("embeddings.token_type_embeddings.weight", {config.token_types, width}, "type_vocab_size, hidden_size",
                weights.token_types);
  wishes.norm("embeddings.LayerNorm", weights.embedding_norm, width, config.layer_norm_epsilon, "hidden_size");
  for (std::size_t i = 0; i < weights.layers.size(); ++i) {
    auto& layer = weights.layers[i];
    const std::string name = "encoder.layer." + std::to_string(i);
    const auto widths = config.widths.find(bert_site(static_cast<std::int64_t>(i)));
    const bool dense = widths == config.widths.end();
    const auto [qk, vo] = rows_of(frame_of(config, i), dense ? nullptr : &widths->second);
    const std::string because = dense                                ? "hidden_size"
                                : config.source.contains("espalier") ? "hidden_size, espalier"
                                                                     : "hidden_size, pruned_heads";
    wishes.linear(name + ".attention.self.query", parts[i].query, qk, width, because);
    wishes.linear(name + ".attention.self.key", parts[i].key, qk, width, because);
    wishes.linear(name + ".attention.self.value", parts[i].value, vo, width, because);
    wishes.linear(name + ".attention.output.dense", parts[i].output, width, vo, because);
    wishes.norm(name + ".attention.output.LayerNorm", layer.attention_norm, width, config.layer_norm_epsilon,
                "hidden_size");
    wishes.linear(name + ".intermediate.dense", layer.intermediate, config.intermediate_size, width,
                  "intermediate_size, hidden_size");
    wishes.linear(name + ".output.dense", layer.output, width, config.intermediate_size,
                  "hidden_size, intermediate_size");
    wishes.norm(name + ".output.LayerNorm", layer.output_norm, width, config.layer_norm_epsilon, "hidden_size");
  }
  if (weights.pooler) wishes.linear("pooler.dense", *weights.pooler, width, width, "hidden_size");
  if (weights.classifier) {
    wishes.linear("classifier", *weights.classifier, static_cast<std::int64_t>(config.labels.size()), width,
                  "id2label, hidden_size");
  }
  return wishes;
}

// Older checkpoints call a layer norm's weight gamma and its bias beta.
std::string modern_name(const std::string& name) {
  if (name.ends_with("LayerNorm.gamma")) return name.substr(0, name.size() - 5) + "weight";
  if (name.ends_with("LayerNorm.beta")) return name.substr(0, name.size() - 4) + "bias";
  return name;
}

}  // namespace

BertCheckpoint bert_checkpoint(const std::filesystem::path& path, const BertConfig& config) {
  HeldTensors held(path, modern_name);
  BertCheckpoint checkpoint;
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
  std::vector<SiteLinears> parts(weights.layers.size());
  held.give(wanted_tensors(config, weights, parts), full_name);
  const double scale = 1 / std::sqrt(static_cast<double>(config.head_dim()));
  for (std::size_t i = 0; i < weights.layers.size(); ++i) {
    const auto frame = frame_of(config, i);
    const auto widths = config.widths.find(frame.name);
    weights.layers[i].attention =
        read_site(frame, widths == config.widths.end() ? nullptr : &widths->second, scale, parts[i]);
    parts[i] = {};
  }
  checkpoint.skipped = held.left();
  checkpoint.elements = held.elements();
  if (!weights.classifier && has_pooler) {
    checkpoint.elements -= weights.pooler->weight.numel() + weights.pooler->bias.numel();
    for (const char* name : {"pooler.dense.weight", "pooler.dense.bias"}) checkpoint.skipped.push_back(full_name(name));
  }
  return checkpoint;
}

}  // namespace espalier::families
