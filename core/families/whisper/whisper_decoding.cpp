#include "whisper_decoding.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/argmax.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/full.h>
#include <ATen/ops/isfinite.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/where.h>
#include <espalier/error.h>

#include <algorithm>
#include <limits>
#include <numeric>
#include <span>
#include <utility>

namespace espalier::families {
namespace {

using at::Tensor;

// Finished examples are carried along until they are one in so many.
constexpr std::int64_t carried_share = 8;

// The language that each example is most likely in, by its token: [B].
Tensor languages_of(const WhisperWeights& weights, const Tensor& states, const std::vector<std::int64_t>& languages) {
  const auto tokens = ids_of(languages, weights);                                    // [languages]
  const auto best = next_logits(weights, states).index_select(0, tokens).argmax(0);  // [B]
  return tokens.index_select(0, best);
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

Tensor ids_of(const std::vector<std::int64_t>& tokens, const WhisperWeights& weights) {
  return at::tensor(tokens, at::kLong).to(weights.tokens.device());
}

Tensor next_logits(const WhisperWeights& weights, const Tensor& states) {
  const auto& head = weights.head_weight();
  if (!states.is_cpu()) return at::mm(states, head.t()).t();
  if (states.size(0) == 1) return at::mm(head, at::cat({states, states}).t()).narrow(1, 0, 1);
  return at::mm(head, states.t());
}

Suppressed::Suppressed(const std::vector<std::int64_t>& tokens, const WhisperWeights& weights) {
  std::vector<std::int64_t> known;
  std::copy_if(tokens.begin(), tokens.end(), std::back_inserter(known),
               [&](std::int64_t token) { return token >= 0 && token < weights.head_weight().size(0); });
  if (!known.empty()) ids_ = ids_of(known, weights);
}

void Suppressed::in(Tensor& logits) const {
  if (ids_.defined()) logits.index_fill_(0, ids_, -std::numeric_limits<double>::infinity());
}

void Suppressed::in(Tensor& logits, const std::vector<std::int64_t>& columns) const {
  if (!ids_.defined() || columns.empty()) return;
  const auto places = at::tensor(columns, at::kLong).to(logits.device());  // [columns]
  logits.index_put_({ids_.unsqueeze(1), places},
                    at::full({}, -std::numeric_limits<double>::infinity(), logits.options()));
}

Tensor last_states(const Tensor& states, std::int64_t examples) {
  return states.view({examples, states.size(0) / examples, states.size(1)}).select(1, -1).contiguous();
}

Tensor repeated(std::int64_t examples, std::span<const std::int64_t> tokens, const WhisperWeights& weights) {
  return ids_of({tokens.begin(), tokens.end()}, weights).expand({examples, -1});
}

std::span<const std::int64_t> known_prompt(const DecodingRules& rules) {
  const auto& prompt = rules.prompt;
  const auto unknown = std::find(prompt.begin(), prompt.end(), DecodingRules::detected_language);
  return std::span(prompt).first(static_cast<std::size_t>(unknown - prompt.begin()));
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
