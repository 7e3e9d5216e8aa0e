#include "ast_fresh.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/zeros.h>

#include <cmath>

#include "fresh_weights.h"

namespace espalier::families {

using at::Tensor;

AstHead ast_fresh_head(const AstConfig& config, double deviation, const Tensor& like, at::Generator& generator) {
  const auto width = config.hidden_size;
  return {{at::ones({width}, like.options()), at::zeros({width}, like.options()), config.layer_norm_epsilon},
          fresh_linear(config.classes(), width, deviation, like, generator)};
}

AstWeights ast_fresh_weights(const AstConfig& config, const FreshWeights& fresh, at::Generator& generator) {
  const auto width = config.hidden_size, patch = config.patch_size;
  const auto like = at::empty({0}, at::kFloat);
  const auto linear = [&](std::int64_t out, std::int64_t in) {
    return fresh_linear(out, in, fresh.initializer_range, like, generator);
  };
  const auto norm = [&] {
    return LayerNorm{at::ones({width}, at::kFloat), at::zeros({width}, at::kFloat), config.layer_norm_epsilon};
  };
  const auto drawn = [&](std::vector<std::int64_t> shape, double deviation) {
    return at::zeros(shape, at::kFloat).normal_(0, deviation, generator);
  };
  AstWeights weights;
  weights.class_token = drawn({1, 1, width}, fresh.token_deviation);
  weights.distillation_token = drawn({1, 1, width}, fresh.token_deviation);
  weights.positions = drawn({1, config.tokens(), width}, fresh.token_deviation);
  const double patch_deviation =
      fresh.patch_deviation > 0 ? fresh.patch_deviation : 1 / static_cast<double>(patch);  // root of patch * patch
  weights.patches = {drawn({width, 1, patch, patch}, patch_deviation), at::zeros({width}, at::kFloat)};
  for (std::int64_t i = 0; i < config.layers; ++i) {
    AstLayer layer;
    layer.before = norm();
    layer.attention =
        dense_site(config.heads, config.head_dim(), 1 / std::sqrt(static_cast<double>(config.head_dim())));
    layer.attention.has_bias = {config.qkv_bias, config.qkv_bias, config.qkv_bias, true};
    layer.attention.qkv = linear(3 * width, width);
    if (!config.qkv_bias) layer.attention.qkv.bias = Tensor();
    layer.attention.output = linear(width, width);
    layer.after = norm();
    layer.intermediate = linear(config.intermediate_size, width);
    layer.output = linear(width, config.intermediate_size);
    weights.layers.push_back(std::move(layer));
  }
  weights.norm = norm();
  weights.head = ast_fresh_head(config, fresh.initializer_range, like, generator);
  return weights;
}

}  // namespace espalier::families
