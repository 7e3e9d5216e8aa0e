#include "bert_saving.h"

#include <algorithm>

#include "checkpoint_writing.h"

namespace espalier::families {
namespace {

using Json = nlohmann::ordered_json;

// Widths of compacted sites, for Espalier; and where only whole heads went, for transformers as well. A site without
// any head is not told to transformers, which cannot compute it.
void write_widths(Json& json, const BertConfig& config, const BertWeights& weights, const std::string& prefix) {
  std::vector<SavedSite> sites;
  for (std::size_t i = 0; i < weights.layers.size(); ++i) {
    sites.push_back({{prefix + bert_site(static_cast<std::int64_t>(i)), config.heads, config.head_dim()},
                     &weights.layers[i].attention});
  }
  json.erase("pruned_heads");
  const auto saved = write_site_widths(json, sites);
  Json pruned = Json::object();
  bool for_transformers = true;
  for (std::size_t i = 0; i < saved.size(); ++i) {
    if (saved[i].dense) continue;
    const auto& kept = saved[i].widths.heads;
    for_transformers = for_transformers && saved[i].whole_heads && !kept.empty();
    Json gone = Json::array();
    for (std::int64_t head = 0; head < config.heads; ++head) {
      if (std::find(kept.begin(), kept.end(), head) == kept.end()) gone.push_back(head);
    }
    pruned[std::to_string(i)] = gone;
  }
  if (for_transformers && !pruned.empty()) json["pruned_heads"] = pruned;
}

}  // namespace

void write_bert(const std::filesystem::path& folder, const BertConfig& config, const BertWeights& weights,
                const std::string& prefix) {
  const std::string encoder = weights.classifier ? "bert." : prefix;
  TensorFile file;
  for_each_tensor(weights, [&](const std::string& name, const at::Tensor& tensor, Network::Role role) {
    const bool of_site = role == Network::Role::SiteWeight || role == Network::Role::SiteBias;
    if (!of_site) file.tensors[(name.starts_with("classifier.") ? "" : encoder) + name] = tensor;
  });
  for (std::size_t i = 0; i < weights.layers.size(); ++i) {
    const auto name = encoder + "encoder.layer." + std::to_string(i) + ".attention.";
    add_site(file, weights.layers[i].attention, name + "self.query", name + "self.key", name + "self.value",
             name + "output.dense");
  }
  Json json = config.source;
  json["model_type"] = "bert";
  json["architectures"] = {weights.classifier ? "BertForSequenceClassification" : "BertModel"};
  if (weights.classifier) write_labels(json, config.labels);
  write_widths(json, config, weights, encoder);
  write_checkpoint(folder, std::move(json), std::move(file));
}

}  // namespace espalier::families
