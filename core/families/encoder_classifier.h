// What encoders share that may end in a classification head.
//
// A family is a class FAMILY : EncoderClassifier<FAMILY, CONFIG, WEIGHTS> with an EncoderConfig, and weights whose `layers`
// hold attention, intermediate and output. Beside what FamilyNetwork asks for, FAMILY says
//   Packed                       inputs, checked, where the weights are, and ready to be computed together
//   whole(batches)               all inputs: what is computed at once where gradients are recorded
//   pieces(batches, tokens)      the same in pieces of about so many tokens
//   input_limits()               what inputs are checked against, in words
//   encoded(packed, pass)        [N, D], after the last layer
//   classified(packed, pass)     [examples, classes]; the last layer answers for the tokens that are read only
//   encoded_shape(inputs)        [B, T, D] of inputs that are checked
//   pass_tokens(tokens)          how many tokens a pass has where so many are asked for
//   read_tokens                  how many of them the head reads
//   lengths(packed)              how many examples of how many tokens a pass are in it
//   fixed_multiply_adds(tokens)  of what stands before the layers and behind them
//   give_head(weights, config, rows, generator)  a head for the labels of config: these rows of the old one, else new
//   head_tensors                 what the head is called in files, for messages
#pragma once

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/cat.h>
#include <c10/core/InferenceMode.h>
#include <espalier/error.h>

#include <algorithm>
#include <map>
#include <memory>
#include <numeric>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "families/families.h"
#include "family_network.h"
#include "fresh_weights.h"
#include "nn/device.h"

namespace espalier::families {

// Inputs in pieces, to be computed again and again.
template <typename Packed>
class PreparedPieces final : public PreparedInputs {
 public:
  using PreparedInputs::PreparedInputs;
  // Smaller ones once a device's memory has not sufficed.
  mutable std::int64_t piece_tokens = 0, made_of_tokens = 0;
  mutable std::vector<Packed> pieces;
};

template <typename Derived, typename Config, typename Weights>
class EncoderClassifier : public FamilyNetwork<Derived, Config, Weights> {
 public:
  using Base = FamilyNetwork<Derived, Config, Weights>;
  using Base::Base;

  std::map<std::string, at::Tensor> outputs(const std::map<std::string, at::Tensor>& inputs) const override {
    const at::NoGradGuard no_gradients;
    if (this->weights().has_head()) return {{"logits", classified_in_pieces({&inputs})}};
    const auto hidden = in_pieces({&inputs}, [&](const auto& piece) { return self().encoded(piece, {}); });  // [N, D]
    return {{"last_hidden_state", hidden.view(self().encoded_shape(inputs))}};
  }

  at::Tensor logits(std::span<const Batch> batches) const override {
    require_head("this");
    const auto inputs = inputs_of(batches);
    return at::GradMode::is_enabled() ? classified_all(self().whole(inputs), {}) : classified_in_pieces(inputs);
  }

  std::string reads_as() const override {
    return this->family() + ' ' + self().input_limits() + ' ' + this->device().str() + ' ' +
           c10::toString(this->sample_tensor().scalar_type());
  }

  std::shared_ptr<const PreparedInputs> prepared(std::vector<Batch> batches) const override {
    const auto made = std::make_shared<PreparedPieces<typename Derived::Packed>>(std::move(batches));
    made->piece_tokens = made->made_of_tokens = facts_of(this->device()).piece_tokens;
    made->pieces = self().pieces(inputs_of(made->batches), made->piece_tokens);
    return made;
  }

  at::Tensor logits_of(const PreparedInputs& inputs) const override {
    require_head("this");
    const at::NoGradGuard no_gradients;
    const auto& prepared = dynamic_cast<const PreparedPieces<typename Derived::Packed>&>(inputs);
    return with_fitting_size(prepared.piece_tokens, this->device(), [&](std::int64_t tokens) {
      auto* prefixes = this->place() == nullptr || inputs.number() == 0 ? nullptr : this->place()->prefixes.get();
      if (cut_to(prepared, tokens) && prefixes != nullptr) prefixes->forget(inputs.number());
      std::int64_t piece = 0;
      return joined(prepared.pieces, [&](const auto& packed) {
        if (prefixes == nullptr) return self().classified(packed, {});
        return classified_from(packed, prefixes->of(inputs.number(), piece++));
      });
    });
  }

