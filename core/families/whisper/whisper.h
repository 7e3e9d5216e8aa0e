// Whisper as the engine sees it: a speech model with an encoder, a decoder and three kinds of sites.
#pragma once

#include <nn/model.h>
#include "families/speech.h"

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "nn/network.h"
#include "whisper_config.h"
#include "whisper_decoding.h"
#include "whisper_weights.h"

namespace espalier::families {

class Whisper final : public Network, public SpeechModel {
 public:
  Whisper(std::shared_ptr<const WhisperConfig> config, WhisperWeights weights, std::vector<std::string> skipped);
  ~Whisper() override;

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

  Heard hear(const Batch& batch, const DecodingRules& rules) const override;
  std::vector<std::int64_t> languages(const at::Tensor& features, const DecodingRules& rules) const override;

  std::vector<AttentionSite> attention() const override;
  std::unique_ptr<Network> with_attention(std::vector<AttentionSite> attention) const override;
  std::unique_ptr<Network> changed(const Change& change) const override;
  at::Tensor losses_of(const Batch& batch, const Pass& pass) const override;
  void run_sites(const Batch& batch, const Pass& pass) const override;
  const at::Tensor& sample_tensor() const override { return weights_.tokens; }
  const std::vector<std::string>& skipped() const override { return skipped_; }

 protected:
  void visit(const Visit& visit) const override;
  bool trains(const std::string& name) const override;

 private:
  std::unique_ptr<Whisper> with(WhisperWeights weights) const;
  // Hands over what decoders read of their encoders, some examples at a time, from the one with this number on.
  using UseMemories = std::function<void(const std::vector<const HeldMemory*>&, std::int64_t begin)>;
  void with_memories(const at::Tensor& features, const UseMemories& use) const;
  // Logits of every token that is asked for, [asked, V].
  at::Tensor asked_logits(std::span<const Batch> batches, const Pass& pass) const;

  std::shared_ptr<const WhisperConfig> config_;
  WhisperWeights weights_;
  std::vector<std::string> labels_, skipped_;  // labels_ stays empty
};

std::unique_ptr<Model> read_whisper(const std::filesystem::path& folder, nlohmann::ordered_json config);

}  // namespace espalier::families
