// A classifier as scorers and searchers see it: weights, gated losses, gradients of the attention weights alone.
#pragma once

#include <espalier/model.h>

#include <array>
#include <memory>
#include <vector>

#include "bert_config.h"
#include "bert_weights.h"

namespace espalier::nn {

class PrunableClassifier final : public PrunableModel {
 public:
  // weights: detached, their sites expanded to the frame.
  PrunableClassifier(std::shared_ptr<const BertConfig> config, BertWeights weights, std::vector<Site> sites);
  ~PrunableClassifier() override;

  const std::vector<Site>& sites() const override { return sites_; }
  at::Tensor weights(std::int64_t site, Projection projection) const override;
  at::Tensor losses(const Batch& batch, const Units& units, const at::Tensor& gates) override;
  at::Tensor open_gates(std::vector<std::int64_t> shape) const override;
  std::vector<std::array<at::Tensor, 4>> gradients(const Batch& batch) override;
  at::Tensor squared_gradients(const Batch& batch, const Units& units, Squares squares) override;

 private:
  at::Tensor checked_labels(const Batch& batch, const at::Tensor& logits) const;
  std::vector<std::array<at::Tensor, 4>> per_sample_sums(const Batch& batch) const;

  std::shared_ptr<const BertConfig> config_;
  BertWeights weights_;
  std::vector<Site> sites_;
};

}  // namespace espalier::nn
