// BERT as the engine sees it: an encoder, headless or with a classification head.
#pragma once

#include <nn/model.h>

#include <memory>
#include <string>
#include <vector>

#include "bert_config.h"
#include "bert_weights.h"
#include "nn/network.h"

namespace espalier::families {

class Bert final : public Network {
 public:
  Bert(std::shared_ptr<const BertConfig> config, BertWeights weights, std::string prefix,
       std::vector<std::string> skipped);
  ~Bert() override;

  const std::string& family() const override;
  const std::vector<std::string>& labels() const override { return labels_; }
  std::map<std::string, at::Tensor> outputs(const std::map<std::string, at::Tensor>& inputs) const override;
  at::Tensor logits(std::span<const Batch> batches) const override;
  at::Tensor training_logits(std::span<const Batch> batches, const Gates* gates) const override;
  std::unique_ptr<Model> with_head(const std::vector<std::string>& labels, std::uint64_t seed) const override;
  std::int64_t multiply_adds(std::int64_t tokens) const override;
  Operations operations(std::int64_t tokens) const override;
  std::vector<Operations> site_operations(std::int64_t tokens) const override;
  void save(const std::filesystem::path& folder) const override;

  std::vector<AttentionSite> attention() const override;
  std::unique_ptr<Network> with_attention(std::vector<AttentionSite> attention) const override;
  std::unique_ptr<Network> changed(const Change& change) const override;
  at::Tensor losses_of(const Batch& batch, const Pass& pass) const override;
  void run_sites(const Batch& batch, const Pass& pass) const override;
  const at::Tensor& sample_tensor() const override { return weights_.words; }
  const std::vector<std::string>& skipped() const override { return skipped_; }

 protected:
  void visit(const Visit& visit) const override;
  bool used(const std::string& name) const override;
  std::string full_name(const std::string& name) const override;

 private:
  std::unique_ptr<Bert> with(BertWeights weights) const;

  std::shared_ptr<const BertConfig> config_;
  BertWeights weights_;
  std::string prefix_;
  std::vector<std::string> labels_, skipped_;
};

std::unique_ptr<Model> read_bert(const std::filesystem::path& folder, nlohmann::ordered_json config);

}  // namespace espalier::families
