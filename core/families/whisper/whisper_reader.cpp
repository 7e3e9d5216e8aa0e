#include "whisper_reader.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/embedding.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/scaled_dot_product_attention.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <limits>
#include <utility>

#include "nn/arithmetic.h"
#include "whisper_pass.h"

namespace espalier::families {
namespace {

using at::Tensor;

// Room for so many tokens at first, then twice as many.
constexpr std::int64_t first_room = 32;

// Columns of a group as heads: [examples * rows, ...] -> [examples, H, rows, width].
Tensor heads_of(const Tensor& projected, std::int64_t column, std::int64_t examples, const HeadGroup& group,
                std::int64_t width) {
  const auto rows = projected.size(0) / examples;
  return projected.narrow(1, column, group.size() * width).view({examples, rows, group.size(), width}).transpose(1, 2);
}

// [examples, H, T, v]. Heads without QK channels attend uniformly over what they may see. `open`: as Places has it.
Tensor attended(const Tensor& query, const Tensor& key, const Tensor& value, const HeadGroup& group,
                std::int64_t tokens, bool causal, const Tensor& open = {}) {
  if (open.defined()) {
    if (group.qk > 0) return at::scaled_dot_product_attention(query, key, value, open, 0, false, group.scale);
    const auto seen = open.eq(0).to(value.scalar_type());  // [examples, 1, T, L]
    return at::matmul(seen / seen.sum({-1}, /*keepdim=*/true), value);
  }
  if (group.qk > 0) return at::scaled_dot_product_attention(query, key, value, {}, 0, causal, group.scale);
  if (!causal) return value.mean(2, /*keepdim=*/true).expand({-1, -1, tokens, -1});
  return value.cumsum(2).div(at::arange(1, tokens + 1, value.options()).unsqueeze(1));
}

Tensor joined(const std::vector<Tensor>& parts, std::int64_t dim) {
  return parts.size() == 1 ? parts[0] : at::cat(parts, dim);
}

}  // namespace

WhisperReader::WhisperReader(const WhisperWeights& weights, const WhisperConfig& config,
                             std::vector<HeldMemory> memories)
    : weights_(weights), config_(config), memories_(std::move(memories)), read_(weights.decoder.size()) {
  for (const auto& memory : memories_) examples_ += memory.examples;
}

void WhisperReader::make_room(std::int64_t tokens) {
  const auto enlarged = [&](const Tensor& held, std::int64_t heads, std::int64_t width) {
    if (held.defined() && held.size(2) >= tokens) return held;
    const auto room = std::max(tokens, held.defined() ? 2 * held.size(2) : first_room);
    // What is closed to a token weighs nothing, where it is a number.
    auto larger = weights_.tokens.new_zeros({examples(), heads, room, width});
    if (held.defined()) larger.narrow(2, 0, length_).copy_(held.narrow(2, 0, length_));
    return larger;
  };
  for (std::size_t layer = 0; layer < read_.size(); ++layer) {
    auto& held = read_[layer];
    const auto& groups = weights_.decoder[layer].self.site.groups;
    held.key.resize(groups.size());
    held.value.resize(groups.size());
    for (std::size_t i = 0; i < groups.size(); ++i) {
      held.key[i] = enlarged(held.key[i], groups[i].size(), groups[i].qk);
      held.value[i] = enlarged(held.value[i], groups[i].size(), groups[i].vo);
    }
  }
}

WhisperReader::Places WhisperReader::places_of(std::int64_t tokens) const {
  if (lengths_.empty() && (length_ == 0 || tokens == 1)) return {};
  auto lengths = lengths_;
  lengths.resize(static_cast<std::size_t>(examples()), length_);
  const auto device = weights_.tokens.device();
  const auto begins = at::tensor(lengths, at::kLong).to(device).unsqueeze(1);                   // [B, 1]
  const auto places = begins + at::arange(tokens, begins.options());                            // [B, T]
  const auto closed = at::arange(length_ + tokens, begins.options()).gt(places.unsqueeze(-1));  // [B, T, L]
  const auto open = at::zeros(closed.sizes(), weights_.tokens.options())
                        .masked_fill_(closed, -std::numeric_limits<double>::infinity());  // [B, T, L]
  return {places, open.unsqueeze(1)};
}

Tensor WhisperReader::embedded(const Tensor& tokens, const Places& places) const {
  const auto count = tokens.size(1);
  const auto& positions = weights_.target_positions;
  // Tokens that only fill a row up may stand behind the last place.
  const auto own = places.places.defined()
                       ? at::embedding(positions, places.places.clamp_max(positions.size(0) - 1))  // [B, T, D]
                       : positions.narrow(0, length_, count);                                      // [T, D]
  return residual(at::embedding(weights_.tokens, tokens), own).view({examples() * count, config_.width});
}

Tensor WhisperReader::attend_to_itself(const AttentionSite& site, const Tensor& hidden, HeldKeys& held,
                                       std::int64_t tokens, const Places& places) const {
  if (site.groups.empty()) return site.write(hidden);
  const auto projected = site.project(hidden);  // [B*T, Q, K and V]
  const auto place = [&](const Tensor& rows, Tensor& room) {
    if (!places.places.defined()) {
      room.narrow(2, length_, tokens).copy_(rows);
      return;
    }
    const auto example = at::arange(examples(), places.places.options()).unsqueeze(1);  // [B, 1]
    room.transpose(1, 2).index_put_({example, places.places}, rows.transpose(1, 2));    // [B, L, H, ...]
  };
  std::vector<Tensor> contexts;
  std::int64_t query = 0, key = site.qk_total(), value = 2 * site.qk_total();
  for (std::size_t i = 0; i < site.groups.size(); ++i) {
    const auto& group = site.groups[i];
    place(heads_of(projected, key, examples(), group, group.qk), held.key[i]);
    place(heads_of(projected, value, examples(), group, group.vo), held.value[i]);
    const auto context =
        attended(heads_of(projected, query, examples(), group, group.qk), held.key[i].narrow(2, 0, length_ + tokens),
                 held.value[i].narrow(2, 0, length_ + tokens), group, tokens,
                 /*causal=*/tokens > 1, places.open);                                         // [B, H, T, v]
    contexts.push_back(context.transpose(1, 2).reshape({hidden.size(0), group.vo_total()}));  // [B*T, H*v]
    query += group.qk_total();
    key += group.qk_total();
    value += group.vo_total();
  }
  return site.write(joined(contexts, 1));
}

Tensor WhisperReader::attend_to_memory(const AttentionSite& site, const Tensor& hidden, std::size_t layer,
                                       std::int64_t tokens) const {
  if (site.groups.empty()) return site.write(hidden);
  const auto query = site.project_query(hidden);  // [B*T, Q]
  const auto context_of = [&](const HeldMemory& memory, std::int64_t begin) {
    const auto& held = memory.layers[layer];
    const auto own = query.narrow(0, begin * tokens, memory.examples * tokens);  // [examples*T, Q]
    std::vector<Tensor> contexts;
    std::int64_t column = 0;
    for (std::size_t i = 0; i < site.groups.size(); ++i) {
      const auto& group = site.groups[i];
      const auto context = attended(heads_of(own, column, memory.examples, group, group.qk), held.key[i], held.value[i],
                                    group, tokens, /*causal=*/false);  // [examples, H, T, v]
      contexts.push_back(
          context.to(query.scalar_type()).transpose(1, 2).reshape({own.size(0), group.vo_total()}));  // [..., H*v]
      column += group.qk_total();
    }
    return joined(contexts, 1);  // [examples*T, sum of H v]
  };
  std::vector<std::int64_t> begins;
  std::int64_t examples = 0;
  for (const auto& memory : memories_) {
    begins.push_back(examples);
    examples += memory.examples;
  }
  // Memories of finished examples are not read.
  std::vector<Tensor> contexts(memories_.size());
  in_parallel(0, static_cast<std::int64_t>(contexts.size()), 1, [&](std::int64_t first, std::int64_t end) {
    for (auto i = static_cast<std::size_t>(first); i < static_cast<std::size_t>(end); ++i)
      contexts[i] = context_of(memories_[i], begins[i]);
  });
  return site.write(joined(contexts, 0));
}

Tensor WhisperReader::layer_output(std::size_t layer, Tensor hidden, std::int64_t tokens, const Places& places) {
  const auto& [self, cross, feed_forward] = weights_.decoder[layer];
  hidden = residual(attend_to_itself(self.site, self.norm(hidden), read_[layer], tokens, places), hidden);
  hidden = residual(attend_to_memory(cross.site, cross.norm(hidden), layer, tokens), hidden);
  return whisper_feed_forward(feed_forward, config_, hidden);
}

Tensor WhisperReader::read(const Tensor& tokens) {
  const auto count = tokens.size(1);
  const auto places = places_of(count);
  make_room(length_ + count);
  auto hidden = embedded(tokens, places);  // [B*T, D]
  for (std::size_t layer = 0; layer < read_.size(); ++layer) hidden = layer_output(layer, hidden, count, places);
  length_ += count;
  for (auto& length : lengths_) length += count;
  return weights_.decoder_norm(hidden);
}

Tensor WhisperReader::read_alone(const Tensor& tokens, Restart& restart) {
  const auto encoder_sites = restart.versions.size() - 2 * read_.size();
  const auto before = [&](std::size_t layer) { return restart.versions.first(encoder_sites + 2 * layer); };
  auto [sites, hidden] = restart.states.furthest(restart.versions);
  std::size_t layer = 0;
  if (static_cast<std::size_t>(sites) > encoder_sites) {
    layer = (static_cast<std::size_t>(sites) - encoder_sites) / 2;
    restart.skipped += sites - static_cast<std::int64_t>(encoder_sites);
  } else {
    hidden = embedded(tokens, {});
  }
  make_room(tokens.size(1));
  for (; layer < read_.size(); ++layer) {
    hidden = layer_output(layer, hidden, tokens.size(1), {});
    restart.states.keep(before(layer + 1), hidden);
  }
  return weights_.decoder_norm(hidden);
}

void WhisperReader::rewind(std::vector<std::int64_t> lengths) {
  length_ = *std::max_element(lengths.begin(), lengths.end());
  lengths_ = std::move(lengths);
}

void WhisperReader::keep(const std::vector<std::int64_t>& examples) {
  const auto select = [&](HeldKeys& held, const Tensor& index, std::int64_t positions) {
    for (auto* tensors : {&held.key, &held.value}) {
      for (auto& tensor : *tensors)
        tensor = tensor.narrow(2, 0, std::min(positions, tensor.size(2))).index_select(0, index);
    }
  };
  std::vector<HeldMemory> memories;
  auto next = examples.begin();
  std::int64_t begin = 0;
  for (auto& memory : memories_) {
    std::vector<std::int64_t> own;
    for (; next != examples.end() && *next < begin + memory.examples; ++next) own.push_back(*next - begin);
    begin += memory.examples;
    if (own.empty()) continue;
    const auto left = static_cast<std::int64_t>(own.size());
    if (left < memory.examples) {
      const auto index = at::tensor(own, at::kLong).to(weights_.tokens.device());
      for (auto& held : memory.layers) select(held, index, config_.source_positions);
      memory.examples = left;
    }
    memories.push_back(std::move(memory));
  }
  memories_ = std::move(memories);
  examples_ = static_cast<std::int64_t>(examples.size());
  const auto index = at::tensor(examples, at::kLong).to(weights_.tokens.device());
  for (auto& held : read_) select(held, index, length_);
  if (lengths_.empty()) return;
  std::vector<std::int64_t> lengths;
  for (const auto example : examples) lengths.push_back(lengths_[static_cast<std::size_t>(example)]);
  rewind(std::move(lengths));
}

}  // namespace espalier::families
