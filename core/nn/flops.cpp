#include "nn/flops.h"

namespace espalier::nn {
namespace {

constexpr std::int64_t softmax = 2, softmax_scale = 1, gelu = 8, layer_norm = 5, sum = 1, tangent = 1;
constexpr std::int64_t added_tokens = 2;       // of an AST: class and distillation
constexpr std::int64_t convolution_width = 3;  // of Whisper

// One layer's feed-forward block, with its norm and residual sum.
Operations feed_forward_flops(std::int64_t tokens, std::int64_t width, std::int64_t intermediate) {
  return {.multiply_adds = 2 * tokens * width * intermediate,
          .elementwise = gelu * tokens * intermediate + (layer_norm + sum) * tokens * width};
}

// What stands around an attention site: its norm and residual sum.
Operations around_attention(std::int64_t tokens, std::int64_t width) {
  return {.multiply_adds = 0, .elementwise = (layer_norm + sum) * tokens * width};
}

Operations times(std::int64_t layers, const Operations& one) {
  return {.multiply_adds = layers * one.multiply_adds, .elementwise = layers * one.elementwise};
}

}  // namespace

Operations& Operations::operator+=(const Operations& other) {
  multiply_adds += other.multiply_adds;
  elementwise += other.elementwise;
  return *this;
}

Operations operator+(Operations a, const Operations& b) { return a += b; }

AttentionTotals dense_attention(std::int64_t sites, std::int64_t heads, std::int64_t head_dim) {
  const auto channels = sites * heads * head_dim;
  return {.qk_channels = channels, .vo_channels = channels, .heads = sites * heads};
}

Operations attention_flops(const AttentionShape& shape, const AttentionTotals& left) {
  const auto channels = left.qk_channels + left.vo_channels;
  const auto pairs = shape.queries * shape.keys;
  return {.multiply_adds = (shape.queries + shape.keys) * shape.model_width * channels + pairs * channels,
          .elementwise = (softmax + softmax_scale) * left.heads * pairs};
}

Operations encoder_flops(const EncoderShape& shape, const AttentionTotals& left) {
  const auto layer =
      around_attention(shape.tokens, shape.width) + feed_forward_flops(shape.tokens, shape.width, shape.intermediate);
  return times(shape.layers, layer) + attention_flops({shape.width, shape.tokens, shape.tokens}, left);
}

Operations ast_flops(const AstShape& shape, const AttentionTotals& left) {
  const auto tokens = shape.encoder.tokens, width = shape.encoder.width;
  auto count = encoder_flops(shape.encoder, left);
  count += {.multiply_adds = (tokens - added_tokens) * width * shape.patch_pixels,
            .elementwise = sum * tokens * width + layer_norm * tokens * width};
  if (shape.classes > 0) count += {.multiply_adds = width * shape.classes, .elementwise = layer_norm * width};
  return count;
}

Operations bert_flops(const BertShape& shape, const AttentionTotals& left) {
  const auto tokens = shape.encoder.tokens, width = shape.encoder.width;
  auto count = encoder_flops(shape.encoder, left);
  count += {.multiply_adds = 0, .elementwise = 2 * sum * tokens * width + layer_norm * tokens * width};
  if (shape.classes > 0)
    count += {.multiply_adds = width * width + width * shape.classes, .elementwise = tangent * width};
  return count;
}

Operations whisper_encoder_flops(const WhisperShape& shape, const AttentionTotals& encoder_self) {
  const auto positions = shape.source_positions, frames = 2 * positions;
  auto count = encoder_flops({.tokens = positions,
                              .width = shape.width,
                              .intermediate = shape.encoder_intermediate,
                              .layers = shape.encoder_layers},
                             encoder_self);
  count += {.multiply_adds = frames * convolution_width * shape.mel_bins * shape.width +
                             positions * convolution_width * shape.width * shape.width,
            .elementwise = gelu * (frames + positions) * shape.width + (sum + layer_norm) * positions * shape.width};
  return count;
}

Operations whisper_decoder_flops(const WhisperShape& shape, const WhisperTotals& left) {
  const auto tokens = shape.tokens, width = shape.width;
  const auto layer =
      times(2, around_attention(tokens, width)) + feed_forward_flops(tokens, width, shape.decoder_intermediate);
  auto count = times(shape.decoder_layers, layer);
  count += attention_flops({width, tokens, tokens}, left.decoder_self);
  count += attention_flops({width, tokens, shape.source_positions}, left.decoder_cross);
  count += {.multiply_adds = tokens * width * shape.vocabulary, .elementwise = (sum + layer_norm) * tokens * width};
  return count;
}

Operations whisper_flops(const WhisperShape& shape, const WhisperTotals& left) {
  return whisper_encoder_flops(shape, left.encoder_self) + whisper_decoder_flops(shape, left);
}

}  // namespace espalier::nn
