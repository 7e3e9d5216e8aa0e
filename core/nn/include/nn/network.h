// What all families share: their sites are masked, compacted, gated, observed and proven in one way.
#pragma once

#include <espalier/model.h>
#include <nn/model.h>

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "nn/attention.h"
#include "nn/gate_table.h"
#include "nn/layers.h"
#include "nn/series/prefixes.h"

namespace espalier::nn {

using Inputs = std::map<std::string, at::Tensor>;

// Where a model stands in a series of masks (MaskSeries).
struct SeriesPlace {
  std::shared_ptr<Prefixes> prefixes;
  SiteVersions versions;
};

// What a site saw and said in one pass, for squared gradients of single samples.
struct Tap {
  at::Tensor hidden;            // [N, D]
  at::Tensor projected;         // [N, Q, K and V], or [N, Q] where keys come from elsewhere
  at::Tensor memory;            // [N of the keys, D] of cross-attention, else undefined
  at::Tensor memory_projected;  // [N of the keys, K and V] of cross-attention, else undefined
  at::Tensor context;           // [N, sum of H v]
  at::Tensor output;            // [N, D]
  Segment segment;              // the first one: an observed pass has a single batch
  at::Tensor residual = {};     // [N, D], what the output is added to
};

enum class Dropout { Off, On };

// What one forward pass computes besides the plain formula.
struct Pass {
  const GateTable* gates = nullptr;
  Dropout dropout = Dropout::Off;
  std::vector<Tap>* taps = nullptr;
  const Loss* loss = nullptr;  // of losses_of; null: the task's
  Restart* restart = nullptr;  // what other models have computed of these inputs; null: nothing

  // Whether every token has to be computed in all layers, also where the model reads the first alone.
  bool wants_every_token() const { return taps != nullptr || (gates != nullptr && gates->by_token()); }
  // Says what the output of the site just passed is added to.
  void note_residual(const at::Tensor& hidden) const {
    if (taps != nullptr) taps->back().residual = hidden;
  }
};

// Dropout of a pass that trains; else the tensor itself.
at::Tensor drop(const at::Tensor& tensor, double probability, Dropout dropout);

// A site of a pass: self-attention, or cross-attention where queries come from `hidden` and keys from `memory`.
// [N of the queries, D]. `site` is its number in the model's list.
at::Tensor attend_to_itself(const AttentionSite& attention, const at::Tensor& hidden, const Layout& layout,
                            const Pass& pass, std::int64_t site, double dropout_probability);
at::Tensor attend_to_memory(const AttentionSite& attention, const at::Tensor& hidden, const at::Tensor& memory,
                            const Layout& layout, const Pass& pass, std::int64_t site, double dropout_probability);
// Self-attention where only some tokens ask, at the end of a model that reads no others: hidden [N, D] gives keys,
// asking [examples * count, D] queries. Not observed, and not gated token by token. [examples * count, D]
at::Tensor attend_from(const AttentionSite& attention, const at::Tensor& hidden, const at::Tensor& asking,
                       const Layout& layout, std::int64_t count, const Pass& pass, std::int64_t site,
                       double dropout_probability);

// The gates of a training pass over these sites; nullopt where there are none.
std::optional<GateTable> gate_table(const Gates* gates, const std::vector<AttentionSite>& sites,
                                    const at::Tensor& sample);

// The loss of each example of a batch under a pass, [examples], from logits [examples, classes].
at::Tensor classification_losses(const at::Tensor& logits, const Batch& batch, const Pass& pass);
// What the pass's teacher says of a batch, undefined where it has none; without gradients.
at::Tensor teacher_logits(const Batch& batch, const Pass& pass);

class Network : public Model {
 public:
  using Change = std::function<at::Tensor(const std::string& name, const at::Tensor& tensor)>;
  // What a tensor is to training and counting.
  enum class Role {
    Weight,      // decays
    Plain,       // biases and norms: does not decay
    SiteWeight,  // of an attention site, where padding is not counted; decays
    SiteBias,
  };
  using Visit = std::function<void(const std::string& name, const at::Tensor& tensor, Role role)>;

