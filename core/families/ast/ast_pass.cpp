#include "ast_pass.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/im2col.h>
#include <espalier/error.h>
#include <words/names.h>

#include "nn/text.h"

namespace espalier::families {
namespace {

using at::Tensor;

// Tokens that the classifier reads: class and distillation.
constexpr std::int64_t read_tokens = 2;

// The patch convolution as a matrix product over overlapping patches: [B, frames, mel bins] -> [B, patches, D].
Tensor patches(const AstWeights& weights, const AstConfig& config, const Tensor& features) {
  const auto image = features.transpose(1, 2).unsqueeze(1);  // [B, 1, mel bins, frames]
  const auto columns = at::im2col(image, {config.patch_size, config.patch_size}, {1, 1}, {0, 0},
                                  {config.frequency_stride, config.time_stride});  // [B, patch * patch, patches]
  const auto& projection = weights.patches;
  const Linear flat{projection.weight.reshape({config.hidden_size, config.patch_size * config.patch_size}),
                    projection.bias};
  return flat(columns.transpose(1, 2));  // [B, patches, D]
}

Tensor embed(const AstWeights& weights, const AstConfig& config, const Tensor& features, const Pass& pass) {
  const auto examples = features.size(0);
  const auto all = at::cat({weights.class_token.expand({examples, -1, -1}),
                            weights.distillation_token.expand({examples, -1, -1}), patches(weights, config, features)},
                           1);                           // [B, tokens, D]
  const auto placed = residual(all, weights.positions);  // [B, tokens, D]
  return drop(placed.view({examples * config.tokens(), config.hidden_size}), config.hidden_dropout,
              pass.dropout);  // [B*tokens, D]
}

Tensor feed_forward(const AstLayer& layer, const AstConfig& config, const Tensor& attended, const Pass& pass) {
  const auto inner = activate(config.activation, layer.intermediate(layer.after(attended)));  // [N, intermediate]
  return residual(drop(layer.output(inner), config.hidden_dropout, pass.dropout), attended);  // [N, D]
}

Tensor layer_output(const AstLayer& layer, const AstConfig& config, const Tensor& hidden, const Layout& layout,
                    const Pass& pass, std::int64_t site) {
  const auto output = attend_to_itself(layer.attention, layer.before(hidden), layout, pass, site,
                                       config.attention_dropout);  // [N, D]
  pass.note_residual(hidden);
  const auto attended = residual(drop(output, config.hidden_dropout, pass.dropout), hidden);  // [N, D]
  return feed_forward(layer, config, attended, pass);
}

// The last layer where only the first tokens of each example are read: the others give keys and values alone.
Tensor first_tokens_output(const AstLayer& layer, const AstConfig& config, const Tensor& hidden, const Layout& layout,
                           const Pass& pass, std::int64_t site) {
  const auto& segment = layout.segments[0];
  const auto first_of = [&](const Tensor& rows) {
    return rows.view({segment.examples, segment.keys, config.hidden_size})
        .narrow(1, 0, read_tokens)
        .reshape({segment.examples * read_tokens, config.hidden_size});  // [B*2, D]
  };
  const auto normed = layer.before(hidden);  // [N, D]
  const auto output = attend_from(layer.attention, normed, first_of(normed), layout, read_tokens, pass, site,
                                  config.attention_dropout);  // [B*2, D]
  const auto attended = residual(drop(output, config.hidden_dropout, pass.dropout), first_of(hidden));
  return feed_forward(layer, config, attended, pass);  // [B*2, D]
}

Layout layout_of(std::int64_t examples, const AstConfig& config) {
  return {{.examples = examples, .queries = config.tokens(), .keys = config.tokens()}};
}

}  // namespace

Tensor ast_features(const Inputs& inputs, const AstConfig& config, const AstWeights& weights) {
  for (const auto& [name, tensor] : inputs) {
    if (name != "input_values") throw InputError(unknown_name("input", shortened(name), {"input_values"}));
  }
  const auto found = inputs.find("input_values");
  if (found == inputs.end() || !found->second.defined()) throw InputError("input input_values is missing");
  const auto& features = found->second;
  if (features.scalar_type() != at::kFloat && features.scalar_type() != at::kDouble) {
    throw InputError(std::string("input input_values has dtype ") + c10::toString(features.scalar_type()) +
                     ", expected F32");
  }
  if (features.dim() != 3 || features.size(1) != config.frames || features.size(2) != config.mel_bins) {
    throw InputError("input input_values has shape " + shape_text(features.sizes()) + ", expected [examples, " +
                     std::to_string(config.frames) + ", " + std::to_string(config.mel_bins) +
                     "] (max_length, num_mel_bins)\n    position embeddings are not interpolated: give features of " +
                     std::to_string(config.frames) + " frames, or a checkpoint trained for that length");
  }
  return features.to(weights.positions.options());
}

Tensor ast_encode(const AstWeights& weights, const AstConfig& config, const Tensor& features, const Pass& pass) {
  auto hidden = embed(weights, config, features, pass);  // [N, D]
  const auto layout = layout_of(features.size(0), config);
  std::int64_t site = 0;
  for (const auto& layer : weights.layers) hidden = layer_output(layer, config, hidden, layout, pass, site++);
  return weights.norm(hidden);
}

Tensor ast_classify(const AstWeights& weights, const AstConfig& config, const Tensor& features, const Pass& pass) {
  const auto examples = features.size(0);
  Tensor first;  // [B*2, D]
  if (!pass.wants_every_token()) {
    const auto layout = layout_of(examples, config);
    const auto last = static_cast<std::int64_t>(weights.layers.size()) - 1;
    const auto hidden = run_layers(
        pass.restart, last, [&] { return embed(weights, config, features, pass); },
        [&](std::int64_t site, const Tensor& before) {
          return layer_output(weights.layers[static_cast<std::size_t>(site)], config, before, layout, pass, site);
        });  // [N, D]
    first = weights.norm(first_tokens_output(weights.layers.back(), config, hidden, layout, pass, last));
  } else {
    first = ast_encode(weights, config, features, pass)
                .view({examples, config.tokens(), config.hidden_size})
                .narrow(1, 0, read_tokens)
                .reshape({examples * read_tokens, config.hidden_size});
  }
  const auto pooled = first.view({examples, read_tokens, config.hidden_size}).mean(1);  // [B, D]
  return weights.head->dense(weights.head->norm(pooled));                               // [B, classes]
}

}  // namespace espalier::families
