// Models that plugins are shown and must leave as they find them: compared by digests of all their tensors after each
// visit, since what a plugin is shown are the weights themselves.
#pragma once

#include <espalier/error.h>

#include <cstdint>
#include <string>
#include <vector>

#include "nn/model.h"

namespace espalier::engine {

// A plugin changed weights that are not its own. The cell fails, and the model has to be read again.
class WeightsChanged : public PluginError {
 public:
  using PluginError::PluginError;
};

struct TensorDigest {
  std::string name;
  std::uint64_t digest = 0;
  bool operator==(const TensorDigest&) const = default;
};
using ModelDigest = std::vector<TensorDigest>;

// Of the bits, in memory: any single change of one tensor gives another digest. Reads each weight once.
ModelDigest digest_of(const nn::Model& model);

// Names of tensors that are not as they were; empty: all are.
std::vector<std::string> changed_tensors(const nn::Model& model, const ModelDigest& before);

class Untouched {
 public:
  // `before`: of the model when it was known to be right; null: as it is now. Both outlive this.
  void add(const nn::Model& model, const ModelDigest* before);
  // Throws WeightsChanged naming the plugin and the tensors.
  void check(const std::string& plugin) const;

 private:
  struct Watched {
    const nn::Model* model;
    ModelDigest before;
  };
  std::vector<Watched> models_;
};

}  // namespace espalier::engine
