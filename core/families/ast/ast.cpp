#include "ast.h"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>
#include <c10/core/InferenceMode.h>
#include <espalier/error.h>

#include <algorithm>
#include <cmath>

#include "ast_checkpoint.h"
#include "ast_pass.h"
#include "families/families.h"
#include "fresh_weights.h"
#include "nn/text.h"

namespace espalier::families {
namespace {

using at::Tensor;

// Activations of so many tokens stay in the cache; larger inputs are computed piece by piece.
constexpr std::int64_t piece_tokens = 1024;

std::vector<Site> sites_of(const AstWeights& weights, const std::string& prefix) {
  std::vector<Site> sites;
  for (std::size_t i = 0; i < weights.layers.size(); ++i) {
    sites.push_back(
        site_of(weights.layers[i].attention, prefix + ast_site(static_cast<std::int64_t>(i)), SiteKind::EncoderSelf));
  }
  return sites;
}

AstHead fresh_head(std::int64_t classes, std::int64_t width, double epsilon, double deviation, const Tensor& like,
                   at::Generator& generator) {
  return {{at::ones({width}, like.options()), at::zeros({width}, like.options()), epsilon},
          fresh_linear(classes, width, deviation, like, generator)};
}

}  // namespace

Ast::Ast(std::shared_ptr<const AstConfig> config, AstWeights weights, std::string prefix,
         std::vector<std::string> skipped)
    : config_(std::move(config)),
      weights_(std::move(weights)),
      prefix_(std::move(prefix)),
      skipped_(std::move(skipped)) {
  set_sites(sites_of(weights_, prefix_));
  if (weights_.head) labels_ = config_->labels;
}

Ast::~Ast() = default;

const std::string& Ast::family() const {
  static const std::string name = "ast";
  return name;
}

std::unique_ptr<Ast> Ast::with(AstWeights weights) const {
  return std::make_unique<Ast>(config_, std::move(weights), prefix_, skipped_);
}

std::vector<AttentionSite> Ast::attention() const {
  std::vector<AttentionSite> sites;
  for (const auto& layer : weights_.layers) sites.push_back(layer.attention);
  return sites;
}

std::unique_ptr<Network> Ast::with_attention(std::vector<AttentionSite> attention) const {
  auto weights = weights_;
  for (std::size_t i = 0; i < weights.layers.size(); ++i) weights.layers[i].attention = std::move(attention.at(i));
  return with(std::move(weights));
}

std::unique_ptr<Network> Ast::changed(const Change& change) const {
  auto weights = weights_;
  for_each_ast_tensor(weights, [&](const std::string& name, Tensor& tensor, Role) { tensor = change(name, tensor); });
  return with(std::move(weights));
}

void Ast::visit(const Visit& visit) const { for_each_ast_tensor(weights_, visit); }

std::string Ast::full_name(const std::string& name) const {
  return (name.starts_with("classifier.") ? "" : prefix_) + name;
}

template <typename Compute>
Tensor Ast::in_pieces(const Tensor& features, Compute&& compute) const {
  const auto examples = features.size(0);
  const auto piece = std::max<std::int64_t>(1, piece_tokens / config_->tokens());
  if (at::GradMode::is_enabled() || examples <= piece) return compute(features);
  std::vector<Tensor> parts;
  for (std::int64_t begin = 0; begin < examples; begin += piece)
    parts.push_back(compute(features.narrow(0, begin, std::min(piece, examples - begin))));
  return at::cat(parts);
}

std::map<std::string, Tensor> Ast::outputs(const std::map<std::string, Tensor>& inputs) const {
  const at::NoGradGuard no_gradients;
  const auto features = ast_features(inputs, *config_, weights_);
  if (weights_.head) {
    return {
        {"logits", in_pieces(features, [&](const Tensor& part) { return ast_classify(weights_, *config_, part); })}};
  }
  const auto hidden =
      in_pieces(features, [&](const Tensor& part) { return ast_encode(weights_, *config_, part); });  // [N, D]
  return {{"last_hidden_state", hidden.view({features.size(0), config_->tokens(), config_->hidden_size})}};
}

Tensor Ast::logits(std::span<const Batch> batches) const {
  require_head(weights_, "this");
  std::vector<Tensor> parts;
  for (const auto& batch : batches) {
    parts.push_back(in_pieces(ast_features(batch.inputs, *config_, weights_),
                              [&](const Tensor& part) { return ast_classify(weights_, *config_, part); }));
  }
  return parts.size() == 1 ? parts[0] : at::cat(parts);
}

Tensor Ast::training_logits(std::span<const Batch> batches, const Gates* gates) const {
  require_head(weights_, "training");
  const auto table = gate_table(gates, attention(), sample_tensor());
  std::vector<Tensor> parts;
  for (const auto& batch : batches) {
    parts.push_back(ast_classify(weights_, *config_, ast_features(batch.inputs, *config_, weights_),
                                 {.gates = table ? &*table : nullptr, .dropout = Dropout::On}));
  }
  return parts.size() == 1 ? parts[0] : at::cat(parts);
}

Tensor Ast::losses_of(const Batch& batch, const Pass& pass) const {
  require_head(weights_, "a task loss");
  const auto features = ast_features(batch.inputs, *config_, weights_);
  return classification_losses(ast_classify(weights_, *config_, features, pass), batch, pass);
}

void Ast::run_sites(const Batch& batch, const Pass& pass) const {
  ast_encode(weights_, *config_, ast_features(batch.inputs, *config_, weights_), pass);
}

std::unique_ptr<Model> Ast::with_head(const std::vector<std::string>& labels, std::uint64_t seed) const {
  const c10::InferenceMode ordinary(false);
  const at::NoGradGuard no_gradients;
  check_labels(labels);
  auto weights = weights_;
  const auto rows = weights.head ? rows_by_name(labels_, labels) : std::vector<std::int64_t>();
  if (!rows.empty()) {
    const auto index = at::tensor(rows, weights.positions.options().dtype(at::kLong));
    auto& dense = weights.head->dense;
    dense = {dense.weight.index_select(0, index), dense.bias.index_select(0, index)};
  } else {
    auto generator = at::make_generator<at::CPUGeneratorImpl>(seed);
    weights.head = fresh_head(static_cast<std::int64_t>(labels.size()), config_->hidden_size,
                              config_->layer_norm_epsilon, config_->initializer_range, weights.positions, generator);
  }
  auto config = std::make_shared<AstConfig>(*config_);
  config->labels = labels;
  config->source.erase("problem_type");  // that of the head which was there before
  // A checkpoint with a head names its encoder; so do the sites, before saving as after.
  return std::make_unique<Ast>(std::move(config), std::move(weights), "audio_spectrogram_transformer.", skipped_);
}

std::int64_t Ast::multiply_adds(std::int64_t) const {
  const auto tokens = config_->tokens();
  std::int64_t count = (tokens - 2) * weights_.patches.weight.numel();
  for (std::size_t i = 0; i < weights_.layers.size(); ++i) {
    const auto& layer = weights_.layers[i];
    // A classifier reads two tokens alone.
    const auto asking = weights_.head && i + 1 == weights_.layers.size() ? 2 : tokens;
    count += layer.attention.multiply_adds(asking, tokens) +
             asking * (layer.intermediate.weight.numel() + layer.output.weight.numel());
  }
  if (weights_.head) count += weights_.head->dense.weight.numel();
  return count;
}

Operations Ast::operations(std::int64_t) const {
  AstShape shape;
  shape.encoder = {config_->tokens(), config_->hidden_size, config_->intermediate_size, config_->layers};
  shape.patch_pixels = config_->patch_size * config_->patch_size;
  shape.classes = weights_.head ? weights_.head->dense.weight.size(0) : 0;
  return ast_flops(shape, totals_of(attention()));
}

std::vector<Operations> Ast::site_operations(std::int64_t) const {
  return operations_of_sites(attention(), config_->tokens(), config_->tokens());
}

void Ast::save(const std::filesystem::path& folder) const {
  const at::NoGradGuard no_gradients;
  write_ast(folder, *config_, weights_, prefix_);
}

std::unique_ptr<Model> read_ast(const std::filesystem::path& folder, nlohmann::ordered_json json) {
  const c10::InferenceMode ordinary(false);
  auto config = std::make_shared<AstConfig>(ast_config(folder / "config.json", std::move(json)));
  auto checkpoint = ast_checkpoint(folder / "model.safetensors", *config);
  auto model = std::make_unique<Ast>(std::move(config), std::move(checkpoint.weights), std::move(checkpoint.prefix),
                                     std::move(checkpoint.skipped));
  model->check_counts(folder / "model.safetensors", checkpoint.elements);
  return model;
}

std::unique_ptr<Model> model_from_scratch(const std::filesystem::path& folder, const std::vector<std::string>& labels,
                                          const FreshWeights& fresh, std::uint64_t seed) {
  const c10::InferenceMode ordinary(false);
  const at::NoGradGuard no_gradients;
  auto json = read_config(folder / "config.json");
  if (model_type(json) != "audio-spectrogram-transformer") {
    throw InputError((folder / "config.json").string() + ": model_type is " + in_quotes(model_type(json)) +
                     "; weights are made anew for 'audio-spectrogram-transformer' only");
  }
  check_labels(labels);
  auto config = std::make_shared<AstConfig>(ast_config(folder / "config.json", std::move(json)));
  config->labels = labels;
  config->source.erase("problem_type");
  config->widths.clear();
  auto generator = at::make_generator<at::CPUGeneratorImpl>(seed);
  const auto width = config->hidden_size, patch = config->patch_size;
  const auto like = at::empty({0}, at::kFloat);
  const auto linear = [&](std::int64_t out, std::int64_t in) {
    return fresh_linear(out, in, fresh.initializer_range, like, generator);
  };
  const auto norm = [&] {
    return LayerNorm{at::ones({width}, at::kFloat), at::zeros({width}, at::kFloat), config->layer_norm_epsilon};
  };
  const auto drawn = [&](std::vector<std::int64_t> shape, double deviation) {
    return at::zeros(shape, at::kFloat).normal_(0, deviation, generator);
  };
  AstWeights weights;
  weights.class_token = drawn({1, 1, width}, fresh.token_deviation);
  weights.distillation_token = drawn({1, 1, width}, fresh.token_deviation);
  weights.positions = drawn({1, config->tokens(), width}, fresh.token_deviation);
  const double patch_deviation =
      fresh.patch_deviation > 0 ? fresh.patch_deviation : 1 / static_cast<double>(patch);  // root of patch * patch
  weights.patches = {drawn({width, 1, patch, patch}, patch_deviation), at::zeros({width}, at::kFloat)};
  for (std::int64_t i = 0; i < config->layers; ++i) {
    AstLayer layer;
    layer.before = norm();
    layer.attention =
        dense_site(config->heads, config->head_dim(), 1 / std::sqrt(static_cast<double>(config->head_dim())));
    layer.attention.has_bias = {config->qkv_bias, config->qkv_bias, config->qkv_bias, true};
    layer.attention.qkv = linear(3 * width, width);
    if (!config->qkv_bias) layer.attention.qkv.bias = Tensor();
    layer.attention.output = linear(width, width);
    layer.after = norm();
    layer.intermediate = linear(config->intermediate_size, width);
    layer.output = linear(width, config->intermediate_size);
    weights.layers.push_back(std::move(layer));
  }
  weights.norm = norm();
  weights.head = fresh_head(static_cast<std::int64_t>(labels.size()), width, config->layer_norm_epsilon,
                            fresh.initializer_range, like, generator);
  return std::make_unique<Ast>(std::move(config), std::move(weights), "audio_spectrogram_transformer.",
                               std::vector<std::string>());
}

}  // namespace espalier::families
