// BERT as the engine sees it: an encoder, headless or with a classification head.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "bert_checkpoint.h"
#include "bert_config.h"
#include "bert_pass.h"
#include "bert_weights.h"
#include "encoder_classifier.h"

namespace espalier::families {

class Bert final : public EncoderClassifier<Bert, BertConfig, BertWeights> {
 public:
  static constexpr auto facts = Family::Bert;
  static constexpr const char* encoder_prefix = "bert.";
  static constexpr const char *headless = "BertModel", *headed = "BertForSequenceClassification";
  static constexpr const char* head_tensors = "classifier.weight and classifier.bias";
  static constexpr auto read_config = bert_config;
  static constexpr auto read_weights = bert_checkpoint;
  static constexpr std::int64_t read_tokens = 1;

  using Packed = PackedInputs;
  using EncoderClassifier::EncoderClassifier;
  ~Bert() override;

  Operations operations(std::int64_t tokens) const override;

  std::vector<PackedInputs> whole(const std::vector<const Inputs*>& batches) const;
  std::vector<PackedInputs> pieces(const std::vector<const Inputs*>& batches, std::int64_t tokens) const;
  std::string input_limits() const;
  at::Tensor encoded(const PackedInputs& inputs, const Pass& pass) const;
  at::Tensor classified(const PackedInputs& inputs, const Pass& pass) const;
  std::vector<std::int64_t> encoded_shape(const Inputs& inputs) const;
  std::vector<std::pair<std::int64_t, std::int64_t>> lengths(const PackedInputs& inputs) const;
  std::int64_t pass_tokens(std::int64_t tokens) const { return tokens; }
  std::int64_t fixed_multiply_adds(std::int64_t tokens) const;
  static void give_head(BertWeights& weights, const BertConfig& config, const std::vector<std::int64_t>& rows,
                        at::Generator& generator);

 protected:
  bool used(const std::string& name) const override;
  // Where only whole heads went, for transformers as well.
  void write_widths(nlohmann::ordered_json& json, const std::vector<SavedSite>& sites) const override;
};

}  // namespace espalier::families
