#include "whisper_pass.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/conv1d.h>
#include <ATen/ops/cross_entropy_loss.h>
#include <ATen/ops/embedding.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/full.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/zeros.h>
#include <espalier/error.h>
#include <words/names.h>

#include <algorithm>

#include "nn/arithmetic.h"
#include "nn/device.h"
#include "nn/text.h"

namespace espalier::families {
namespace {

using at::Tensor;

// Rows of the feed-forward block, and of logits, that a CPU computes together: what is between stays in the cache.
constexpr std::int64_t feed_forward_rows = 256, logit_rows = 256;
// Of logits on a GPU: enough to fill it, and a vocabulary of numbers each.
constexpr std::int64_t logit_rows_on_gpu = 2048;

const std::vector<std::string>& whisper_input_names() {
  static const std::vector<std::string> names = {"input_features", "decoder_input_ids", "attention_mask",
                                                 "decoder_attention_mask"};
  return names;
}

const Tensor* given(const Inputs& inputs, const char* name) {
  const auto found = inputs.find(name);
  return found == inputs.end() || !found->second.defined() ? nullptr : &found->second;
}

void refuse_masks(const Inputs& inputs) {
  for (const char* name : {"attention_mask", "decoder_attention_mask"}) {
    const auto* mask = given(inputs, name);
    if (mask == nullptr || mask->eq(1).all().item<bool>()) continue;
    throw InputError(std::string("input ") + name +
                     " leaves something out, which Whisper has no use for\n    expected ones, or no mask: silence "
                     "fills the features, and labels of -100 leave out tokens");
  }
}

Tensor checked_features(const Inputs& inputs, const WhisperConfig& config) {
  const auto* features = given(inputs, "input_features");
  if (features == nullptr) throw InputError("input input_features is missing");
  if (!features->is_floating_point()) {
    throw InputError(std::string("input input_features has dtype ") + c10::toString(features->scalar_type()) +
                     ", expected real numbers");
  }
  if (features->dim() != 3 || features->size(1) != config.mel_bins) {
    throw InputError("input input_features has shape " + shape_text(features->sizes()) + ", expected [examples, " +
                     std::to_string(config.mel_bins) + ", " + std::to_string(config.frames()) +
                     "] (num_mel_bins, 2 * max_source_positions)");
  }
  if (features->size(2) != config.frames()) {
    throw InputError("input input_features has " + std::to_string(features->size(2)) + " frames, the model takes " +
                     std::to_string(config.frames()) +
                     " (2 * max_source_positions)\n    fill shorter sounds with silence before the log-mel features, "
                     "and cut longer ones");
  }
  return *features;
}

Tensor checked_tokens(const Inputs& inputs, const WhisperConfig& config, std::int64_t examples) {
  const auto* tokens = given(inputs, "decoder_input_ids");
  if (tokens == nullptr) return at::full({examples, 1}, config.start, at::kLong);
  if (tokens->scalar_type() != at::kLong) {
    throw InputError(std::string("input decoder_input_ids has dtype ") + c10::toString(tokens->scalar_type()) +
                     ", expected I64");
  }
  if (tokens->dim() != 2 || tokens->size(0) != examples || tokens->size(1) == 0) {
    throw InputError("input decoder_input_ids has shape " + shape_text(tokens->sizes()) + ", expected [" +
                     std::to_string(examples) + ", tokens] with at least one token");
  }
  if (tokens->size(1) > config.target_positions) {
    throw InputError("input decoder_input_ids has " + std::to_string(tokens->size(1)) +
                     " tokens, the model takes at most " + std::to_string(config.target_positions) +
                     " (max_target_positions)");
  }
  if (tokens->numel() > 0) {
    const auto smallest = tokens->min().item<std::int64_t>(), largest = tokens->max().item<std::int64_t>();
    if (smallest < 0 || largest >= config.vocabulary) {
      throw InputError("input decoder_input_ids holds " + std::to_string(smallest < 0 ? smallest : largest) +
                       ", expected numbers from 0 to " + std::to_string(config.vocabulary - 1) + " (vocab_size)");
    }
  }
  return *tokens;
}

// Two convolutions over time, the second halving it: [B, mels, F] -> [B*S, D].
Tensor convolved(const WhisperWeights& weights, const Tensor& features) {
  const auto& [first, second] = std::tie(weights.first_convolution, weights.second_convolution);
  const auto wide = activate(Activation::Gelu, at::conv1d(features, first.weight, first.bias, 1, 1));  // [B, D, F]
  const auto half = activate(Activation::Gelu, at::conv1d(wide, second.weight, second.bias, 2, 1));    // [B, D, S]
  const auto placed = residual(half.transpose(1, 2).contiguous(), weights.source_positions);           // [B, S, D]
  return placed.view({placed.size(0) * placed.size(1), placed.size(2)});
}

bool is_half(at::ScalarType type) { return type == at::kHalf || type == at::kBFloat16; }

Segment segment_of(std::int64_t examples, std::int64_t queries, std::int64_t keys) {
  return {.examples = examples, .queries = queries, .keys = keys};
}

Tensor encoder_layer(const WhisperEncoderLayer& layer, const WhisperConfig& config, Tensor hidden,
                     const Segment& segment, const Pass& pass, std::int64_t site) {
  const auto attended =
      attend_to_itself(layer.self.site, layer.self.norm(hidden), {segment}, pass, site, config.attention_dropout);
  pass.note_residual(hidden);
  hidden = residual(drop(attended, config.dropout, pass.dropout), hidden);  // [B*S, D]
  return whisper_feed_forward(layer.feed_forward, config, hidden, pass.dropout);
}

// Examples from `first` on; a pass whose gates differ by example finds its own by that number.
Segment encoder_segment(const WhisperConfig& config, std::int64_t first, std::int64_t examples) {
  auto segment = segment_of(examples, config.source_positions, config.source_positions);
  segment.first_example = first;
  return segment;
}

// [B*S, D]
Tensor encode(const WhisperWeights& weights, const WhisperConfig& config, const Tensor& features, const Pass& pass,
              std::int64_t first) {
  auto hidden = drop(convolved(weights, features), config.dropout, pass.dropout);  // [B*S, D]
  const auto segment = encoder_segment(config, first, features.size(0));
  std::int64_t site = 0;
  for (const auto& layer : weights.encoder) hidden = encoder_layer(layer, config, hidden, segment, pass, site++);
  return weights.encoder_norm(hidden);
}

// Calls compute(first, count) for pieces of so many examples, each on one thread where they are single.
Tensor in_pieces(std::int64_t examples, std::int64_t piece,
                 const std::function<Tensor(std::int64_t first, std::int64_t count)>& compute, bool in_parallel) {
  const auto pieces = (examples + piece - 1) / piece;
  std::vector<Tensor> parts(static_cast<std::size_t>(pieces));
  const auto compute_one = [&](std::int64_t i) {
    parts[static_cast<std::size_t>(i)] = compute(i * piece, std::min(piece, examples - i * piece));
  };
  if (in_parallel) {
    for_each_example(pieces, compute_one);
  } else {
    for (std::int64_t i = 0; i < pieces; ++i) compute_one(i);
  }
  return pieces == 1 ? parts[0] : at::cat(parts);
}

}  // namespace

void for_each_example(std::int64_t examples, const std::function<void(std::int64_t)>& compute) {
  const auto together = examples - examples % at::get_num_threads();
  in_parallel(0, together, 1, [&](std::int64_t begin, std::int64_t end) {
    for (auto i = begin; i < end; ++i) compute(i);
  });
  for (auto i = together; i < examples; ++i) compute(i);
}

WhisperInputs whisper_inputs(const Inputs& inputs, const WhisperConfig& config, const WhisperWeights& weights) {
  for (const auto& [name, tensor] : inputs) {
    if (std::find(whisper_input_names().begin(), whisper_input_names().end(), name) == whisper_input_names().end())
      throw InputError(unknown_name("input", shortened(name), whisper_input_names()));
  }
  refuse_masks(inputs);
  const auto features = checked_features(inputs, config);
  const auto tokens = checked_tokens(inputs, config, features.size(0));
  const auto device = weights.tokens.device();
  return {features.to(device, weights.tokens.scalar_type()), tokens.to(device)};
}

WhisperTargets whisper_targets(const Tensor& labels, const WhisperInputs& inputs, const WhisperConfig& config) {
  const auto& tokens = inputs.tokens;
  if (!labels.defined() || labels.scalar_type() != at::kLong || labels.sizes() != tokens.sizes()) {
    throw InputError("a batch of " + std::to_string(tokens.size(0)) + " examples of " + std::to_string(tokens.size(1)) +
                     " tokens has no label (I64) for each of them" +
                     (labels.defined() ? ": its labels have shape " + shape_text(labels.sizes()) : std::string()));
  }
  const auto flat = labels.cpu().reshape({-1});  // [B*T], looked at before it is moved
  const auto asked = flat.ne(not_asked);
  if (flat.lt(0).logical_and(asked).logical_or(flat.ge(config.vocabulary)).any().item<bool>()) {
    throw InputError("a label is outside 0 to " + std::to_string(config.vocabulary - 1) +
                     ", the tokens of the model\n    expected such a token, or " + std::to_string(not_asked) +
                     " where none is asked");
  }
  const auto counts = asked.view(tokens.sizes()).sum(1);  // [B]
  if (counts.eq(0).any().item<bool>()) {
    throw InputError("example " + std::to_string(counts.eq(0).to(at::kLong).argmax().item<std::int64_t>()) +
                     " of a batch has no label: all are " + std::to_string(not_asked));
  }
  const auto rows = asked.nonzero().squeeze(1);  // [asked]
  const auto device = tokens.device();
  return {rows.to(device), flat.index_select(0, rows).to(device), counts.to(device), tokens.size(1)};
}

Tensor whisper_encode(const WhisperWeights& weights, const WhisperConfig& config, const Tensor& features,
                      const Pass& pass, Together together) {
  const auto examples = features.size(0);
  if (examples == 0) return weights.tokens.new_empty({0, config.width});
  const bool in_graph = at::GradMode::is_enabled() || pass.dropout == Dropout::On;
  const bool alone = examples == 1 && pass.restart == nullptr;
  if (pass.taps != nullptr || alone || (together == Together::Yes && in_graph))
    return encode(weights, config, features, pass, 0);
  // One by one: activations of thirty seconds just fit into a cache. A GPU is filled by some tens of them.
  const auto piece =
      together == Together::No
          ? 1
          : std::max<std::int64_t>(1, facts_of(features.device()).piece_tokens / config.source_positions);
  const bool apart = together == Together::No && !in_graph;
  if (pass.restart == nullptr || in_graph) {
    const auto states = [&](std::int64_t begin, std::int64_t count) {
      return encode(weights, config, features.narrow(0, begin, count), pass, begin);  // [count*S, D]
    };
    return in_pieces(examples, piece, states, apart);
  }
  // Layer by layer, so that what is between them is there for all examples; each computed in its own piece as above.
  const auto positions = config.source_positions;
  const auto embed = [&] {
    const auto of = [&](std::int64_t begin, std::int64_t count) {
      return convolved(weights, features.narrow(0, begin, count));
    };
    return in_pieces(examples, piece, of, apart);
  };
  const auto layer = [&](std::int64_t site, const Tensor& before) {
    const auto of = [&](std::int64_t begin, std::int64_t count) {
      return encoder_layer(weights.encoder[static_cast<std::size_t>(site)], config,
                           before.narrow(0, begin * positions, count * positions),
                           encoder_segment(config, begin, count), pass, site);
    };
    return in_pieces(examples, piece, of, apart);
  };
  return weights.encoder_norm(
      run_layers(pass.restart, static_cast<std::int64_t>(weights.encoder.size()), embed, layer));  // [B*S, D]
}

Tensor whisper_encode(const WhisperWeights& weights, const WhisperConfig& config, const Tensor& features,
                      const Pass& pass) {
  return whisper_encode(weights, config, features, pass, together_on(features.device()));
}

Tensor whisper_decode(const WhisperWeights& weights, const WhisperConfig& config, const Tensor& tokens,
                      const Tensor& memory, const Pass& pass) {
  const auto examples = tokens.size(0), length = tokens.size(1);
  auto embedded = residual(at::embedding(weights.tokens, tokens), weights.target_positions.narrow(0, 0, length));
  auto hidden = drop(embedded.view({examples * length, config.width}), config.dropout, pass.dropout);  // [B*T, D]
  if (examples == 0) return hidden;
  auto itself = segment_of(examples, length, length);
  itself.causal = true;
  const auto across = segment_of(examples, length, config.source_positions);
  auto site = static_cast<std::int64_t>(weights.encoder.size());
  const auto add = [&](const Tensor& attended) {
    pass.note_residual(hidden);
    hidden = residual(drop(attended, config.dropout, pass.dropout), hidden);  // [B*T, D]
  };
  for (const auto& layer : weights.decoder) {
    add(attend_to_itself(layer.self.site, layer.self.norm(hidden), {itself}, pass, site++, config.attention_dropout));
    add(attend_to_memory(layer.cross.site, layer.cross.norm(hidden), memory, {across}, pass, site++,
                         config.attention_dropout));
    hidden = whisper_feed_forward(layer.feed_forward, config, hidden, pass.dropout);
  }
  return weights.decoder_norm(hidden);
}

Tensor whisper_feed_forward(const WhisperFeedForward& block, const WhisperConfig& config, const Tensor& hidden,
                            Dropout dropout) {
  const auto of = [&](const Tensor& rows) {
    auto inner = activate(config.activation, block.inner(block.norm(rows)));  // [N, intermediate]
    inner = drop(inner, config.activation_dropout, dropout);
    return drop(block.outer(inner), config.dropout, dropout);  // [N, D]
  };
  const auto rows = hidden.size(0);
  if (at::GradMode::is_enabled() || rows <= feed_forward_rows || !hidden.is_cpu()) return residual(of(hidden), hidden);
  // Pieces on threads of their own: one piece shared by threads would be too small for them.
  auto result = at::empty_like(hidden);
  const auto pieces = (rows + feed_forward_rows - 1) / feed_forward_rows;
  in_parallel(0, pieces, 1, [&](std::int64_t first, std::int64_t end) {
    for (auto piece = first; piece < end; ++piece) {
      const auto begin = piece * feed_forward_rows, count = std::min(feed_forward_rows, rows - begin);
      const auto part = hidden.narrow(0, begin, count);
      result.narrow(0, begin, count).copy_(residual(of(part), part));
    }
  });
  return result;
}

Tensor whisper_logits(const WhisperWeights& weights, const Tensor& hidden) {
  const auto& head = weights.head_weight();
  const auto logits = at::linear(hidden, head);
  return is_half(head.scalar_type()) ? logits.to(at::kFloat) : logits;
}

Tensor whisper_losses(const WhisperWeights& weights, const Tensor& hidden, const WhisperTargets& targets) {
  const auto states = hidden.index_select(0, targets.rows);  // [asked, D]
  const auto piece = hidden.is_cpu() ? logit_rows : logit_rows_on_gpu;
  std::vector<Tensor> parts;
  for (std::int64_t begin = 0; begin < states.size(0); begin += piece) {
    const auto count = std::min(piece, states.size(0) - begin);
    const auto logits = whisper_logits(weights, states.narrow(0, begin, count));  // [rows, V]
    parts.push_back(at::cross_entropy_loss(logits, targets.labels.narrow(0, begin, count), {}, at::Reduction::None));
  }
  if (parts.empty()) return hidden.new_zeros({targets.counts.size(0)});
  return mean_of_examples(at::cat(parts), targets);
}

Tensor mean_of_examples(const Tensor& of_tokens, const WhisperTargets& targets) {
  const auto examples = targets.counts.size(0);
  if (!of_tokens.is_cpu()) {  // there index_add would add in any order
    const auto by_token = of_tokens.new_zeros({examples * targets.tokens}).index_copy(0, targets.rows, of_tokens);
    return by_token.view({examples, targets.tokens}).sum(1).div(targets.counts);  // [B]
  }
  const auto example = at::arange(examples, targets.counts.options()).repeat_interleave(targets.counts);  // [asked]
  return of_tokens.new_zeros({examples}).index_add(0, example, of_tokens).div(targets.counts);            // [B]
}

}  // namespace espalier::families
