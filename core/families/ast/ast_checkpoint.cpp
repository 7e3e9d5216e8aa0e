#include "ast_checkpoint.h"

#include <cmath>

#include "checkpoint_reading.h"
#include "checkpoint_writing.h"

namespace espalier::families {
namespace {

constexpr const char* own_prefix = "audio_spectrogram_transformer.";

SiteFrame frame_of(const AstConfig& config, std::size_t layer) {
  return {ast_site(static_cast<std::int64_t>(layer)), config.heads, config.head_dim()};
}

WantedTensors wanted_tensors(const AstConfig& config, AstWeights& weights, std::vector<SiteLinears>& parts) {
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
    const auto frame = frame_of(config, i);
    const auto widths = config.widths.find(frame.name);
    const bool dense = widths == config.widths.end();
    const auto [qk, vo] = rows_of(frame, dense ? nullptr : &widths->second);
    const std::string because = dense ? "hidden_size" : "hidden_size, espalier";
    norm(name + ".layernorm_before", layer.before);
    for (auto [part, linear, rows] : {std::tuple(".query", &parts[i].query, qk), std::tuple(".key", &parts[i].key, qk),
                                      std::tuple(".value", &parts[i].value, vo)}) {
      wanted.linear(frame.name + part, *linear, rows, width, because, config.qkv_bias);
    }
    wanted.linear(name + ".attention.output.dense", parts[i].output, width, vo, because);
    norm(name + ".layernorm_after", layer.after);
    wanted.linear(name + ".intermediate.dense", layer.intermediate, config.intermediate_size, width,
                  "intermediate_size, hidden_size");
    wanted.linear(name + ".output.dense", layer.output, width, config.intermediate_size,
                  "hidden_size, intermediate_size");
  }
  norm("layernorm", weights.norm);
  if (weights.head) {
    norm("classifier.layernorm", weights.head->norm);
    wanted.linear("classifier.dense", weights.head->dense, static_cast<std::int64_t>(config.labels.size()), width,
                  "id2label, hidden_size");
  }
  return wanted;
}

}  // namespace

AstCheckpoint ast_checkpoint(const std::filesystem::path& path, const AstConfig& config) {
  HeldTensors held(path);
  AstCheckpoint checkpoint;
  checkpoint.prefix = held.any_starts_with(own_prefix) ? own_prefix : "";
  auto& weights = checkpoint.weights;
  if (held.contains("classifier.dense.weight")) weights.head.emplace();
  weights.layers.resize(static_cast<std::size_t>(config.layers));
  std::vector<SiteLinears> parts(weights.layers.size());
  held.give(wanted_tensors(config, weights, parts),
            [&](const std::string& name) { return name.starts_with("classifier.") ? name : checkpoint.prefix + name; });
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
  return checkpoint;
}

void write_ast(const std::filesystem::path& folder, const AstConfig& config, const AstWeights& weights,
               const std::string& prefix) {
  const std::string encoder = weights.head ? own_prefix : prefix;
  TensorFile file;
  for_each_ast_tensor(weights, [&](const std::string& name, const at::Tensor& tensor, Network::Role role) {
    const bool of_site = role == Network::Role::SiteWeight || role == Network::Role::SiteBias;
    if (!of_site) file.tensors[(name.starts_with("classifier.") ? "" : encoder) + name] = tensor;
  });
  std::vector<SavedSite> sites;
  for (std::size_t i = 0; i < weights.layers.size(); ++i) {
    const auto& attention = weights.layers[i].attention;
    const auto name = encoder + ast_site(static_cast<std::int64_t>(i));
    sites.push_back({{name, config.heads, config.head_dim()}, &attention});
    add_site(file, attention, name + ".query", name + ".key", name + ".value",
             encoder + "encoder.layer." + std::to_string(i) + ".attention.output.dense");
  }
  auto json = config.source;
  json["model_type"] = "audio-spectrogram-transformer";
  json["architectures"] = {weights.head ? "ASTForAudioClassification" : "ASTModel"};
  if (weights.head) write_labels(json, config.labels);
  write_site_widths(json, sites);
  write_checkpoint(folder, std::move(json), std::move(file));
}

}  // namespace espalier::families
