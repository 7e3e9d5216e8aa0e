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
#include <ATen/ops/stack.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/where.h>
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

Tensor joined(const std::vector<Tensor>& parts, std::int64_t dim) {
  return parts.size() == 1 ? parts[0] : at::cat(parts, dim);
}

// Token ids where the weights are.
Tensor ids_of(const std::vector<std::int64_t>& tokens, const WhisperWeights& weights) {
  return at::tensor(tokens, at::kLong).to(weights.tokens.device());
}

// What the decoder would say next: [V, examples]. On a CPU many rows times few columns is the quicker order, and two
// columns are quicker than one; on a GPU a vocabulary is searched quicker where it stands in one row.
Tensor next_logits(const WhisperWeights& weights, const Tensor& states) {
  const auto& head = weights.head_weight();
  if (!states.is_cpu()) return at::mm(states, head.t()).t();
  if (states.size(0) == 1) return at::mm(head, at::cat({states, states}).t()).narrow(1, 0, 1);
  return at::mm(head, states.t());
}

// Tokens that are not to be written, those among them that the model has: made once a transcription.
class Suppressed {
 public:
  Suppressed(const std::vector<std::int64_t>& tokens, const WhisperWeights& weights) {
    std::vector<std::int64_t> known;
    std::copy_if(tokens.begin(), tokens.end(), std::back_inserter(known),
                 [&](std::int64_t token) { return token >= 0 && token < weights.head_weight().size(0); });
    if (!known.empty()) ids_ = ids_of(known, weights);
  }
  void in(Tensor& logits) const {
    if (ids_.defined()) logits.index_fill_(0, ids_, -std::numeric_limits<double>::infinity());
  }

 private:
  Tensor ids_;  // undefined: none
};

// The states after the last token of each example: [B*T, D] -> [B, D].
Tensor last_states(const Tensor& states, std::int64_t examples) {
  return states.view({examples, states.size(0) / examples, states.size(1)}).select(1, -1).contiguous();
}

// The language that each example is most likely in, by its token: [B].
Tensor languages_of(const WhisperWeights& weights, const Tensor& states, const std::vector<std::int64_t>& languages) {
  const auto tokens = ids_of(languages, weights);                                    // [languages]
  const auto best = next_logits(weights, states).index_select(0, tokens).argmax(0);  // [B]
  return tokens.index_select(0, best);
}

// The same tokens for each example: [B, T].
Tensor repeated(std::int64_t examples, std::span<const std::int64_t> tokens, const WhisperWeights& weights) {
  return ids_of({tokens.begin(), tokens.end()}, weights).expand({examples, -1});
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
  states = reader.read(languages_of(weights, states, rules.languages).unsqueeze(1));
  for (const auto& token : std::span(rules.prompt).subspan(known.size() + 1))
    states = reader.read(repeated(examples, {&token, 1}, weights));
  return states;
}

// What examples write, by the rows of the reader that reads them.
class Transcripts {
 public:
  Transcripts(std::int64_t examples, const DecodingRules& rules)
      : rules_(rules),
        written_(static_cast<std::size_t>(examples)),
        rows_(static_cast<std::size_t>(examples)),
        writes_(static_cast<std::size_t>(examples), true) {
    std::iota(rows_.begin(), rows_.end(), std::size_t{0});
  }

  // The next tokens, and the logit of each: [rows] a step, wherever they were computed. One transfer.
  void add(const std::vector<Tensor>& tokens, const std::vector<Tensor>& logits) {
    const auto ids = at::stack(tokens);                        // [steps, rows]
    const auto are_numbers = at::isfinite(at::stack(logits));  // [steps, rows]
    const auto seen = at::where(are_numbers, ids, -1 - ids).cpu().contiguous();
    const auto* id = seen.const_data_ptr<std::int64_t>();
    for (std::size_t step = 0; step < tokens.size(); ++step) {
      ++steps_;
      for (std::size_t row = 0; row < rows_.size(); ++row) add(row, *id++);
    }
  }
  std::vector<std::int64_t> writing() const {
    std::vector<std::int64_t> rows;
    for (std::size_t row = 0; row < rows_.size(); ++row) {
      if (writes_[row]) rows.push_back(static_cast<std::int64_t>(row));
    }
    return rows;
  }
  std::int64_t rows() const { return static_cast<std::int64_t>(rows_.size()); }
  void keep(const std::vector<std::int64_t>& rows) {
    std::vector<std::size_t> kept;
    for (const auto row : rows) kept.push_back(rows_[static_cast<std::size_t>(row)]);
    rows_ = std::move(kept);
    writes_.assign(rows_.size(), true);
  }
  std::vector<Transcription> take() { return std::move(written_); }

