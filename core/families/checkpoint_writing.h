// A model back into a Hugging Face directory, whatever the family.
#pragma once

#include <nn/safetensors.h>

#include <filesystem>
#include <string>
#include <vector>

#include "config_keys.h"
#include "nn/attention.h"

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

// config.json and model.safetensors (float32, metadata format = pt), written aside and renamed.
void write_checkpoint(const std::filesystem::path& folder, nlohmann::ordered_json config, TensorFile file);

}  // namespace espalier::families
