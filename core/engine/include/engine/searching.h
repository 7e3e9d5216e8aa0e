// From a budget to a mask, by a searcher plugin.
#pragma once

#include <functional>
#include <map>
#include <string>

#include "loader/plugin_catalog.h"
#include "nn/model.h"
#include "words/cell_settings.h"

namespace espalier::engine {

struct SearchRequest {
  std::string searcher;
  Settings settings;  // complete
  Budget budget;
  std::string rounding = "nearest";
  std::string scope = "global";
  std::int64_t seed = 0;
  bool of_remaining = false;  // a sparsity is a share of what remains
};

// `kept`: what earlier steps left; the answer keeps no more than that. `evaluate` gives metrics on the validation split; it
// is only called by searchers that search.
Mask search(const loader::PluginCatalog& catalog, const nn::Model& model, const Units& units, const Mask& kept,
            const at::Tensor& scores, const SearchRequest& request,
            const std::function<std::map<std::string, double>(const Mask&)>& evaluate);

// "original", "pruned-width" or a positive number. Throws SettingsError.
nn::SoftmaxScale softmax_scale_from(const std::string& text);

}  // namespace espalier::engine
