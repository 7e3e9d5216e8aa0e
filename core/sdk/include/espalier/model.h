// What a plugin may do with a model and its data.
//
// Tensors of the model (weights, gradients, losses, what observe() shows) are where it computes, maybe on a GPU; batches and
// what is said to be on the CPU are on the CPU. See plugins/README.md, On a GPU.
#pragma once

#include <ATen/core/Tensor.h>

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <espalier/units.h>

namespace espalier {

// Examples that are computed together. Examples of one batch are equally long unless an attention_mask says otherwise.
struct Batch {
  std::map<std::string, at::Tensor> inputs;  // by Hugging Face name: input_ids [examples, tokens], ...
  at::Tensor labels;                         // [examples]
  std::vector<std::int64_t> rows;            // which rows of the split these are, counted from 0

  std::int64_t size() const { return static_cast<std::int64_t>(rows.size()); }
};

// The batches of one split, in an order fixed by the cell; ends by returning nullopt.
class ESPALIER_SDK_API BatchStream {
 public:
  virtual ~BatchStream();
  virtual std::optional<Batch> next() = 0;
  virtual void rewind() = 0;
  virtual std::int64_t examples() const = 0;  // of the whole stream
};

// A stream of random numbers that is the same on every machine. Owned by one cell, one thread.
class ESPALIER_SDK_API Random {
 public:
  explicit Random(std::uint64_t seed);
  std::uint64_t next();                    // 64 random bits
  double uniform();                        // [0, 1)
  at::Tensor uniform(std::int64_t count);  // [count], float64
  std::vector<std::int64_t> permutation(std::int64_t count);

 private:
  std::uint64_t state_[4];
};

// How squared gradients are taken before they are summed.
enum class Squares {
  PerSample,  // sum over examples of the squared gradient of each example's loss
  PerBatch,   // squared gradient of the batch's mean loss
};

// What one site reads, weighs and writes on one batch. Heads and channels are those of the site's frame; what is gone is
// zero.
struct SiteActivity {
  at::Tensor hidden;            // [examples, queries, width]: what Q reads; K and V too where memory is undefined
  at::Tensor memory;            // [examples, keys, width]: what K and V of cross-attention read
  at::Tensor residual;          // [examples, queries, width]: what the site's output is added to
  at::Tensor query;             // [examples, heads, queries, head_dim]: what Q gives, times the softmax scale
  at::Tensor key, value;        // [examples, heads, keys, head_dim]: what K and V give; all three with their biases
  at::Tensor attention;         // [examples, heads, queries, keys]: after softmax
  at::Tensor context;           // [examples, queries, heads, head_dim]: what O reads
  at::Tensor output;            // [examples, queries, width]: what O writes, its bias included
  at::Tensor is_query, is_key;  // bool [examples, queries], [examples, keys]: false for padding
};

// A model in evaluation mode with its task loss. Weights must be left as found. One thread.
class ESPALIER_SDK_API PrunableModel {
 public:
  virtual ~PrunableModel();

  virtual const std::vector<Site>& sites() const = 0;

  // A view of a site's weights as [heads, head_dim, features]; O is transposed to that order. What the site does not hold
  // is zero.
  virtual at::Tensor weights(std::int64_t site, Projection projection) const = 0;

  // The task loss of each example: [examples], differentiable in gates. Gates scale what each unit contributes (a head
  // its context, a QK channel its query channel, a VO channel its context channel); ones change nothing. Shape
  // [units], [examples, units] or [examples, tokens, units]: one gate for all, per example, or per example and token.
  // Gradients do not reach the weights.
  virtual at::Tensor losses(const Batch& batch, const Units& units, const at::Tensor& gates) = 0;

  // The task losses with everything kept, then with each unit alone removed: [1 + units, examples]. What the model does
  // before the unit's site is computed once for all of them. Without gradients.
  virtual at::Tensor losses_without_each(const Batch& batch, const Units& units);

  // Ones on the model's device that ask for their gradient, ready for losses().
  virtual at::Tensor open_gates(std::vector<std::int64_t> shape) const = 0;

  // Gradient of the batch's mean loss by every attention weight: for each site, by Projection, [heads, head_dim,
  // features].
  virtual std::vector<std::array<at::Tensor, 4>> gradients(const Batch& batch) = 0;

  // Squared gradients of the attention weights, summed into units: [units], float64, CPU.
  virtual at::Tensor squared_gradients(const Batch& batch, const Units& units, Squares squares) = 0;

  // Runs one batch and shows every site in turn; an activity is gone after the call that shows it.
  using Observer = std::function<void(std::int64_t site, const SiteActivity& activity)>;
  virtual void observe(const Batch& batch, const Observer& observer) = 0;
};

}  // namespace espalier
