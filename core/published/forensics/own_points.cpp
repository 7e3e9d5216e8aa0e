#include <algorithm>
#include <cmath>

#include "rules.h"

namespace espalier::published {
namespace {

void add_own(Forensics& forensics, const OwnPoint& point, const char* rule, std::string found, std::string expected,
             const std::string& why) {
  auto sentence = fmt::format("cell {}: found {}, expected {}: {}", point.key.substr(0, 12), found, expected, why);
  forensics.findings.push_back({rule, point.key, std::move(found), std::move(expected), std::move(sentence)});
}

void check_own_point(const OwnPoint& point, Forensics& forensics) {
  if (const auto found = point.metrics.find("accuracy"); found != point.metrics.end() && point.examples > 0) {
    const double k = found->second * static_cast<double>(point.examples);
    if (std::abs(k - std::round(k)) > 1e-6 * static_cast<double>(point.examples) || k < 0)
      add_own(forensics, point, "count", fmt::format("{}", found->second), fmt::format("k / {}", point.examples),
              "no whole number of examples gives this accuracy");
  }
  for (const auto& [name, value] : point.metrics) {
    const bool share = name == "accuracy" || name == "macro_f1" || name == "map" || name == "mauc";
    if ((share && (value < 0 || value > 1)) || ((name == "wer" || name == "cer" || name == "flops") && value < 0))
      add_own(forensics, point, "range", fmt::format("{} {}", name, value), "a value it can have",
              "no count gives this");
  }
  if (point.parameters_dense > 0 && point.achieved_sparsity) {
    const double share = static_cast<double>(point.parameters_removed) / static_cast<double>(point.parameters_dense);
    if (std::abs(share - *point.achieved_sparsity) > 1e-9)
      add_own(forensics, point, "parameters", fmt::format("{}", *point.achieved_sparsity), fmt::format("{}", share),
              "the sparsity is the removed share of the attention's parameters");
  }
}

}  // namespace

Forensics check_own(const std::vector<OwnPoint>& points) {
  Forensics forensics;
  std::map<std::string, const OwnPoint*> dense;
  for (const auto& point : points) {
    check_own_point(point, forensics);
    const auto name = fmt::format("{}\n{}\n{}\n{}", point.model, point.dataset, point.setting, point.split);
    if (point.dense) {
      const auto [first, is_new] = dense.emplace(name, &point);
      for (const auto& [metric, value] : point.metrics) {
        const auto other = first->second->metrics.find(metric);
        if (!is_new && metric == "accuracy" && other != first->second->metrics.end() && other->second != value &&
            point.examples == first->second->examples)
          add_own(forensics, point, "dense-rows", fmt::format("{} {}", metric, value), fmt::format("{}", other->second),
                  fmt::format("the unpruned model of cell {} is the same one", first->second->key.substr(0, 12)));
      }
    }
  }
  for (const auto& point : points) {
    const auto whole =
        dense.find(fmt::format("{}\n{}\n{}\n{}", point.model, point.dataset, point.setting, point.split));
    if (point.dense || whole == dense.end() || point.parameters_total == 0) continue;
    const auto total = point.parameters_total + point.parameters_removed;
    if (total != whole->second->parameters_total)
      add_own(forensics, point, "parameters", fmt::format("{} left", point.parameters_total),
              fmt::format("{}", whole->second->parameters_total - point.parameters_removed),
              "what is left and what was removed make up the dense model");
  }
  return forensics;
}

}  // namespace espalier::published
