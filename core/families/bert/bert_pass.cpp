#include "bert_pass.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/embedding.h>
#include <ATen/ops/tanh.h>
#include <ATen/ops/zeros.h>
#include <espalier/error.h>
#include <words/names.h>

#include <algorithm>
#include <limits>

#include "nn/device.h"
#include "nn/text.h"

namespace espalier::families {
namespace {

using at::Tensor;

const std::vector<std::string>& bert_input_names() {
  static const std::vector<std::string> names = {"input_ids", "attention_mask", "token_type_ids"};
  return names;
}

// The tensor of this name, or an undefined one.
Tensor input(const Inputs& inputs, const char* name, const Tensor& ids) {
  const auto found = inputs.find(name);
  if (found == inputs.end() || !found->second.defined()) return {};
  const auto& tensor = found->second;
  if (tensor.scalar_type() != at::kLong) {
    throw InputError(std::string("input ") + name + " has dtype " + c10::toString(tensor.scalar_type()) +
                     ", expected I64");
  }
  if (ids.defined() && tensor.sizes() != ids.sizes()) {
    throw InputError(std::string("input ") + name + " has shape " + shape_text(tensor.sizes()) +
                     ", but input_ids has " + shape_text(ids.sizes()));
  }
  return tensor;
}

void check_range(const char* name, const Tensor& values, std::int64_t end, const char* end_is) {
  if (values.numel() == 0) return;
  const auto smallest = values.min().item<std::int64_t>(), largest = values.max().item<std::int64_t>();
  if (smallest >= 0 && largest < end) return;
  throw InputError(std::string("input ") + name + " holds " + std::to_string(smallest < 0 ? smallest : largest) +
                   ", expected numbers from 0 to " + std::to_string(end - 1) + " (" + end_is + ")");
}

Tensor check_ids(const Inputs& inputs, const BertConfig& config) {
  for (const auto& [name, tensor] : inputs) {
    if (std::find(bert_input_names().begin(), bert_input_names().end(), name) == bert_input_names().end()) {
      throw InputError(unknown_name("input", shortened(name), bert_input_names()));
    }
  }
  const auto ids = input(inputs, "input_ids", {});
  if (!ids.defined()) throw InputError("input input_ids is missing");
  if (ids.dim() != 2 || ids.size(1) == 0) {
    throw InputError("input input_ids has shape " + shape_text(ids.sizes()) +
                     ", expected [examples, tokens] with at least one token");
  }
  if (ids.size(1) > config.positions) {
    throw InputError(
        "input input_ids has " + std::to_string(ids.size(1)) + " tokens, the model takes at most " +
        std::to_string(config.positions) +
        " (max_position_embeddings)\n    cut texts to that: max_tokens = " + std::to_string(config.positions) +
        " in the dataset, --max-tokens " + std::to_string(config.positions) + " on the command line");
  }
  return ids;
}

double lowest_of(at::ScalarType type) {
  switch (type) {
    case at::kDouble: return std::numeric_limits<double>::lowest();
    case at::kHalf: return static_cast<double>(std::numeric_limits<c10::Half>::lowest());
    case at::kBFloat16: return static_cast<double>(std::numeric_limits<c10::BFloat16>::lowest());
    default: return static_cast<double>(std::numeric_limits<float>::lowest());
  }
}

// [B, 1, 1, T]: 0 where a token counts, else the lowest finite number, as transformers has it: where no token counts,
// all count alike and nothing becomes NaN. Undefined where all count.
Tensor additive_mask(const Tensor& mask, at::ScalarType type) {
  if (!mask.defined() || mask.eq(1).all().item<bool>()) return {};
  const auto lowest = lowest_of(type);
  return at::zeros(mask.sizes(), mask.options().dtype(type)).masked_fill_(mask.eq(0), lowest).unsqueeze(1).unsqueeze(1);
}

// Batches of one length that follow each other are one attention call where the device wants few.
void add(std::vector<Segment>& segments, Segment segment, const at::Device& device) {
  auto* last = segments.empty() ? nullptr : &segments.back();
  const bool joins = last != nullptr && facts_of(device).packed_attention && last->keys == segment.keys &&
                     !last->attention.defined() && !segment.attention.defined();
  if (joins)
    last->examples += segment.examples;
  else
    segments.push_back(std::move(segment));
}

Tensor join(const std::vector<Tensor>& parts) { return parts.size() == 1 ? parts[0] : at::cat(parts); }

Tensor embed(const BertWeights& weights, const BertConfig& config, const PackedInputs& inputs, Dropout dropout) {
  auto embedded = at::embedding(weights.words, inputs.words);  // [N, D]
  embedded = inputs.token_types.defined() ? residual(embedded, at::embedding(weights.token_types, inputs.token_types))
                                          : residual(embedded, weights.token_types[0]);  // [N, D]
  embedded = residual(embedded, at::embedding(weights.positions, inputs.positions));     // [N, D]
  return drop(weights.embedding_norm(embedded), config.hidden_dropout, dropout);
}

Tensor feed_forward(const BertLayer& layer, const BertConfig& config, const Tensor& attended, Dropout dropout) {
  const auto inner = activate(config.activation, layer.intermediate(attended));   // [N, intermediate]
  const auto output = drop(layer.output(inner), config.hidden_dropout, dropout);  // [N, D]
  return layer.output_norm(residual(output, attended));
}

Tensor layer_output(const BertLayer& layer, const BertConfig& config, const Tensor& hidden, const PackedInputs& inputs,
                    const Pass& pass, std::int64_t site) {
  const auto output =
      attend_to_itself(layer.attention, hidden, inputs.layout, pass, site, config.attention_dropout);  // [N, D]
  pass.note_residual(hidden);
  const auto attended =
      layer.attention_norm(residual(drop(output, config.hidden_dropout, pass.dropout), hidden));  // [N, D]
  return feed_forward(layer, config, attended, pass.dropout);
}

// Rows by number, each at most once. An embedding is one kernel back as well, where a selection that has to be
// deterministic sorts.
Tensor rows_of(const Tensor& hidden, const Tensor& rows) { return at::embedding(hidden, rows); }

// The last layer where only the first token of each example is read: the others need no query, no output.
Tensor first_token_output(const BertLayer& layer, const BertConfig& config, const Tensor& hidden,
                          const PackedInputs& inputs, const Pass& pass, std::int64_t site) {
  const auto first = rows_of(hidden, inputs.first);  // [examples, D]
  const auto output = attend_from(layer.attention, hidden, first, inputs.layout, 1, pass, site,
                                  config.attention_dropout);  // [examples, D]
  const auto attended = layer.attention_norm(residual(drop(output, config.hidden_dropout, pass.dropout), first));
  return feed_forward(layer, config, attended, pass.dropout);  // [examples, D]
}

}  // namespace

std::vector<std::vector<Inputs>> chunked(const std::vector<const Inputs*>& batches, std::int64_t tokens_a_piece) {
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
      const auto room = length == 0 ? examples : (tokens_a_piece - tokens) / length;
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

PackedInputs pack(const std::vector<const Inputs*>& batches, const BertConfig& config, const BertWeights& weights) {
  PackedInputs packed;
  std::vector<Tensor> words, positions, token_types, first;
  const auto device = weights.words.device();
  std::int64_t start = 0;
  bool typed = false;
  for (const auto* inputs : batches) {
    const auto ids = check_ids(*inputs, config);
    const auto types = input(*inputs, "token_type_ids", ids), mask = input(*inputs, "attention_mask", ids);
    if (ids.size(0) == 0) continue;
    if (mask.defined()) check_range("attention_mask", mask, 2, "0: left out, 1: counts");
    Segment segment{.first_example = packed.examples,
                    .examples = ids.size(0),
                    .query_start = start,
                    .queries = ids.size(1),
                    .key_start = start,
                    .keys = ids.size(1)};
    segment.attention = additive_mask(mask, weights.words.scalar_type());
    if (segment.attention.defined()) segment.attention = segment.attention.to(device, /*non_blocking=*/true);
    words.push_back(ids.reshape({-1}));
    typed = typed || types.defined();
    token_types.push_back(types.defined() ? types.reshape({-1}) : at::zeros({ids.numel()}, ids.options()));
    positions.push_back(at::arange(ids.size(1), ids.options()).repeat({ids.size(0)}));
    first.push_back(at::arange(start, start + ids.numel(), ids.size(1), ids.options()));
    add(packed.layout.segments, std::move(segment), device);
    packed.examples += ids.size(0);
    start += ids.numel();
  }
  if (packed.examples == 0) return packed;
  packed.words = join(words);
  check_range("input_ids", packed.words, config.vocabulary, "vocab_size");
  packed.words = packed.words.to(device, /*non_blocking=*/true);
  packed.positions = join(positions).to(device, /*non_blocking=*/true);
  packed.first = join(first).to(device, /*non_blocking=*/true);
  if (typed) {
    packed.token_types = join(token_types);
    check_range("token_type_ids", packed.token_types, config.token_types, "type_vocab_size");
    packed.token_types = packed.token_types.to(device, /*non_blocking=*/true);
  }
  packed.layout.packing = packing_of(packed.layout.segments, device);
  return packed;
}

Tensor encode(const BertWeights& weights, const BertConfig& config, const PackedInputs& inputs, const Pass& pass) {
  if (inputs.examples == 0) return weights.words.new_empty({0, config.hidden_size});
  auto hidden = embed(weights, config, inputs, pass.dropout);  // [N, D]
  std::int64_t site = 0;
  for (const auto& layer : weights.layers) hidden = layer_output(layer, config, hidden, inputs, pass, site++);
  return hidden;
}

Tensor classify(const BertWeights& weights, const BertConfig& config, const PackedInputs& inputs, const Pass& pass) {
  if (inputs.examples == 0) return weights.words.new_empty({0, weights.classifier->weight.size(0)});
  Tensor first;  // [examples, D]
  if (!pass.wants_every_token()) {
    const auto last = static_cast<std::int64_t>(weights.layers.size()) - 1;
    const auto hidden = run_layers(
        pass.restart, last, [&] { return embed(weights, config, inputs, pass.dropout); },
        [&](std::int64_t site, const Tensor& before) {
          return layer_output(weights.layers[static_cast<std::size_t>(site)], config, before, inputs, pass, site);
        });  // [N, D]
    first = first_token_output(weights.layers.back(), config, hidden, inputs, pass, last);
  } else {
    first = rows_of(encode(weights, config, inputs, pass), inputs.first);
  }
  const auto pooled = at::tanh((*weights.pooler)(first));                               // [examples, D]
  return (*weights.classifier)(drop(pooled, config.classifier_dropout, pass.dropout));  // [examples, classes]
}

}  // namespace espalier::families
