#include "whisper_decoding.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/argmax.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/embedding.h>
#include <ATen/ops/full.h>
#include <ATen/ops/isfinite.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/scaled_dot_product_attention.h>
#include <ATen/ops/tensor.h>
#include <espalier/error.h>

#include <algorithm>
#include <limits>
#include <numeric>
#include <span>

#include "nn/arithmetic.h"
#include "whisper_pass.h"

namespace espalier::families {
namespace {

using at::Tensor;

// Room for so many tokens at first, then twice as many.
constexpr std::int64_t first_room = 32;
// Finished examples are carried along until they are one in so many.
constexpr std::int64_t carried_share = 8;

// Columns of a group as heads: [examples * rows, ...] -> [examples, H, rows, width].
Tensor heads_of(const Tensor& projected, std::int64_t column, std::int64_t examples, const HeadGroup& group,
                std::int64_t width) {
  const auto rows = projected.size(0) / examples;
  return projected.narrow(1, column, group.size() * width).view({examples, rows, group.size(), width}).transpose(1, 2);
}

// [examples, H, T, v]. Heads without QK channels attend uniformly over what they may see.
Tensor attended(const Tensor& query, const Tensor& key, const Tensor& value, const HeadGroup& group,
                std::int64_t tokens, bool causal) {
  if (group.qk > 0) return at::scaled_dot_product_attention(query, key, value, {}, 0, causal, group.scale);
  if (!causal) return value.mean(2, /*keepdim=*/true).expand({-1, -1, tokens, -1});
  return value.cumsum(2).div(at::arange(1, tokens + 1, value.options()).unsqueeze(1));
}

// What the decoder would say next: [V, examples]. Many rows times few columns is the quicker order, and two columns
// are quicker than one.
Tensor next_logits(const WhisperWeights& weights, const Tensor& states) {
  const auto& head = weights.head_weight();
  if (states.size(0) == 1) return at::mm(head, at::cat({states, states}).t()).narrow(1, 0, 1);
  return at::mm(head, states.t());
}

// The numbers among them that are tokens, for index_fill.
Tensor known_tokens(const std::vector<std::int64_t>& tokens, const Tensor& logits) {
  std::vector<std::int64_t> known;
  std::copy_if(tokens.begin(), tokens.end(), std::back_inserter(known),
               [&](std::int64_t token) { return token >= 0 && token < logits.size(0); });
  return at::tensor(known, logits.options().dtype(at::kLong));
}

void suppress(Tensor& logits, const std::vector<std::int64_t>& tokens) {
  if (!tokens.empty()) logits.index_fill_(0, known_tokens(tokens, logits), -std::numeric_limits<double>::infinity());
}

std::vector<std::int64_t> most_likely(const Tensor& logits) {
  const auto best = logits.argmax(0).cpu();  // [examples]
  const auto* first = best.const_data_ptr<std::int64_t>();
  return {first, first + best.numel()};
}

// The states after the last token of each example: [B*T, D] -> [B, D].
Tensor last_states(const Tensor& states, std::int64_t examples) {
  return states.view({examples, states.size(0) / examples, states.size(1)}).select(1, -1).contiguous();
}

Tensor column(std::vector<std::int64_t> tokens, const Tensor& like) {
  return at::tensor(tokens, like.options().dtype(at::kLong)).unsqueeze(1);  // [B, 1]
}

// The language that each example is most likely in, by its token.
std::vector<std::int64_t> languages_of(const WhisperWeights& weights, const Tensor& states,
                                       const std::vector<std::int64_t>& languages) {
  const auto logits = next_logits(weights, states);                              // [V, B]
  const auto tokens = at::tensor(languages, states.options().dtype(at::kLong));  // [languages]
  std::vector<std::int64_t> found;
  for (const auto best : most_likely(logits.index_select(0, tokens)))
    found.push_back(languages[static_cast<std::size_t>(best)]);
  return found;
}

// The same tokens for each example: [B, T].
Tensor repeated(std::int64_t examples, std::span<const std::int64_t> tokens, const WhisperWeights& weights) {
  const std::vector<std::int64_t> row(tokens.begin(), tokens.end());
  return at::tensor(row, weights.tokens.options().dtype(at::kLong)).expand({examples, -1});
}

// The part of the prompt before the language that is left open; all of it where none is.
std::span<const std::int64_t> known_prompt(const DecodingRules& rules) {
  const auto& prompt = rules.prompt;
  const auto unknown = std::find(prompt.begin(), prompt.end(), DecodingRules::detected_language);
  return std::span(prompt).first(static_cast<std::size_t>(unknown - prompt.begin()));
}

// Reads the prompt: the states that the first written token follows from, [B, D].
Tensor read_prompt(const WhisperWeights& weights, WhisperReader& reader, const DecodingRules& rules) {
  const auto examples = reader.examples();
  const auto known = known_prompt(rules);
  auto states = last_states(reader.read(repeated(examples, known, weights)), examples);
  if (known.size() == rules.prompt.size()) return states;
  states = reader.read(column(languages_of(weights, states, rules.languages), weights.tokens));
  for (const auto& token : std::span(rules.prompt).subspan(known.size() + 1))
    states = reader.read(repeated(examples, {&token, 1}, weights));
  return states;
}

}  // namespace

HeldMemory whisper_memory(const WhisperWeights& weights, const Tensor& states) {
  HeldMemory memory;
  for (const auto& layer : weights.decoder) {
    const auto& site = layer.cross.site;
    auto& held = memory.emplace_back();
    if (site.groups.empty()) continue;
    const auto projected = site.project_key_value(states);  // [S, K and V]
    std::int64_t key = 0, value = site.qk_total();
    for (const auto& group : site.groups) {
      held.key.push_back(heads_of(projected, key, 1, group, group.qk).contiguous());      // [1, H, S, q]
      held.value.push_back(heads_of(projected, value, 1, group, group.vo).contiguous());  // [1, H, S, v]
      // Heads without QK channels read the mean, whatever is asked.
      if (group.qk == 0) held.value.back() = held.value.back().mean(2, /*keepdim=*/true);
      key += group.qk_total();
      value += group.vo_total();
    }
  }
  return memory;
}

std::int64_t whisper_memory_bytes(const WhisperWeights& weights, const WhisperConfig& config) {
  std::int64_t channels = 0;
  for (const auto& layer : weights.decoder) channels += layer.cross.site.qk_total() + layer.cross.site.vo_total();
  return channels * config.source_positions * static_cast<std::int64_t>(weights.tokens.element_size());
}

WhisperReader::WhisperReader(const WhisperWeights& weights, const WhisperConfig& config,
                             std::vector<const HeldMemory*> memories)
    : weights_(weights), config_(config), memories_(std::move(memories)), read_(weights.decoder.size()) {}

void WhisperReader::make_room(std::int64_t tokens) {
  const auto enlarged = [&](const Tensor& held, std::int64_t heads, std::int64_t width) {
    if (held.defined() && held.size(2) >= tokens) return held;
    const auto room = std::max(tokens, held.defined() ? 2 * held.size(2) : first_room);
    auto larger = weights_.tokens.new_empty({examples(), heads, room, width});
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

Tensor WhisperReader::attend_to_itself(const AttentionSite& site, const Tensor& hidden, HeldKeys& held,
                                       std::int64_t tokens) const {
  if (site.groups.empty()) return site.write(hidden);
  const auto projected = site.project(hidden);  // [B*T, Q, K and V]
  std::vector<Tensor> contexts;
  std::int64_t query = 0, key = site.qk_total(), value = 2 * site.qk_total();
  for (std::size_t i = 0; i < site.groups.size(); ++i) {
    const auto& group = site.groups[i];
    held.key[i].narrow(2, length_, tokens).copy_(heads_of(projected, key, examples(), group, group.qk));
    held.value[i].narrow(2, length_, tokens).copy_(heads_of(projected, value, examples(), group, group.vo));
    const auto context =
        attended(heads_of(projected, query, examples(), group, group.qk), held.key[i].narrow(2, 0, length_ + tokens),
                 held.value[i].narrow(2, 0, length_ + tokens), group, tokens, /*causal=*/tokens > 1);  // [B, H, T, v]
    contexts.push_back(context.transpose(1, 2).reshape({hidden.size(0), group.vo_total()}));           // [B*T, H*v]
    query += group.qk_total();
    key += group.qk_total();
    value += group.vo_total();
  }
  return site.write(contexts.size() == 1 ? contexts[0] : at::cat(contexts, 1));
}

Tensor WhisperReader::attend_to_memory(const AttentionSite& site, const Tensor& hidden, std::size_t layer,
                                       std::int64_t tokens) const {
  if (site.groups.empty()) return site.write(hidden);
  const auto query = site.project_query(hidden);                                // [B*T, Q]
  const auto context = query.new_empty({examples(), tokens, site.vo_total()});  // [B, T, sum of H v]
  // Example by example: each has its memory where it was computed, and those of finished ones are not read.
  in_parallel(0, examples(), 1, [&](std::int64_t begin, std::int64_t end) {
    for (auto example = begin; example < end; ++example) {
      const auto& held = (*memories_[static_cast<std::size_t>(example)])[layer];
      const auto own = query.narrow(0, example * tokens, tokens);  // [T, Q]
      std::int64_t from = 0, to = 0;
      for (std::size_t i = 0; i < site.groups.size(); ++i) {
        const auto& group = site.groups[i];
        context[example]
            .narrow(1, to, group.vo_total())
            .view({tokens, group.size(), group.vo})
            .copy_(attended(heads_of(own, from, 1, group, group.qk), held.key[i], held.value[i], group, tokens,
                            /*causal=*/false)
                       .squeeze(0)
                       .transpose(0, 1));  // [T, H, v]
        from += group.qk_total();
        to += group.vo_total();
      }
    }
  });
  return site.write(context.view({hidden.size(0), site.vo_total()}));
}

Tensor WhisperReader::read(const Tensor& tokens) {
  const auto count = tokens.size(1);
  make_room(length_ + count);
  auto hidden = residual(at::embedding(weights_.tokens, tokens), weights_.target_positions.narrow(0, length_, count))
                    .view({examples() * count, config_.width});  // [B*T, D]
  for (std::size_t i = 0; i < weights_.decoder.size(); ++i) {
    const auto& layer = weights_.decoder[i];
    hidden = residual(attend_to_itself(layer.self.site, layer.self.norm(hidden), read_[i], count), hidden);
    hidden = residual(attend_to_memory(layer.cross.site, layer.cross.norm(hidden), i, count), hidden);
    hidden = whisper_feed_forward(layer.feed_forward, config_, hidden);
  }
  length_ += count;
  return weights_.decoder_norm(hidden);
}

void WhisperReader::keep(const std::vector<std::int64_t>& examples) {
  std::vector<const HeldMemory*> memories;
  for (const auto example : examples) memories.push_back(memories_[static_cast<std::size_t>(example)]);
  memories_ = std::move(memories);
  const auto index = at::tensor(examples, weights_.tokens.options().dtype(at::kLong));
  for (auto& held : read_) {
    for (auto* tensors : {&held.key, &held.value}) {
      for (auto& tensor : *tensors) tensor = tensor.narrow(2, 0, length_).index_select(0, index);
    }
  }
}

void check_rules(const DecodingRules& rules, const WhisperConfig& config) {
  const auto is_token = [&](std::int64_t token) { return token >= 0 && token < config.vocabulary; };
  const bool fits =
      !rules.prompt.empty() && is_token(rules.prompt[0]) && is_token(rules.end) &&
      std::all_of(rules.prompt.begin(), rules.prompt.end(),
                  [&](auto token) { return is_token(token) || token == DecodingRules::detected_language; }) &&
      std::all_of(rules.languages.begin(), rules.languages.end(), is_token) &&
      !(rules.detects_language() && rules.languages.empty());
  if (!fits)
    throw SettingsError("the decoding rules belong to another model: their tokens are not all of its vocabulary");
  const auto prompt = static_cast<std::int64_t>(rules.prompt.size());
  if (rules.most_tokens < 1 || prompt + rules.most_tokens > config.target_positions) {
    throw SettingsError("a transcript of at most " + std::to_string(rules.most_tokens) + " tokens after a prompt of " +
                        std::to_string(prompt) + " does not fit the model\n    expected from 1 to " +
                        std::to_string(config.target_positions - prompt) + " (max_target_positions " +
                        std::to_string(config.target_positions) + ")");
  }
}

std::vector<std::int64_t> whisper_languages(const WhisperWeights& weights, const WhisperConfig& config,
                                            const std::vector<const HeldMemory*>& memories,
                                            const DecodingRules& rules) {
  if (memories.empty()) return {};
  WhisperReader reader(weights, config, memories);
  const auto states = reader.read(repeated(reader.examples(), known_prompt(rules), weights));  // [B*T, D]
  return languages_of(weights, last_states(states, reader.examples()), rules.languages);
}

std::vector<Transcription> whisper_transcribe(const WhisperWeights& weights, const WhisperConfig& config,
                                              const std::vector<const HeldMemory*>& memories,
                                              const DecodingRules& rules) {
  std::vector<Transcription> transcriptions(memories.size());
  if (memories.empty()) return transcriptions;
  WhisperReader reader(weights, config, memories);
  // Rows of the reader: which example each is, and whether it still writes.
  std::vector<std::int64_t> rows(memories.size());
  std::iota(rows.begin(), rows.end(), std::int64_t{0});
  std::vector<bool> writes(memories.size(), true);
  auto states = read_prompt(weights, reader, rules);  // [B, D]
  for (std::int64_t written = 1;; ++written) {
    auto logits = next_logits(weights, states);  // [V, B]
    if (written == 1) suppress(logits, rules.suppressed_at_begin);
    suppress(logits, rules.suppressed);
    auto next = most_likely(logits);
    const auto likely = logits.gather(0, column(next, weights.tokens).t()).squeeze(0).isfinite();  // [B]
    std::vector<std::int64_t> writing;
    for (std::size_t row = 0; row < rows.size(); ++row) {
      if (!writes[row]) continue;
      auto& transcription = transcriptions[static_cast<std::size_t>(rows[row])];
      transcription.finite = transcription.finite && likely.const_data_ptr<bool>()[row];
      writes[row] = next[row] != rules.end;
      if (writes[row]) {
        transcription.tokens.push_back(next[row]);
        transcription.cut = written == rules.most_tokens;
        writing.push_back(static_cast<std::int64_t>(row));
      }
    }
    if (writing.empty() || written == rules.most_tokens) return transcriptions;
    const auto count = static_cast<std::int64_t>(rows.size()), going_on = static_cast<std::int64_t>(writing.size());
    if (carried_share * (count - going_on) >= count) {
      std::vector<std::int64_t> kept_rows, kept_next;
      for (const auto row : writing) {
        kept_rows.push_back(rows[static_cast<std::size_t>(row)]);
        kept_next.push_back(next[static_cast<std::size_t>(row)]);
      }
      reader.keep(writing);
      rows = std::move(kept_rows);
      next = std::move(kept_next);
      writes.assign(rows.size(), true);
    }
    states = reader.read(column(next, weights.tokens));
  }
}

}  // namespace espalier::families