  std::vector<at::Tensor> logits_of_each(std::span<const Model* const> models,
                                         const PreparedInputs& inputs) const override {
    require_head("this");
    const at::NoGradGuard no_gradients;
    const auto& prepared = dynamic_cast<const PreparedPieces<typename Derived::Packed>&>(inputs);
    const auto order = in_series_order(models);
    return with_fitting_size(prepared.piece_tokens, this->device(), [&](std::int64_t tokens) {
      cut_to(prepared, tokens);
      std::vector<std::vector<at::Tensor>> parts(models.size());
      for (const auto& packed : prepared.pieces) {
        auto budget = MemoryBudget{prefix_bytes_of(models), 0};
        PieceStates states(budget);
        for (const auto number : order)
          parts[number].push_back(dynamic_cast<const Derived&>(*models[number]).classified_from(packed, states));
      }
      std::vector<at::Tensor> all;
      for (const auto& of_model : parts) all.push_back(of_model.size() == 1 ? of_model[0] : at::cat(of_model));
      return all;
    });
  }

  at::Tensor training_logits(std::span<const Batch> batches, const Gates* gates) const override {
    require_head("training");
    const auto table = gate_table(gates, this->attention(), this->sample_tensor());
    return classified_all(self().whole(inputs_of(batches)),
                          {.gates = table ? &*table : nullptr, .dropout = Dropout::On});
  }

  at::Tensor losses_of(const Batch& batch, const Pass& pass) const override {
    require_head("a task loss");
    return classification_losses(classified_all(self().whole({&batch.inputs}), pass), batch, pass);
  }

  void run_sites(const Batch& batch, const Pass& pass) const override {
    for (const auto& packed : self().whole({&batch.inputs})) self().encoded(packed, pass);
  }

  std::unique_ptr<Model> with_head(const std::vector<std::string>& labels, std::uint64_t seed) const override {
    const c10::InferenceMode ordinary(false);
    const at::NoGradGuard no_gradients;
    check_labels(labels);
    auto config = std::make_shared<Config>(this->config());
    config->labels = labels;
    config->source.erase("problem_type");  // that of the head which was there before
    auto weights = this->weights();
    auto generator = at::make_generator<at::CPUGeneratorImpl>(seed);
    Derived::give_head(weights, *config, rows_by_name(this->labels(), labels), generator);
    // A checkpoint with a head names its encoder; so do the sites, before saving as after.
    return std::make_unique<Derived>(std::move(config), std::move(weights), Derived::encoder_prefix, this->skipped());
  }

  std::int64_t multiply_adds(std::int64_t asked) const override {
    const auto tokens = self().pass_tokens(asked);
    const auto& layers = this->weights().layers;
    auto count = self().fixed_multiply_adds(tokens);
    for (std::size_t i = 0; i < layers.size(); ++i) {
      const bool read_only = this->weights().has_head() && i + 1 == layers.size();
      count += layer_multiply_adds(i, read_only ? Derived::read_tokens : tokens, tokens);
    }
    return count;
  }

  std::vector<Operations> site_operations(std::int64_t asked) const override {
    const auto tokens = self().pass_tokens(asked);
    return operations_of_sites(this->attention(), tokens, tokens);
  }

 protected:
  EncoderShape encoder_shape(std::int64_t tokens) const {
    const auto& config = this->config();
    return {self().pass_tokens(tokens), config.hidden_size, config.intermediate_size, config.layers};
  }

 private:
  const Derived& self() const { return static_cast<const Derived&>(*this); }

  // Makes prepared pieces of so many tokens; false where they are.
  template <typename Pieces>
  bool cut_to(const Pieces& prepared, std::int64_t tokens) const {
    if (prepared.made_of_tokens == tokens) return false;
    prepared.pieces = self().pieces(inputs_of(prepared.batches), tokens);
    prepared.made_of_tokens = tokens;
    return true;
  }

