// BERT as the engine sees it: an encoder, headless or with a classification head.
#pragma once

#include <nn/model.h>

#include <memory>
#include <string>
#include <vector>

#include "bert_config.h"
#include "bert_weights.h"

namespace espalier::nn {

class Bert final : public Model {
 public:
  Bert(std::shared_ptr<const BertConfig> config, BertWeights weights, std::string prefix,
       std::vector<std::string> skipped);
  ~Bert() override;

  const std::string& family() const override;
  const std::vector<Site>& sites() const override { return sites_; }
  const std::vector<std::string>& labels() const override { return labels_; }
  std::map<std::string, at::Tensor> outputs(const std::map<std::string, at::Tensor>& inputs) const override;
  at::Tensor logits(std::span<const Batch> batches, const std::optional<Gates>& gates) const override;
  at::Tensor training_logits(std::span<const Batch> batches) const override;
  std::unique_ptr<Model> masked(const Mask& mask) const override;
  std::unique_ptr<Model> compacted(const Mask& mask, SoftmaxScale scale) const override;
  std::unique_ptr<Model> trainable_copy() const override;
  std::unique_ptr<Model> with_head(const std::vector<std::string>& labels, std::uint64_t seed) const override;
  std::vector<Parameter> parameters() const override;
  std::int64_t parameter_count() const override;
  std::int64_t multiply_adds(std::int64_t tokens) const override;
  std::vector<SiteInput> site_inputs(const Batch& batch) const override;
  at::Tensor site_output(std::int64_t site, const SiteInput& input) const override;
  std::unique_ptr<PrunableModel> prunable() const override;
  void save(const std::filesystem::path& folder) const override;

  const std::vector<std::string>& skipped() const { return skipped_; }
  std::unique_ptr<Model> converted(at::ScalarType type, at::Device device) const;

 private:
  std::unique_ptr<Bert> with(BertWeights weights) const;
  void check_mask(const Mask& mask) const;

  std::shared_ptr<const BertConfig> config_;
  BertWeights weights_;
  std::string prefix_;
  std::vector<Site> sites_;
  std::vector<std::string> labels_, skipped_;
};

std::unique_ptr<Model> read_bert(const std::filesystem::path& folder, nlohmann::ordered_json config);

}  // namespace espalier::nn
