// A network as scorers and searchers see it: weights, gated losses, gradients of the attention weights alone.
#pragma once

#include <espalier/model.h>

#include <array>
#include <memory>
#include <vector>

#include "nn/network.h"
#include "nn/prunable/joint_gradients.h"

namespace espalier::nn {

class PrunableNetwork final : public PrunableModel, public JointGradients {
 public:
  // network: detached, its sites expanded to the frame.
  explicit PrunableNetwork(std::unique_ptr<const Network> network, Loss loss = {});
  ~PrunableNetwork() override;

  const std::vector<Site>& sites() const override { return network_->sites(); }
  at::Tensor weights(std::int64_t site, Projection projection) const override;
  at::Tensor losses(const Batch& batch, const Units& units, const at::Tensor& gates) override;
  at::Tensor losses_without_each(const Batch& batch, const Units& units) override;
  at::Tensor open_gates(std::vector<std::int64_t> shape) const override;
  std::vector<std::array<at::Tensor, 4>> gradients(const Batch& batch) override;
  BatchGradients gradients_with_gates(const Batch& batch, const Units& units) override;
  at::Tensor squared_gradients(const Batch& batch, const Units& units, Squares squares) override;
  void observe(const Batch& batch, const Observer& observer) override;

 private:
  SiteActivity activity_of(const AttentionSite& site, const Tap& tap) const;
  std::vector<std::array<at::Tensor, 4>> per_sample_sums(const Batch& batch) const;
  // units: null where no gates are asked for.
  BatchGradients mean_gradients(const Batch& batch, const Units* units) const;

  std::unique_ptr<const Network> network_;
  std::vector<AttentionSite> attention_;
  Loss loss_;
};

}  // namespace espalier::nn
