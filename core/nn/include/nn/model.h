// What every model family gives the engine: outputs, sites, parameters, and narrower versions of itself.
//
// A model is an immutable value over named tensors: masking and compaction return new models that share what they did
// not change. Only training writes into parameters, in place.
#pragma once

#include <ATen/core/Tensor.h>
#include <espalier/model.h>
#include <espalier/units.h>
#include <nn/flops.h>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "cells/softmax_scale.h"

namespace espalier::nn {

// The softmax scale of a compacted site: that of the dense width, of the pruned width, or a number (DESIGN: W2).
using espalier::SoftmaxScale;

// A tensor that training may change, under its Hugging Face name (or the name of a fused block of such tensors).
struct Parameter {
  std::string name;
  at::Tensor tensor;
  bool decays = true;                     // false for biases and layer norms
  bool is_linear = false;                 // the weight of a linear layer, [rows, columns]
  std::vector<std::int64_t> blocks = {};  // rows of the matrices that stand in it, one below the other
  at::Tensor fixed = {};  // bool, like tensor: padding, and biases that the checkpoint lacks; undefined: none
};

// What losses are of: the task's labels, one class an example as binary cross-entropy, or a teacher's logits:
// temperature^2 * KL(teacher || model), both softened by the temperature.
struct Loss {
  enum class Kind { Task, Bce, Distillation } kind = Kind::Task;
  double temperature = 2;
  std::shared_ptr<const class Model> teacher = {};  // of distillation
};
// The loss of each row of logits, [rows]; labels as Batch has them (classes, or one number a class), of each row;
// teacher: logits of the same shape, for distillation only. Throws InputError for labels that do not fit.
at::Tensor row_losses(const at::Tensor& logits, const at::Tensor& labels, const Loss& loss, const at::Tensor& teacher);

// Gates of one forward pass, differentiable; see PrunableModel::losses.
struct Gates {
  const Units& units;
  at::Tensor values;  // [units], [examples, units] or [examples, tokens, units]
};

// What flows into a site on one batch, to compute the site alone.
struct SiteInput {
  at::Tensor hidden;     // [examples, tokens, width]
  at::Tensor memory;     // [examples, tokens, width] that cross-attention reads; else undefined
  at::Tensor attention;  // additive mask or undefined
  bool causal = false;   // a token sees those up to itself
};

// What a model answers.
enum class TaskKind {
  None,     // it has no head
  Classes,  // of an example, by a classification head
  Speech,   // what is said
};

// Inputs that were prepared: see Model::prepared.
class PreparedInputs {
 public:
  explicit PreparedInputs(std::vector<Batch> its_batches) : batches(std::move(its_batches)) {}
  virtual ~PreparedInputs();
  std::int64_t bytes() const;  // of the batches
  const std::vector<Batch> batches;
  // Says that they are kept and will be asked for again, so that it pays to remember what models made of them.
  void expect_again() const;
  // Of these inputs alone, in this process; 0: they are computed once.
  std::uint64_t number() const { return number_; }

 private:
  mutable std::uint64_t number_ = 0;
};

class Model {
 public:
  virtual ~Model();

  virtual const std::string& family() const = 0;
  virtual TaskKind task_kind() const = 0;
  virtual const std::vector<Site>& sites() const = 0;          // of the dense model
  virtual const std::vector<std::string>& labels() const = 0;  // class names in order; empty for a headless model
  // Where its weights are. What it computes is there as well; inputs may be anywhere.
  virtual at::Device device() const = 0;
  // Equal for models that can share prepared inputs; empty: for none.
  virtual std::string reads_as() const { return ""; }

  // Outputs by Hugging Face name for inputs by Hugging Face name, as transformers gives them for the same checkpoint:
  // logits, or last_hidden_state of a headless model. Inputs are checked: names, dtypes, shapes, ranges.
  virtual std::map<std::string, at::Tensor> outputs(const std::map<std::string, at::Tensor>& inputs) const = 0;

