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
#include "bert_saving.h"
#include "fresh_weights.h"
#include "nn/text.h"

namespace espalier::families {
namespace {

using at::Tensor;

// Activations of so many tokens stay in the cache; larger inputs are computed piece by piece.
constexpr std::int64_t chunk_tokens = 1024;

std::vector<Site> sites_of(const BertWeights& weights, const std::string& prefix) {
  std::vector<Site> sites;
  for (std::size_t i = 0; i < weights.layers.size(); ++i) {
    const auto& attention = weights.layers[i].attention;
    sites.push_back(
        site_of(attention, prefix + "encoder.layer." + std::to_string(i) + ".attention.self", SiteKind::EncoderSelf));
  }
  return sites;
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

}  // namespace

Bert::Bert(std::shared_ptr<const BertConfig> config, BertWeights weights, std::string prefix,
           std::vector<std::string> skipped)
    : config_(std::move(config)),
      weights_(std::move(weights)),
      prefix_(std::move(prefix)),
      skipped_(std::move(skipped)) {
  set_sites(sites_of(weights_, prefix_));
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

std::vector<AttentionSite> Bert::attention() const {
  std::vector<AttentionSite> sites;
  for (const auto& layer : weights_.layers) sites.push_back(layer.attention);
  return sites;
}

std::unique_ptr<Network> Bert::with_attention(std::vector<AttentionSite> attention) const {
  auto weights = weights_;
  for (std::size_t i = 0; i < weights.layers.size(); ++i) weights.layers[i].attention = std::move(attention.at(i));
  return with(std::move(weights));
}

std::unique_ptr<Network> Bert::changed(const Change& change) const {
  auto weights = weights_;
  for_each_tensor(weights, [&](const std::string& name, Tensor& tensor, Role) { tensor = change(name, tensor); });
  return with(std::move(weights));
}

void Bert::visit(const Visit& visit) const { for_each_tensor(weights_, visit); }

bool Bert::used(const std::string& name) const { return weights_.classifier || !name.starts_with("pooler."); }

std::string Bert::full_name(const std::string& name) const {
  return (name.starts_with("classifier.") ? "" : prefix_) + name;
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

Tensor Bert::logits(std::span<const Batch> batches) const {
  require_head(weights_, "this");
  if (at::GradMode::is_enabled()) return classify(weights_, *config_, pack(inputs_of(batches), *config_, weights_));
  return in_chunks(inputs_of(batches),
                   [&](const auto& chunk) { return classify(weights_, *config_, pack(chunk, *config_, weights_)); });
}

Tensor Bert::training_logits(std::span<const Batch> batches, const Gates* gates) const {
  require_head(weights_, "training");
  const auto table = gate_table(gates, attention(), sample_tensor());
  return classify(weights_, *config_, pack(inputs_of(batches), *config_, weights_),
                  {.gates = table ? &*table : nullptr, .dropout = Dropout::On});
}

Tensor Bert::losses_of(const Batch& batch, const Pass& pass) const {
  require_head(weights_, "a task loss");
  return classification_losses(classify(weights_, *config_, pack({&batch.inputs}, *config_, weights_), pass), batch,
                               pass);
}

void Bert::run_sites(const Batch& batch, const Pass& pass) const {
  const auto packed = pack({&batch.inputs}, *config_, weights_);
  if (packed.examples > 0) encode(weights_, *config_, packed, pass);
}

std::unique_ptr<Model> Bert::with_head(const std::vector<std::string>& labels, std::uint64_t seed) const {
  const c10::InferenceMode ordinary(false);
  const at::NoGradGuard no_gradients;
  check_labels(labels);
  auto weights = weights_;
  const auto width = config_->hidden_size;
  auto generator = at::make_generator<at::CPUGeneratorImpl>(seed);
  if (!weights.pooler)
    weights.pooler = fresh_linear(width, width, config_->initializer_range, weights.words, generator);
  const auto rows = weights.classifier ? rows_by_name(labels_, labels) : std::vector<std::int64_t>();
  if (!rows.empty()) {
    const auto index = at::tensor(rows, weights.words.options().dtype(at::kLong));
    weights.classifier =
        Linear{weights.classifier->weight.index_select(0, index), weights.classifier->bias.index_select(0, index)};
  } else {
    weights.classifier = fresh_linear(static_cast<std::int64_t>(labels.size()), width, config_->initializer_range,
                                      weights.words, generator);
  }
  auto config = std::make_shared<BertConfig>(*config_);
  config->labels = labels;
  config->source.erase("problem_type");  // that of the head which was there before
  // A checkpoint with a head names its encoder "bert."; so do the sites, before saving as after.
  return std::make_unique<Bert>(std::move(config), std::move(weights), "bert.", skipped_);
}

std::int64_t Bert::multiply_adds(std::int64_t tokens) const {
  std::int64_t count = 0;
  for (std::size_t i = 0; i < weights_.layers.size(); ++i) {
    const auto& layer = weights_.layers[i];
    // A classifier reads the first token alone.
    const auto asking = weights_.classifier && i + 1 == weights_.layers.size() ? 1 : tokens;
    count += layer.attention.multiply_adds(asking, tokens) +
             asking * (layer.intermediate.weight.numel() + layer.output.weight.numel());
  }
  if (weights_.classifier) count += weights_.pooler->weight.numel() + weights_.classifier->weight.numel();
  return count;
}

Operations Bert::operations(std::int64_t tokens) const {
  BertShape shape;
  shape.encoder = {tokens, config_->hidden_size, config_->intermediate_size, config_->layers};
  shape.classes = weights_.classifier ? weights_.classifier->weight.size(0) : 0;
  return bert_flops(shape, totals_of(attention()));
}

std::vector<Operations> Bert::site_operations(std::int64_t tokens) const {
  return operations_of_sites(attention(), tokens, tokens);
}

void Bert::save(const std::filesystem::path& folder) const {
  const at::NoGradGuard no_gradients;
  write_bert(folder, *config_, weights_, prefix_);
}

std::unique_ptr<Model> read_bert(const std::filesystem::path& folder, nlohmann::ordered_json json) {
  const c10::InferenceMode ordinary(false);
  auto config = std::make_shared<BertConfig>(bert_config(folder / "config.json", std::move(json)));
  auto checkpoint = bert_checkpoint(folder / "model.safetensors", *config);
  auto model = std::make_unique<Bert>(std::move(config), std::move(checkpoint.weights), std::move(checkpoint.prefix),
                                      std::move(checkpoint.skipped));
  model->check_counts(folder / "model.safetensors", checkpoint.elements);
  return model;
}

}  // namespace espalier::families
