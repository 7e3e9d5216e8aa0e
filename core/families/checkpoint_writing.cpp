#include "checkpoint_writing.h"

#include <nn/model.h>
#include <words/atomic_file.h>

#include <algorithm>
#include <cmath>

#include "checkpoint_reading.h"

#include "families/families.h"

namespace espalier::families {
namespace {

using Json = nlohmann::ordered_json;

SavedWidths widths_of(const SavedSite& saved_site) {
  const auto& site = *saved_site.attention;
  const auto& frame = saved_site.frame;
  std::vector<std::pair<const Head*, double>> heads;
  for (const auto& group : site.groups) {
    for (const auto& head : group.heads) heads.emplace_back(&head, group.scale);
  }
  std::sort(heads.begin(), heads.end(), [](const auto& a, const auto& b) { return a.first->index < b.first->index; });
  SavedWidths saved;
  saved.whole_heads = true;
  const double dense_scale = 1 / std::sqrt(static_cast<double>(frame.head_dim));
  for (const auto& [head, scale] : heads) {
    const auto qk = static_cast<std::int64_t>(head->qk.size()), vo = static_cast<std::int64_t>(head->vo.size());
    saved.widths.heads.push_back(site.original_heads[static_cast<std::size_t>(head->index)]);
    saved.widths.qk.push_back(qk);
    saved.widths.vo.push_back(vo);
    saved.widths.scale.push_back(scale);
    saved.whole_heads = saved.whole_heads && qk == frame.head_dim && vo == frame.head_dim && scale == dense_scale;
  }
  saved.dense = saved.whole_heads && static_cast<std::int64_t>(heads.size()) == frame.heads;
  return saved;
}

}  // namespace

std::vector<SavedWidths> write_site_widths(Json& json, const std::vector<SavedSite>& sites) {
  std::vector<SavedWidths> all;
  Json uneven = Json::object();
  for (const auto& site : sites) {
    all.push_back(widths_of(site));
    const auto& widths = all.back().widths;
    if (all.back().dense) continue;
    uneven[site.frame.name] = {{"heads", widths.heads}, {"qk", widths.qk}, {"vo", widths.vo}, {"scale", widths.scale}};
  }
  json.erase("espalier");
  if (!uneven.empty()) json["espalier"] = {{"format", 1}, {"sites", uneven}};
  return all;
}

void add_site(TensorFile& file, const AttentionSite& site, const std::string& query, const std::string& key,
              const std::string& value, const std::string& output) {
  const auto linears = site_linears(site);
  const auto add = [&](const std::string& name, const Linear& layer) {
    file.tensors[name + ".weight"] = layer.weight;
    if (layer.bias.defined()) file.tensors[name + ".bias"] = layer.bias;
  };
  add(query, linears.query);
  add(key, linears.key);
  add(value, linears.value);
  add(output, linears.output);
}

void write_checkpoint(const std::filesystem::path& folder, Json config, TensorFile file) {
  file.metadata["format"] = "pt";
  for (auto& [name, tensor] : file.tensors) tensor = tensor.to(at::kCPU, at::kFloat);
  // Weights are written as float32, whatever the source had.
  for (const char* key : {"torch_dtype", "dtype"}) {
    if (config.contains(key)) config[key] = "float32";
  }
  write_safetensors(folder / "model.safetensors", file);
  write_file(folder / "config.json", config.dump(2, ' ', false, Json::error_handler_t::replace) + "\n");
}

std::string loaded_by(const std::filesystem::path& folder) {
  const auto config = read_config(folder / "config.json");
  if (!config.contains("espalier")) return "loads in transformers 4 and 5, and in Espalier";
  if (config.contains("pruned_heads")) {
    return "loads in transformers 4 and in Espalier; not in transformers 5, which no longer reads pruned_heads (there, "
           "use --format masked of the dense model)";
  }
  const std::string only = "loads in Espalier alone, not in transformers 4 or 5: ";
  const std::string remedy = " (there, use --format masked of the dense model)";
  if (model_type(config) != "bert") return only + "they read no pruned widths of this family" + remedy;
  for (const auto& [name, site] : config["espalier"]["sites"].items()) {
    if (site["heads"].empty()) return only + "they have no layer without heads" + remedy;
  }
  return only + "they have no heads of other widths or scales" + remedy;
}

}  // namespace espalier::families
