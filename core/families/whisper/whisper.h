// Whisper as the engine sees it: a speech model with an encoder, a decoder and three kinds of sites.
#pragma once

#include <families/speech.h>
#include <nn/model.h>

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "family_network.h"
#include "whisper_checkpoint.h"
#include "whisper_config.h"
#include "whisper_decoding.h"
#include "whisper_pass.h"
#include "whisper_series.h"
#include "whisper_weights.h"

namespace espalier::families {

class Whisper final : public FamilyNetwork<Whisper, WhisperConfig, WhisperWeights>, public SpeechModel {
 public:
  static constexpr auto facts = Family::Whisper;
  static constexpr const char* encoder_prefix = "";
  static constexpr const char *headless = "WhisperForConditionalGeneration", *headed = headless;
  static constexpr auto read_config = whisper_config;
  static constexpr auto read_weights = whisper_checkpoint;

  using FamilyNetwork::FamilyNetwork;
  ~Whisper() override;

  TaskKind task_kind() const override { return TaskKind::Speech; }
  std::map<std::string, at::Tensor> outputs(const std::map<std::string, at::Tensor>& inputs) const override;
  at::Tensor logits(std::span<const Batch> batches) const override;
  at::Tensor training_logits(std::span<const Batch> batches, const Gates* gates) const override;
  std::unique_ptr<Model> with_head(const std::vector<std::string>& labels, std::uint64_t seed) const override;
  std::int64_t multiply_adds(std::int64_t tokens) const override;
  Operations operations(std::int64_t tokens) const override;
  std::vector<Operations> site_operations(std::int64_t tokens) const override;

  Heard hear(const Batch& batch, const DecodingRules& rules, Together together) const override;
  std::vector<Heard> hear_each(std::span<const Model* const> models, const PreparedInputs& inputs,
                               const DecodingRules& rules, Together together) const override;
  std::vector<std::int64_t> languages(const at::Tensor& features, const DecodingRules& rules,
                                      Together together) const override;

  // Features where the weights are, in their type: most of what a sound takes to evaluate on a GPU is bringing it there.
  // On a CPU they are the ones that are at hand.
  std::string reads_as() const override;
  std::shared_ptr<const PreparedInputs> prepared(std::vector<Batch> batches) const override;

  at::Tensor losses_of(const Batch& batch, const Pass& pass) const override;
  void run_sites(const Batch& batch, const Pass& pass) const override;

 protected:
  bool trains(const std::string& name) const override;

 private:
  Together liked() const override { return together_on(device()); }
  // Hands over what decoders read of their encoders, some examples at a time, from the one with this number on.
  using UseMemories = std::function<void(std::vector<HeldMemory> memories, std::int64_t begin, std::int64_t examples)>;
  void with_memories(const at::Tensor& features, Together together, const UseMemories& use) const;
  // From what other models of its series know of these sounds. What it writes comes into `heard` at once, or while those
  // who write together go on.
  void hear_known(const Batch& batch, const DecodingRules& rules, Together together, KnownSounds known,
                  WritingTogether& writing, std::int64_t most_writing_bytes, Heard& heard) const;
  // Whether what decoders read of so many encoders is held at once.
  bool holds_together(std::int64_t examples, Together together) const;
  // States of the decoder, [B*T, D].
  at::Tensor decoded(const WhisperInputs& inputs, const Pass& pass) const;
  // Logits of every token that is asked for, [asked, V].
  at::Tensor asked_logits(std::span<const Batch> batches, const Pass& pass) const;
};

}  // namespace espalier::families