  // One piece, from what models before this one have computed of it.
  template <typename Packed>
  at::Tensor classified_from(const Packed& packed, PieceStates& states) const {
    if (this->place() == nullptr) return self().classified(packed, {});
    Restart restart{states, this->place()->versions};
    const auto logits = self().classified(packed, {.restart = &restart});
    if (restart.skipped == 0) return logits;
    for (const auto& [examples, tokens] : self().lengths(packed)) {
      for (std::int64_t layer = 0; layer < restart.skipped; ++layer)
        this->note_skipped(examples * layer_multiply_adds(static_cast<std::size_t>(layer), tokens, tokens));
    }
    return logits;
  }

  std::int64_t layer_multiply_adds(std::size_t number, std::int64_t asking, std::int64_t tokens) const {
    const auto& layer = this->weights().layers[number];
    return layer.attention.multiply_adds(asking, tokens) +
           asking * (layer.intermediate.weight.numel() + layer.output.weight.numel());
  }

  // Models that begin alike one after the other.
  static std::vector<std::size_t> in_series_order(std::span<const Model* const> models) {
    std::vector<std::size_t> order(models.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    const auto versions = [&](std::size_t number) {
      const auto* place = dynamic_cast<const Network&>(*models[number]).place();
      return place == nullptr ? SiteVersions() : place->versions;
    };
    std::stable_sort(order.begin(), order.end(),
                     [&](std::size_t one, std::size_t other) { return versions(one) < versions(other); });
    return order;
  }
  static std::int64_t prefix_bytes_of(std::span<const Model* const> models) {
    for (const auto* model : models) {
      if (const auto* place = dynamic_cast<const Network&>(*model).place(); place != nullptr)
        return place->prefixes->most_bytes();
    }
    return 0;
  }

  // In pieces that fit the device, without gradients.
  template <typename Compute>
  at::Tensor in_pieces(const std::vector<const Inputs*>& inputs, Compute&& compute) const {
    auto tokens = facts_of(this->device()).piece_tokens;
    return with_fitting_size(tokens, this->device(),
                             [&](std::int64_t size) { return joined(self().pieces(inputs, size), compute); });
  }
  at::Tensor classified_in_pieces(const std::vector<const Inputs*>& inputs) const {
    return in_pieces(inputs, [&](const auto& piece) { return self().classified(piece, {}); });
  }

  template <typename Pieces>
  at::Tensor classified_all(const Pieces& pieces, const Pass& pass) const {
    return joined(pieces, [&](const auto& piece) { return self().classified(piece, pass); });
  }

  template <typename Pieces, typename Compute>
  static at::Tensor joined(const Pieces& pieces, Compute&& compute) {
    std::vector<at::Tensor> parts;
    for (const auto& piece : pieces) parts.push_back(compute(piece));
    return parts.size() == 1 ? parts[0] : at::cat(parts);
  }

  static std::vector<const Inputs*> inputs_of(const std::vector<Batch>& batches) {
    return inputs_of(std::span<const Batch>(batches));
  }
  static std::vector<const Inputs*> inputs_of(std::span<const Batch> batches) {
    std::vector<const Inputs*> all;
    for (const auto& batch : batches) all.push_back(&batch.inputs);
    return all;
  }

  void require_head(const char* what) const {
    if (this->weights().has_head()) return;
    throw InputError(std::string("the checkpoint has no classification head, which ") + what +
                     " needs\n    expected tensors " + Derived::head_tensors + "; train a head first (espalier train)");
  }
};

// A model of this family with new weights and a head for these labels; `json`: the folder's config.json.
template <typename Derived>
std::unique_ptr<Model> fresh_family(const std::filesystem::path& folder, nlohmann::ordered_json json,
                                    const std::vector<std::string>& labels, const FreshWeights& fresh,
                                    std::uint64_t seed) {
  const c10::InferenceMode ordinary(false);
  const at::NoGradGuard no_gradients;
  check_labels(labels);
  auto config = std::make_shared<decltype(Derived::read_config({}, {}))>(
      Derived::read_config(folder / "config.json", std::move(json)));
  config->labels = labels;
  config->source.erase("problem_type");
  config->widths.clear();
  auto generator = at::make_generator<at::CPUGeneratorImpl>(seed);
  auto weights = Derived::fresh_weights(*config, fresh, generator);
  return std::make_unique<Derived>(std::move(config), std::move(weights), Derived::encoder_prefix,
                                   std::vector<std::string>());
}

}  // namespace espalier::families