 private:
  // Below zero: -1 - token, where its logit is no number.
  void add(std::size_t row, std::int64_t seen) {
    if (!writes_[row]) return;
    auto& transcription = written_[rows_[row]];
    transcription.finite = transcription.finite && seen >= 0;
    const auto token = seen >= 0 ? seen : -1 - seen;
    writes_[row] = token != rules_.end;
    if (!writes_[row]) return;
    transcription.tokens.push_back(token);
    transcription.cut = steps_ == rules_.most_tokens;
  }

  const DecodingRules& rules_;
  std::vector<Transcription> written_;
  std::vector<std::size_t> rows_;  // which example each row is
  std::vector<bool> writes_;       // whether it still does
  std::int64_t steps_ = 0;
};

}  // namespace

HeldMemory whisper_memory(const WhisperWeights& weights, const Tensor& states, std::int64_t examples) {
  HeldMemory memory{examples, {}};
  for (const auto& layer : weights.decoder) {
    const auto& site = layer.cross.site;
    auto& held = memory.layers.emplace_back();
    if (site.groups.empty()) continue;
    const auto projected = site.project_key_value(states);  // [B*S, K and V]
    std::int64_t key = 0, value = site.qk_total();
    for (const auto& group : site.groups) {
      held.key.push_back(heads_of(projected, key, examples, group, group.qk).contiguous());      // [B, H, S, q]
      held.value.push_back(heads_of(projected, value, examples, group, group.vo).contiguous());  // [B, H, S, v]
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
                             std::vector<HeldMemory> memories)
    : weights_(weights), config_(config), memories_(std::move(memories)), read_(weights.decoder.size()) {
  for (const auto& memory : memories_) examples_ += memory.examples;
}

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
      const auto index = ids_of(own, weights_);
      for (auto& held : memory.layers) select(held, index, config_.source_positions);
      memory.examples = left;
    }
    memories.push_back(std::move(memory));
  }
  memories_ = std::move(memories);
  examples_ = static_cast<std::int64_t>(examples.size());
  const auto index = ids_of(examples, weights_);
  for (auto& held : read_) select(held, index, length_);
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
                                            std::vector<HeldMemory> memories, const DecodingRules& rules) {
  WhisperReader reader(weights, config, std::move(memories));
  if (reader.examples() == 0) return {};
  const auto states = reader.read(repeated(reader.examples(), known_prompt(rules), weights));  // [B*T, D]
  const auto found =
      languages_of(weights, last_states(states, reader.examples()), rules.languages).cpu().contiguous();  // [B]
  const auto* first = found.const_data_ptr<std::int64_t>();
  return {first, first + found.numel()};
}

std::vector<Transcription> whisper_transcribe(const WhisperWeights& weights, const WhisperConfig& config,
                                              std::vector<HeldMemory> memories, const DecodingRules& rules,
                                              std::int64_t tokens_a_look) {
  WhisperReader reader(weights, config, std::move(memories));
  if (reader.examples() == 0) return {};
  Transcripts transcripts(reader.examples(), rules);
  const Suppressed never(rules.suppressed, weights), not_first(rules.suppressed_at_begin, weights);
  auto states = read_prompt(weights, reader, rules);  // [B, D]
  std::vector<Tensor> tokens, logits_of_tokens;       // [B] a step, not looked at yet
  for (std::int64_t written = 1;; ++written) {
    auto logits = next_logits(weights, states);  // [V, B]
    if (written == 1) not_first.in(logits);
    never.in(logits);
    auto next = logits.argmax(0);  // [B]
    tokens.push_back(next);
    logits_of_tokens.push_back(logits.gather(0, next.unsqueeze(0)).select(0, 0));
    const bool last = written == rules.most_tokens;
    if (last || static_cast<std::int64_t>(tokens.size()) == tokens_a_look) {
      transcripts.add(tokens, logits_of_tokens);
      tokens.clear();
      logits_of_tokens.clear();
      const auto writing = transcripts.writing();
      if (last || writing.empty()) return transcripts.take();
      const auto count = transcripts.rows(), going_on = static_cast<std::int64_t>(writing.size());
      if (carried_share * (count - going_on) >= count) {
        reader.keep(writing);
        transcripts.keep(writing);
        next = next.index_select(0, ids_of(writing, weights));
      }
    }
    states = reader.read(next.unsqueeze(1));
  }
}

}  // namespace espalier::families
