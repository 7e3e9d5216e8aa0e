// The Audio Spectrogram Transformer as the engine sees it: an encoder of spectrograms, headless or with a head.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "ast_checkpoint.h"
#include "ast_config.h"
#include "ast_fresh.h"
#include "ast_weights.h"
#include "encoder_classifier.h"

namespace espalier::families {

class Ast final : public EncoderClassifier<Ast, AstConfig, AstWeights> {
 public:
  static constexpr auto facts = Family::Ast;
  static constexpr const char* encoder_prefix = ast_prefix;
  static constexpr const char *headless = "ASTModel", *headed = "ASTForAudioClassification";
  static constexpr const char* head_tensors = "classifier.layernorm.* and classifier.dense.*";
  static constexpr auto read_config = ast_config;
  static constexpr auto read_weights = ast_checkpoint;
  static constexpr auto fresh_weights = ast_fresh_weights;
  static constexpr std::int64_t read_tokens = 2;  // class and distillation

  using Packed = at::Tensor;
  using EncoderClassifier::EncoderClassifier;
  ~Ast() override;

  Operations operations(std::int64_t tokens) const override;

  // Features of each batch, [B, frames, mel bins].
  std::vector<at::Tensor> whole(const std::vector<const Inputs*>& batches) const;
  std::vector<at::Tensor> pieces(const std::vector<const Inputs*>& batches, std::int64_t tokens) const;
  std::string input_limits() const;
  at::Tensor encoded(const at::Tensor& features, const Pass& pass) const;
  at::Tensor classified(const at::Tensor& features, const Pass& pass) const;
  std::vector<std::int64_t> encoded_shape(const Inputs& inputs) const;
  std::vector<std::pair<std::int64_t, std::int64_t>> lengths(const at::Tensor& features) const {
    return {{features.size(0), config().tokens()}};
  }
  std::int64_t pass_tokens(std::int64_t) const { return config().tokens(); }
  std::int64_t fixed_multiply_adds(std::int64_t tokens) const;
  static void give_head(AstWeights& weights, const AstConfig& config, const std::vector<std::int64_t>& rows,
                        at::Generator& generator);
};

}  // namespace espalier::families