  // Logits of several batches at once, one after the other: [examples of all batches, classes]; of speech, one row a
  // token of the reference: [tokens of all batches, vocabulary]. Tokens of all batches are packed where lengths differ,
  // so that they cost no padding. Differentiable in parameters.
  virtual at::Tensor logits(std::span<const Batch> batches) const = 0;
  // The same inputs checked, packed and laid where the model computes, to be asked for again and again: they serve every
  // model that came from this one by masks, compaction or training. They refer to nothing of the model.
  virtual std::shared_ptr<const PreparedInputs> prepared(std::vector<Batch> batches) const;
  // As logits(batches), without gradients. Where a GPU's memory does not suffice, smaller pieces are computed from then on.
  virtual at::Tensor logits_of(const PreparedInputs& inputs) const;
  // The same by each of several models, which come from one by masks: piece by piece, so that what models of a series
  // (MaskSeries) have in common is computed once, however little memory there is. The numbers are those of logits_of.
  virtual std::vector<at::Tensor> logits_of_each(std::span<const Model* const> models,
                                                 const PreparedInputs& inputs) const;
  // Multiply-adds that this model did not do for what it computed, since its series knew the answers; from zero again.
  virtual std::int64_t take_skipped() const { return 0; }
  // The task loss of each example, [examples]: cross-entropy of its class; the mean binary cross-entropy where labels
  // are one number a class; of speech, the mean cross-entropy over the tokens of its reference.
  virtual at::Tensor losses(const Batch& batch) const = 0;
  // Logits with dropout, as fine-tuning wants them; draws from LibTorch's global generator. Gates: one a unit, [units].
  virtual at::Tensor training_logits(std::span<const Batch> batches, const Gates* gates = nullptr) const = 0;

  // Weights switched off by zeros: the plain path that everything faster is compared with.
  virtual std::unique_ptr<Model> masked(const Mask& mask) const = 0;
  // The smaller model that computes what the masked one computes (algorithms: exact compaction rules).
  virtual std::unique_ptr<Model> compacted(const Mask& mask, SoftmaxScale scale = {}) const = 0;
  // A copy whose parameters are its own, on this device, ready for training.
  virtual std::unique_ptr<Model> trainable_copy() const = 0;
  // A copy with a fresh classification head for these labels, made from the seed; an existing head that fits the labels
  // by name is kept.
  virtual std::unique_ptr<Model> with_head(const std::vector<std::string>& labels, std::uint64_t seed) const = 0;

  virtual std::vector<Parameter> parameters() const = 0;
  // Everything the model computes with, trained or not, under names for messages; always in one order.
  using SeeTensor = std::function<void(const std::string& name, const at::Tensor& tensor)>;
  virtual void each_tensor(const SeeTensor& see) const = 0;
  virtual std::int64_t parameter_count() const = 0;
  // Multiply-adds of one example of this many tokens (of speech, tokens that the decoder reads or writes), as this
  // model computes it.
  virtual std::int64_t multiply_adds(std::int64_t tokens) const = 0;
  // Operations of one example of this many tokens by the closed form of flops.h, every layer for all its tokens.
  virtual Operations operations(std::int64_t tokens) const = 0;
  // The share of each site in them, in the order of sites(): projections, products, softmax.
  virtual std::vector<Operations> site_operations(std::int64_t tokens) const = 0;

  // For proofs: what enters each site of this model on one batch, and what one site makes of such an input.
  virtual std::vector<SiteInput> site_inputs(const Batch& batch) const = 0;
  virtual at::Tensor site_output(std::int64_t site, const SiteInput& input) const = 0;

  // The model as a plugin sees it, with this loss. The result refers to this model.
  virtual std::unique_ptr<PrunableModel> prunable(Loss loss = {}) const = 0;

  // The same model computing with these tensors in place of parameters(), in their order; they are not copied.
  virtual std::unique_ptr<Model> with_parameters(const std::vector<at::Tensor>& tensors) const = 0;
  // The same model with what each VO channel of a site writes scaled: factors [heads, head_dim] of the dense frame.
  virtual std::unique_ptr<Model> with_scaled_outputs(std::int64_t site, const at::Tensor& factors) const = 0;

  // Writes config.json and model.safetensors (metadata format = pt) into an existing folder, under Hugging Face names
  // and with the labels; a compacted model also writes its widths, and pruned_heads where only whole heads went.
  // Files are written aside and renamed; other files of the source are the caller's business.
  virtual void save(const std::filesystem::path& folder) const = 0;
};

}  // namespace espalier::nn
