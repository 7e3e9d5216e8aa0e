#include "bert.h"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>
#include <c10/core/InferenceMode.h>
#include <espalier/error.h>

#include <algorithm>

#include "bert_checkpoint.h"
#include "bert_pass.h"
#include "checkpoint_writing.h"
#include "compaction.h"
#include "prunable_classifier.h"
#include "text.h"

namespace espalier::nn {
namespace {

using at::Tensor;

// Activations of so many tokens stay in the cache; larger inputs are computed piece by piece.
constexpr std::int64_t chunk_tokens = 1024;

std::vector<Site> sites_of(const BertWeights& weights, const std::string& prefix) {
  std::vector<Site> sites;
  for (std::size_t i = 0; i < weights.layers.size(); ++i) {
    const auto& attention = weights.layers[i].attention;
    sites.push_back({.name = prefix + "encoder.layer." + std::to_string(i) + ".attention.self",
                     .kind = SiteKind::EncoderSelf,
                     .heads = attention.heads,
                     .head_dim = attention.head_dim,
                     .model_width = attention.model_width()});
  }
  return sites;
}

// The examples begin, begin + count of every input.
Inputs examples_of(const Inputs& inputs, std::int64_t begin, std::int64_t count) {
  Inputs part;
  for (const auto& [name, tensor] : inputs) part[name] = tensor.narrow(0, begin, count);
  return part;
}

// Pieces of about chunk_tokens tokens, in order. Inputs that do not fit together are left for pack() to refuse.
std::vector<std::vector<Inputs>> chunked(const std::vector<const Inputs*>& batches) {
  std::vector<std::vector<Inputs>> chunks(1);
  std::int64_t tokens = 0;
  for (const auto* inputs : batches) {
    const auto ids = inputs->find("input_ids");
    const bool regular = ids != inputs->end() && ids->second.defined() && ids->second.dim() == 2 &&
                         ids->second.numel() > 0 && std::all_of(inputs->begin(), inputs->end(), [&](const auto& entry) {
                           return entry.second.defined() && entry.second.sizes() == ids->second.sizes();
                         });
    const auto examples = regular ? ids->second.size(0) : 1, length = regular ? ids->second.size(1) : 0;
    std::int64_t done = 0;
    while (done < examples) {
      const auto room = length == 0 ? examples : (chunk_tokens - tokens) / length;
      if (room <= 0 && tokens > 0) {
        chunks.emplace_back();
        tokens = 0;
        continue;
      }
      const auto count = std::min(std::max<std::int64_t>(room, 1), examples - done);
      chunks.back().push_back(regular ? examples_of(*inputs, done, count) : *inputs);
      tokens += count * length;
      done += count;
    }
  }
  return chunks;
}

std::vector<const Inputs*> pointers(const std::vector<Inputs>& inputs) {
  std::vector<const Inputs*> all;
  for (const auto& one : inputs) all.push_back(&one);
  return all;
}

std::vector<const Inputs*> inputs_of(std::span<const Batch> batches) {
  std::vector<const Inputs*> all;
  for (const auto& batch : batches) all.push_back(&batch.inputs);
  return all;
}

template <typename Compute>
Tensor in_chunks(const std::vector<const Inputs*>& batches, Compute&& compute) {
  std::vector<Tensor> parts;
  for (const auto& chunk : chunked(batches)) parts.push_back(compute(pointers(chunk)));
  return parts.size() == 1 ? parts[0] : at::cat(parts);
}

// Every tensor replaced by change(name, tensor).
template <typename Change>
BertWeights changed(BertWeights weights, Change&& change) {
  for_each_tensor(weights, [&](const std::string& name, Tensor& tensor, Decay) { tensor = change(name, tensor); });
  return weights;
}

Linear fresh_linear(std::int64_t out, std::int64_t in, double deviation, const Tensor& like, at::Generator& generator) {
  auto weight = at::zeros({out, in}, at::kFloat).normal_(0, deviation, generator);
  return {weight.to(like.options()), at::zeros({out}, like.options())};
}

}  // namespace

Bert::Bert(std::shared_ptr<const BertConfig> config, BertWeights weights, std::string prefix,
           std::vector<std::string> skipped)
    : config_(std::move(config)),
      weights_(std::move(weights)),
      prefix_(std::move(prefix)),
      sites_(sites_of(weights_, prefix_)),
      skipped_(std::move(skipped)) {
  if (weights_.classifier) labels_ = config_->labels;
}

Bert::~Bert() = default;

const std::string& Bert::family() const {
  static const std::string name = "bert";
  return name;
}

std::unique_ptr<Bert> Bert::with(BertWeights weights) const {
  return std::make_unique<Bert>(config_, std::move(weights), prefix_, skipped_);
}

void Bert::check_mask(const Mask& mask) const {
  bool fits = mask.size() == static_cast<std::int64_t>(sites_.size());
  for (std::size_t i = 0; fits && i < sites_.size(); ++i) {
    for (const auto projection : all_projections) {
      const auto& kept = mask.site(static_cast<std::int64_t>(i)).of(projection);
      fits = fits && kept.defined() && kept.scalar_type() == at::kBool && kept.is_cpu() &&
             kept.sizes() == at::IntArrayRef({sites_[i].heads, sites_[i].head_dim});
    }
  }
  if (!fits) throw InputError("the mask belongs to another model: its sites, heads or widths differ");
}

std::map<std::string, Tensor> Bert::outputs(const std::map<std::string, Tensor>& inputs) const {
  const at::NoGradGuard no_gradients;
  const auto found = inputs.find("input_ids");
  const auto ids = found == inputs.end() ? Tensor() : found->second;
  if (weights_.classifier) {
    return {{"logits", in_chunks({&inputs}, [&](const auto& chunk) {
               return classify(weights_, *config_, pack(chunk, *config_, weights_));
             })}};
  }
  auto hidden = in_chunks({&inputs}, [&](const auto& chunk) {
    const auto packed = pack(chunk, *config_, weights_);
    return packed.examples == 0 ? weights_.words.new_empty({0, config_->hidden_size})
                                : encode(weights_, *config_, packed);
  });
  return {{"last_hidden_state", hidden.view({ids.size(0), ids.size(1), config_->hidden_size})}};  // [B, T, D]
}

Tensor Bert::logits(std::span<const Batch> batches, const std::optional<Gates>& gates) const {
  require_head(weights_, "this");
  if (gates) {
    const auto packed = pack(inputs_of(batches), *config_, weights_);
    std::vector<const AttentionSite*> attention;
    for (const auto& layer : weights_.layers) attention.push_back(&layer.attention);
    const GateTable table(*gates, attention, packed.examples, weights_.words.scalar_type());
    return classify(weights_, *config_, packed, {.gates = &table});
  }
  if (at::GradMode::is_enabled()) return classify(weights_, *config_, pack(inputs_of(batches), *config_, weights_));
  return in_chunks(inputs_of(batches),
                   [&](const auto& chunk) { return classify(weights_, *config_, pack(chunk, *config_, weights_)); });
}

Tensor Bert::training_logits(std::span<const Batch> batches) const {
  require_head(weights_, "training");
  return classify(weights_, *config_, pack(inputs_of(batches), *config_, weights_), {.dropout = Dropout::On});
}

std::unique_ptr<Model> Bert::masked(const Mask& mask) const {
  const c10::InferenceMode ordinary(false);
  const at::NoGradGuard no_gradients;
  check_mask(mask);
  auto weights = weights_;
  for (std::size_t i = 0; i < weights.layers.size(); ++i) {
    auto& attention = weights.layers[i].attention;
    attention = masked_site(attention, mask.site(static_cast<std::int64_t>(i)));
  }
  return with(std::move(weights));
}

std::unique_ptr<Model> Bert::compacted(const Mask& mask, SoftmaxScale scale) const {
  const c10::InferenceMode ordinary(false);
  const at::NoGradGuard no_gradients;
  check_mask(mask);
  const auto closed = mask.closure();
  auto weights = weights_;
  for (std::size_t i = 0; i < weights.layers.size(); ++i) {
    auto& attention = weights.layers[i].attention;
    attention = compacted_site(attention, closed.site(static_cast<std::int64_t>(i)), scale);
  }
  return with(std::move(weights));
}

std::unique_ptr<Model> Bert::trainable_copy() const {
  const c10::InferenceMode ordinary(false);
  return with(changed(weights_, [&](const std::string& name, const Tensor& tensor) {
    const bool used = weights_.classifier || !name.starts_with("pooler.");
    return tensor.detach().clone().requires_grad_(used);
  }));
}

std::unique_ptr<Model> Bert::converted(at::ScalarType type, at::Device device) const {
  const c10::InferenceMode ordinary(false);
  return with(
      changed(weights_, [&](const std::string&, const Tensor& tensor) { return tensor.detach().to(device, type); }));
}

std::unique_ptr<Model> Bert::with_head(const std::vector<std::string>& labels, std::uint64_t seed) const {
  const c10::InferenceMode ordinary(false);
  const at::NoGradGuard no_gradients;
  if (labels.empty()) throw InputError("a classification head needs at least one label");
  auto sorted = labels, own = labels_;
  std::sort(sorted.begin(), sorted.end());
  std::sort(own.begin(), own.end());
  if (std::adjacent_find(sorted.begin(), sorted.end()) != sorted.end())
    throw InputError("a classification head needs labels that differ");

  auto weights = weights_;
  const auto width = config_->hidden_size;
  auto generator = at::make_generator<at::CPUGeneratorImpl>(seed);
  if (!weights.pooler)
    weights.pooler = fresh_linear(width, width, config_->initializer_range, weights.words, generator);
  if (weights.classifier && sorted == own) {
    std::vector<std::int64_t> rows;
    for (const auto& label : labels) rows.push_back(std::find(labels_.begin(), labels_.end(), label) - labels_.begin());
    const auto index = at::tensor(rows, weights.words.options().dtype(at::kLong));
    weights.classifier =
        Linear{weights.classifier->weight.index_select(0, index), weights.classifier->bias.index_select(0, index)};
  } else {
    weights.classifier = fresh_linear(static_cast<std::int64_t>(labels.size()), width, config_->initializer_range,
                                      weights.words, generator);
  }
  auto config = std::make_shared<BertConfig>(*config_);
  config->labels = labels;
  // A checkpoint with a head names its encoder "bert."; so do the sites, before saving as after.
  return std::make_unique<Bert>(std::move(config), std::move(weights), "bert.", skipped_);
}

std::vector<Parameter> Bert::parameters() const {
  std::vector<Parameter> parameters;
  for_each_tensor(weights_, [&](const std::string& name, const Tensor& tensor, Decay decay) {
    const bool used = weights_.classifier || !name.starts_with("pooler.");
    if (!used || tensor.numel() == 0) return;
    parameters.push_back({(name.starts_with("classifier.") ? "" : prefix_) + name, tensor, decay == Decay::Yes});
  });
  return parameters;
}

std::int64_t Bert::parameter_count() const {
  std::int64_t count = 0;
  for_each_tensor(weights_, [&](const std::string& name, const Tensor& tensor, Decay) {
    const bool of_site = name.find(".attention.self.") != std::string::npos ||
                         name.find(".attention.output.dense.") != std::string::npos;
    const bool used = weights_.classifier || !name.starts_with("pooler.");
    if (used && !of_site) count += tensor.numel();
  });
  // Padding is not a parameter.
  for (const auto& layer : weights_.layers) count += layer.attention.parameter_count();
  return count;
}

std::int64_t Bert::multiply_adds(std::int64_t tokens) const {
  std::int64_t count = 0;
  for (const auto& layer : weights_.layers) {
    count += layer.attention.multiply_adds(tokens) +
             tokens * (layer.intermediate.weight.numel() + layer.output.weight.numel());
  }
  if (weights_.classifier) count += weights_.pooler->weight.numel() + weights_.classifier->weight.numel();
  return count;
}

std::vector<SiteInput> Bert::site_inputs(const Batch& batch) const {
  const at::NoGradGuard no_gradients;
  const auto packed = pack({&batch.inputs}, *config_, weights_);
  std::vector<SiteInput> inputs;
  if (packed.examples == 0) return inputs;
  std::vector<Tap> taps;
  encode(weights_, *config_, packed, {.taps = &taps});
  const auto& segment = packed.segments[0];
  for (const auto& tap : taps) {
    inputs.push_back(
        {tap.hidden.view({segment.examples, segment.tokens, config_->hidden_size}), segment.attention});  // [B, T, D]
  }
  return inputs;
}

Tensor Bert::site_output(std::int64_t site, const SiteInput& input) const {
  const at::NoGradGuard no_gradients;
  if (site < 0 || site >= static_cast<std::int64_t>(sites_.size()))
    throw InputError("there is no site number " + std::to_string(site));
  const auto& hidden = input.hidden;
  if (!hidden.defined() || hidden.dim() != 3 || hidden.size(2) != config_->hidden_size)
    throw InputError("the input of a site has shape [examples, tokens, width]");
  const auto& attention = weights_.layers[static_cast<std::size_t>(site)].attention;
  const Segment segment{.examples = hidden.size(0), .tokens = hidden.size(1), .attention = input.attention};
  const auto projected = attention.project(hidden.reshape({-1, config_->hidden_size}));  // [B*T, Q, K and V]
  return attention.write(attention.attend(projected, {segment}, {.site = site})).view(hidden.sizes());  // [B, T, D]
}

std::unique_ptr<PrunableModel> Bert::prunable() const {
  const c10::InferenceMode ordinary(false);
  auto weights = changed(weights_, [](const std::string&, const Tensor& tensor) { return tensor.detach(); });
  for (auto& layer : weights.layers) layer.attention = expanded_site(layer.attention);
  return std::make_unique<PrunableClassifier>(config_, std::move(weights), sites_);
}

void Bert::save(const std::filesystem::path& folder) const {
  const at::NoGradGuard no_gradients;
  write_bert(folder, *config_, weights_, prefix_);
}

std::unique_ptr<Model> read_bert(const std::filesystem::path& folder, nlohmann::ordered_json json) {
  const c10::InferenceMode ordinary(false);
  auto config = std::make_shared<BertConfig>(bert_config(folder / "config.json", std::move(json)));
  auto checkpoint = bert_checkpoint(folder / "model.safetensors", *config);
  return std::make_unique<Bert>(std::move(config), std::move(checkpoint.weights), std::move(checkpoint.prefix),
                                std::move(checkpoint.skipped));
}

}  // namespace espalier::nn