  const std::vector<Site>& sites() const override { return sites_; }
  at::Device device() const override { return sample_tensor().device(); }
  std::unique_ptr<Model> masked(const Mask& mask) const override;
  std::unique_ptr<Model> compacted(const Mask& mask, SoftmaxScale scale) const override;
  std::unique_ptr<Model> trainable_copy() const override;
  std::vector<Parameter> parameters() const override;
  void each_tensor(const SeeTensor& see) const override;
  std::int64_t parameter_count() const override;
  at::Tensor losses(const Batch& batch) const override;
  std::vector<SiteInput> site_inputs(const Batch& batch) const override;
  at::Tensor site_output(std::int64_t site, const SiteInput& input) const override;
  std::unique_ptr<PrunableModel> prunable(Loss loss) const override;
  std::unique_ptr<Model> with_parameters(const std::vector<at::Tensor>& tensors) const override;
  std::unique_ptr<Model> with_scaled_outputs(std::int64_t site, const at::Tensor& factors) const override;
  std::unique_ptr<Model> converted(at::ScalarType type, at::Device device) const;
  // Null: in no series. What is made of a model stands in none either: its weights may be others.
  const SeriesPlace* place() const { return place_.get(); }
  void set_place(std::shared_ptr<const SeriesPlace> place) { place_ = std::move(place); }
  std::int64_t take_skipped() const override;
  // Throws InputError where a mask is of another model: its sites, heads or widths differ.
  void require_fit(const Mask& mask) const;
  // The weights of linear layers alone as `type`: what autocast would make of them at each call.
  std::unique_ptr<Model> with_linear_weights(at::ScalarType type) const;
  // Throws InputError where what is counted, of the sites and of the rest, is not what the file holds: `elements` are
  // the numbers in its tensors that the model uses.
  void check_counts(const std::filesystem::path& file, std::int64_t elements) const;

  // The sites of this model, in the order of sites(); copies share tensors.
  virtual std::vector<AttentionSite> attention() const = 0;
  virtual std::unique_ptr<Network> with_attention(std::vector<AttentionSite> attention) const = 0;
  // A copy with every tensor replaced by change(name, tensor); Q, K and V of a site are one tensor, "...qkv".
  virtual std::unique_ptr<Network> changed(const Change& change) const = 0;
  // The task loss of each example under a pass: [examples].
  virtual at::Tensor losses_of(const Batch& batch, const Pass& pass) const = 0;
  // Runs all sites once, for what a pass observes; needs no head and no labels.
  virtual void run_sites(const Batch& batch, const Pass& pass) const = 0;
  // Like any tensor of the model: where new ones belong and what they are made of.
  virtual const at::Tensor& sample_tensor() const = 0;
  // Tensors of the checkpoint that the model does not use.
  virtual const std::vector<std::string>& skipped() const = 0;

 protected:
  // Derived classes name their sites once they know their weights.
  void set_sites(std::vector<Site> sites) { sites_ = std::move(sites); }
  // Every tensor, in a fixed order, those of sites included.
  virtual void visit(const Visit& visit) const = 0;
  // Whether the model's outputs depend on a tensor.
  virtual bool used(const std::string& name) const { return !name.empty(); }
  // Whether training may change a tensor that is used; others are counted and no parameter().
  virtual bool trains(const std::string& name) const { return !name.empty(); }
  // The name of a parameter as the checkpoint has it.
  virtual std::string full_name(const std::string& name) const { return name; }

  void note_skipped(std::int64_t multiply_adds) const { skipped_multiply_adds_ += multiply_adds; }

 private:
  bool is_parameter(const std::string& name, const at::Tensor& tensor) const;
  // The tensors of parameters(), in their order.
  void visit_parameters(const Visit& visit) const;

  std::vector<Site> sites_;
  std::shared_ptr<const SeriesPlace> place_;
  mutable std::int64_t skipped_multiply_adds_ = 0;
};

// The same model in another number format or on another device. Weights as `type`: float64 tells rounding from mistakes.
// Attention masks follow the weights.
std::unique_ptr<Model> converted(const Model& model, at::ScalarType type, at::Device device = at::kCPU);

// The site that this attention is, under a name.
Site site_of(const AttentionSite& attention, std::string name, SiteKind kind);

// What sites hold, padding left out, as the closed form of operations counts them.
AttentionTotals totals_of(std::span<const AttentionSite> sites);

// Operations of each site, where `queries` and `keys` tokens meet.
std::vector<Operations> operations_of_sites(std::span<const AttentionSite> sites, std::int64_t queries,
                                            std::int64_t keys);

// The examples begin, begin + count of every input.
Inputs examples_of(const Inputs& inputs, std::int64_t begin, std::int64_t count);

}  // namespace espalier::nn
