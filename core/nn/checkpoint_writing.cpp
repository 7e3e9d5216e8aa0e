#include "checkpoint_writing.h"

#include <nn/safetensors.h>
#include <words/atomic_file.h>

#include <algorithm>
#include <cmath>

#include "bert_checkpoint.h"

namespace espalier::nn {
namespace {

using Json = nlohmann::ordered_json;

struct SavedSite {
  SiteWidths widths;
  bool dense = false;        // all heads of the checkpoint's first site, at full width and scale
  bool whole_heads = false;  // what is left has full width and scale
};

SavedSite saved_site(const BertConfig& config, const AttentionSite& site) {
  std::vector<std::pair<const Head*, double>> heads;
  for (const auto& group : site.groups) {
    for (const auto& head : group.heads) heads.emplace_back(&head, group.scale);
  }
  std::sort(heads.begin(), heads.end(), [](const auto& a, const auto& b) { return a.first->index < b.first->index; });
  SavedSite saved;
  saved.whole_heads = true;
  const double dense_scale = 1 / std::sqrt(static_cast<double>(config.head_dim()));
  for (const auto& [head, scale] : heads) {
    const auto qk = static_cast<std::int64_t>(head->qk.size()), vo = static_cast<std::int64_t>(head->vo.size());
    saved.widths.heads.push_back(site.original_heads[static_cast<std::size_t>(head->index)]);
    saved.widths.qk.push_back(qk);
    saved.widths.vo.push_back(vo);
    saved.widths.scale.push_back(scale);
    saved.whole_heads = saved.whole_heads && qk == config.head_dim() && vo == config.head_dim() && scale == dense_scale;
  }
  saved.dense = saved.whole_heads && static_cast<std::int64_t>(heads.size()) == config.heads;
  return saved;
}

// Widths of compacted sites, for Espalier; and where only whole heads went, for transformers as well. A site without
// any head is not told to transformers, which cannot compute it.
void write_widths(Json& json, const BertConfig& config, const BertWeights& weights, const std::string& prefix) {
  Json sites = Json::object(), pruned = Json::object();
  bool for_transformers = true;
  for (std::size_t i = 0; i < weights.layers.size(); ++i) {
    const auto saved = saved_site(config, weights.layers[i].attention);
    if (saved.dense) continue;
    const auto& widths = saved.widths;
    sites[prefix + "encoder.layer." + std::to_string(i) + ".attention.self"] = {
        {"heads", widths.heads}, {"qk", widths.qk}, {"vo", widths.vo}, {"scale", widths.scale}};
    for_transformers = for_transformers && saved.whole_heads && !widths.heads.empty();
    Json gone = Json::array();
    for (std::int64_t head = 0; head < config.heads; ++head) {
      if (std::find(widths.heads.begin(), widths.heads.end(), head) == widths.heads.end()) gone.push_back(head);
    }
    pruned[std::to_string(i)] = gone;
  }
  json.erase("pruned_heads");
  json.erase("espalier");
  if (sites.empty()) return;
  if (for_transformers) json["pruned_heads"] = pruned;
  json["espalier"] = {{"format", 1}, {"sites", sites}};
}

Json config_json(const BertConfig& config, const BertWeights& weights, const std::string& prefix) {
  Json json = config.source;
  json["model_type"] = "bert";
  json["architectures"] = {weights.classifier ? "BertForSequenceClassification" : "BertModel"};
  // Weights are written as float32, whatever the source had.
  for (const char* key : {"torch_dtype", "dtype"}) {
    if (json.contains(key)) json[key] = "float32";
  }
  if (weights.classifier) {
    Json names = Json::object(), numbers = Json::object();
    for (std::size_t i = 0; i < config.labels.size(); ++i) {
      names[std::to_string(i)] = config.labels[i];
      numbers[config.labels[i]] = i;
    }
    json["id2label"] = names;
    json["label2id"] = numbers;
    json.erase("num_labels");
  }
  write_widths(json, config, weights, prefix);
  return json;
}

}  // namespace

void write_bert(const std::filesystem::path& folder, const BertConfig& config, const BertWeights& weights,
                const std::string& prefix) {
  const std::string encoder = weights.classifier ? "bert." : prefix;
  TensorFile file;
  file.metadata["format"] = "pt";
  for_each_tensor(weights, [&](const std::string& name, const at::Tensor& tensor, Decay) {
    const bool of_site = name.find(".attention.self.") != std::string::npos ||
                         name.find(".attention.output.dense.") != std::string::npos;
    if (!of_site) file.tensors[(name.starts_with("classifier.") ? "" : encoder) + name] = tensor;
  });
  for (std::size_t i = 0; i < weights.layers.size(); ++i) {
    for (const auto& [name, tensor] : site_tensors(weights.layers[i].attention)) {
      file.tensors[encoder + "encoder.layer." + std::to_string(i) + ".attention." + name] = tensor;
    }
  }
  for (auto& [name, tensor] : file.tensors) tensor = tensor.to(at::kFloat);
  write_safetensors(folder / "model.safetensors", file);
  write_file(folder / "config.json",
             config_json(config, weights, encoder).dump(2, ' ', false, Json::error_handler_t::replace) + "\n");
}

}  // namespace espalier::nn
