// A model back into a Hugging Face directory, whatever the family.
#pragma once

#include <nn/safetensors.h>

#include <filesystem>
#include <string>
#include <vector>

#include "config_keys.h"
#include "nn/attention.h"
#include "nn/network.h"

namespace espalier::families {

// A site as it is saved: its frame in the dense model, under the full name.
struct SavedSite {
  SiteFrame frame;
  const AttentionSite* attention = nullptr;
};

// Writes the widths of compacted sites into config.json, for Espalier ("espalier": {...}); where all sites are dense,
// nothing. Says for each site whether it is dense, and whether what is left has the dense width and scale.
struct SavedWidths {
  SiteWidths widths;
  bool dense = false;
  bool whole_heads = false;
};
std::vector<SavedWidths> write_site_widths(nlohmann::ordered_json& json, const std::vector<SavedSite>& sites);

// A site's tensors under NAME.weight and NAME.bias for each of the four names.
void add_site(TensorFile& file, const AttentionSite& site, const std::string& query, const std::string& key,
              const std::string& value, const std::string& output);

// The model's tensors under the names of files, and its sites: `places` in the order of Weights::each_site, `full` from a name
// without the checkpoint's prefix to the name that is written.
struct SavedTensors {
  TensorFile file;
  std::vector<SavedSite> sites;  // of the weights, which stay
};
template <typename Weights, typename FullName>
SavedTensors saved_tensors(const Weights& weights, const std::vector<SitePlace>& places, FullName&& full) {
  SavedTensors saved;
  Weights::each_tensor(weights, [&](const std::string& name, const at::Tensor& tensor, Network::Role role) {
    const bool of_site = role == Network::Role::SiteWeight || role == Network::Role::SiteBias;
    if (!of_site) saved.file.tensors[full(name)] = tensor;
  });
  Weights::each_site(weights, [&](const AttentionSite& site) {
    const auto& [frame, kind, linears, has_bias] = places.at(saved.sites.size());
    saved.sites.push_back({{full(frame.name), frame.heads, frame.head_dim}, &site});
    add_site(saved.file, site, full(linears[0]), full(linears[1]), full(linears[2]), full(linears[3]));
  });
  return saved;
}

// config.json and model.safetensors (float32, metadata format = pt), written aside and renamed.
void write_checkpoint(const std::filesystem::path& folder, nlohmann::ordered_json config, TensorFile file);

}  // namespace espalier::families
