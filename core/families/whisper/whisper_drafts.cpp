#include "whisper_drafts.h"

#include <ATen/Context.h>
#include <ATen/TensorOperators.h>
#include <ATen/autocast_mode.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/tensor.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <span>
#include <tuple>
#include <utility>

#include "whisper_decoding.h"
#include "whisper_reader.h"

namespace espalier::families {
namespace {

using at::Tensor;

// Tokens of a draft that are read together at first, and at most.
constexpr std::int64_t first_reach = 32, most_reach = 64;
// As many after a token that was not foreseen, at most: few columns of a vocabulary take as long as one.
constexpr std::int64_t careful_reach = 4;
// Tokens behind each other by which a place in a draft is found.
constexpr std::int64_t most_agreeing = 8;
// Columns of logits that are looked at together.
constexpr std::int64_t columns_together = 256, columns_together_on_gpu = 2048;
// How much less likely than the most likely token every other has to be, as a share of the logit: some ten times what the
// order of sums changes.
constexpr double closeness = 1.0 / 65536;

constexpr double least = -std::numeric_limits<double>::infinity();

// Also false where a logit is no number.
bool is_clear(double first, double second) {
  const double larger = std::max(first, second);
  return std::isfinite(larger) && std::abs(first - second) > closeness * (1 + std::abs(larger));
}

std::int64_t agreeing_prefix(const Draft& a, const Draft& b) {
  return std::mismatch(a.begin(), a.end(), b.begin(), b.end()).first - a.begin();
}

// Begins with the one that has most in common with the others.
void sort_by_agreement(std::vector<Draft>& drafts) {
  const auto agreement = [&](const Draft& draft) {
    std::int64_t sum = 0;
    for (const auto& other : drafts) sum += agreeing_prefix(draft, other);
    return sum;
  };
  std::vector<std::pair<std::int64_t, Draft>> sums;
  for (auto& draft : drafts) sums.emplace_back(-agreement(draft), draft);
  std::stable_sort(sums.begin(), sums.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  for (std::size_t i = 0; i < drafts.size(); ++i) drafts[i] = std::move(sums[i].second);
}

// How many tokens before this place of a draft are the last ones that were written.
std::int64_t agreeing(const Draft& draft, std::int64_t place, const Draft& written) {
  std::int64_t count = 0;
  const auto most = std::min({place, static_cast<std::int64_t>(written.size()), most_agreeing});
  while (count < most && draft[static_cast<std::size_t>(place - 1 - count)] ==
                             written[written.size() - 1 - static_cast<std::size_t>(count)])
    ++count;
  return count;
}

// What follows, in a draft or in what is written already, where the last tokens agree best.
Draft foreseen(const std::vector<Draft>& drafts, const Draft& written, std::int64_t most) {
  const Draft* best = nullptr;
  std::int64_t at = 0, agreed = written.empty() ? -1 : 0;
  for (const auto& draft : drafts) {
    const std::int64_t here = std::ssize(written);
    for (std::int64_t place = written.empty() ? 0 : 1; place < std::ssize(draft); ++place) {
      const auto count = agreeing(draft, place, written);
      const bool nearer = best == &draft && count == agreed && std::abs(place - here) < std::abs(at - here);
      if (count > agreed || nearer) std::tie(best, at, agreed) = std::tuple(&draft, place, count);
      if (written.empty()) break;
    }
  }
  // Who repeats himself goes on to: what came last is likeliest.
  for (std::int64_t place = std::ssize(written) - 1; place > 0; --place) {
    const auto count = agreeing(written, place, written);
    if (count > agreed) std::tie(best, at, agreed) = std::tuple(&written, place, count);
  }
  if (best == nullptr) return {};
  return {best->begin() + at, best->begin() + std::min(at + most, static_cast<std::int64_t>(best->size()))};
}

// One example that still writes.
struct Row {
  std::size_t example = 0;
  std::int64_t read = 0;  // tokens
  Draft pending;          // to be read: certain
  Draft written;
  Draft expected;  // next; with the end where it is expected
  std::int64_t reach = first_reach;
  std::int64_t column = 0;  // of its first logits
};

class DraftedTranscripts {
 public:
  DraftedTranscripts(const WhisperWeights& weights, const WhisperConfig& config, std::vector<HeldMemory> memories,
                     const DecodingRules& rules, std::vector<std::vector<Draft>> drafts)
      : weights_(weights),
        rules_(rules),
        reader_(weights, config, std::move(memories)),
        never_(rules.suppressed, weights),
        not_first_(rules.suppressed_at_begin, weights),
        drafts_(std::move(drafts)),
        answers_(drafts_.size()) {
    for (auto& some : drafts_) sort_by_agreement(some);
  }

  std::optional<std::vector<Transcription>> write() {
    if (!begin()) return std::nullopt;
    while (!rows_.empty()) {
      if (!go_on()) return std::nullopt;
    }
    return std::move(answers_);
  }

 private:
  bool begin();
  bool go_on();
  Tensor read_rows();
  // Of these rows: whether it is clear what they write.
  bool take(std::span<Row> rows, const Tensor& states);
  bool take_unforeseen(const Tensor& logits, const std::vector<std::pair<Row*, std::int64_t>>& unforeseen);
  // False: that was its last token.
  bool goes_on(Row& row, std::int64_t token);
  std::int64_t asked(const Row& row) const { return 1 + std::ssize(row.expected) - (ends(row.expected) ? 1 : 0); }
  bool ends(const Draft& draft) const { return !draft.empty() && draft.back() == rules_.end; }

  const WhisperWeights& weights_;
  const DecodingRules& rules_;
  WhisperReader reader_;
  const Suppressed never_, not_first_;
  std::vector<std::vector<Draft>> drafts_;
  std::vector<Transcription> answers_;
  std::vector<Row> rows_;
};

// The most likely of each row of logits [rows, choices], on the CPU; empty where that is not clear.
std::vector<std::int64_t> clear_choices(const Tensor& logits) {
  const auto best = logits.argmax(1, /*keepdim=*/true);                                                   // [rows, 1]
  const auto first = logits.gather(1, best).squeeze(1), second = logits.scatter(1, best, least).amax(1);  // [rows]
  const auto numbers = at::stack({first, second}).to(at::kDouble).cpu().contiguous();                     // [2, rows]
  const auto on_cpu = best.cpu().contiguous();
  const auto* number = numbers.const_data_ptr<double>();
  const auto rows = logits.size(0);
  for (std::int64_t row = 0; row < rows; ++row) {
    if (!is_clear(number[row], number[rows + row])) return {};
  }
  const auto* choice = on_cpu.const_data_ptr<std::int64_t>();
  return {choice, choice + rows};
}

bool DraftedTranscripts::begin() {
  const auto examples = reader_.examples();
  const auto known = known_prompt(rules_);
  rows_.resize(static_cast<std::size_t>(examples));
  std::vector<std::int64_t> languages;
  const bool is_open = known.size() < rules_.prompt.size();
  if (is_open) {
    const auto states = last_states(reader_.read(repeated(examples, known, weights_)), examples);  // [B, D]
    const auto of_languages = next_logits(weights_, states).index_select(0, ids_of(rules_.languages, weights_)).t();
    languages = clear_choices(of_languages.contiguous());
    if (languages.empty()) return false;
  }
  for (std::size_t i = 0; i < rows_.size(); ++i) {
    auto& row = rows_[i];
    row.example = i;
    if (is_open) {
      row.read = std::ssize(known);
      row.pending = {rules_.languages[static_cast<std::size_t>(languages[i])]};
    }
    const auto rest = std::span(rules_.prompt).subspan(is_open ? known.size() + 1 : 0);
    row.pending.insert(row.pending.end(), rest.begin(), rest.end());
  }
  return true;
}

bool DraftedTranscripts::goes_on(Row& row, std::int64_t token) {
  auto& answer = answers_[row.example];
  if (token != rules_.end) row.written.push_back(token);
  answer.cut = token != rules_.end && std::ssize(row.written) == rules_.most_tokens;
  if (token != rules_.end && !answer.cut) return true;
  answer.tokens = std::move(row.written);
  row.pending.clear();
  return false;
}

// What is pending of each row, and behind it what is expected: [rows*T, D].
Tensor DraftedTranscripts::read_rows() {
  std::int64_t longest = 0;
  for (auto& row : rows_) {
    const auto room = rules_.most_tokens - std::ssize(row.written);
    row.expected = foreseen(drafts_[row.example], row.written, std::min(row.reach, room));
    const auto end = std::find(row.expected.begin(), row.expected.end(), rules_.end);
    if (end != row.expected.end()) row.expected.erase(end + 1, row.expected.end());
    // The last token of all need not be read.
    if (!ends(row.expected) && std::ssize(row.expected) == room) row.expected.pop_back();
    longest = std::max(longest, std::ssize(row.pending) + asked(row) - 1);
  }
  std::vector<std::int64_t> tokens;
  for (const auto& row : rows_) {
    const auto filled = tokens.size() + static_cast<std::size_t>(longest);
    tokens.insert(tokens.end(), row.pending.begin(), row.pending.end());
    tokens.insert(tokens.end(), row.expected.begin(), row.expected.begin() + (asked(row) - 1));
    tokens.resize(filled, rules_.end);
  }
  return reader_.read(ids_of(tokens, weights_).view({std::ssize(rows_), longest}));
}

bool DraftedTranscripts::go_on() {
  const auto states = read_rows();  // [rows*T, D]
  const auto longest = states.size(0) / std::ssize(rows_);
  const auto most = states.is_cpu() ? columns_together : columns_together_on_gpu;
  for (std::size_t first = 0, end = 0; first < rows_.size(); first = end) {
    std::vector<std::int64_t> places;
    for (; end < rows_.size() && (end == first || std::ssize(places) + asked(rows_[end]) <= most); ++end) {
      rows_[end].column = std::ssize(places);
      const auto place = static_cast<std::int64_t>(end) * longest + std::ssize(rows_[end].pending) - 1;
      for (std::int64_t i = 0; i < asked(rows_[end]); ++i) places.push_back(place + i);
    }
    if (!take(std::span(rows_).subspan(first, end - first), states.index_select(0, ids_of(places, weights_))))
      return false;
  }
  std::vector<std::int64_t> writing, lengths;
  for (std::size_t i = 0; i < rows_.size(); ++i) {
    lengths.push_back(rows_[i].read);
    if (!rows_[i].pending.empty()) writing.push_back(static_cast<std::int64_t>(i));
  }
  if (!writing.empty()) reader_.rewind(std::move(lengths));
  if (!writing.empty() && writing.size() < rows_.size()) reader_.keep(writing);
  std::erase_if(rows_, [](const Row& row) { return row.pending.empty(); });
  return true;
}

bool DraftedTranscripts::take(std::span<Row> rows, const Tensor& states) {
  auto logits = next_logits(weights_, states);  // [V, columns]
  std::vector<std::int64_t> first_columns, expected;
  for (const auto& row : rows) {
    if (row.written.empty()) first_columns.push_back(row.column);
    for (std::int64_t i = 0; i < asked(row); ++i)
      expected.push_back(i < std::ssize(row.expected) ? row.expected[static_cast<std::size_t>(i)] : rules_.end);
  }
  never_.in(logits);
  not_first_.in(logits, first_columns);
  const auto ids = ids_of(expected, weights_).unsqueeze(0);  // [1, columns]
  const auto own = logits.gather(0, ids);                    // [1, columns]
  logits.scatter_(0, ids, least);
  const auto others = logits.amax(0, /*keepdim=*/true);  // [1, columns]
  logits.scatter_(0, ids, own);
  const auto numbers = at::cat({own, others}).to(at::kDouble).cpu().contiguous();  // [2, columns]
  const auto* of_own = numbers.const_data_ptr<double>();
  const auto* of_others = of_own + expected.size();
  std::vector<std::pair<Row*, std::int64_t>> unforeseen;  // and the column of what it writes instead
  for (auto& row : rows) {
    std::int64_t taken = 0;
    bool writes = true;
    const std::int64_t foreseen_tokens = std::ssize(row.expected);
    for (; writes && taken < foreseen_tokens; ++taken) {
      const auto column = row.column + taken;
      if (!is_clear(of_own[column], of_others[column])) return false;
      if (of_own[column] < of_others[column]) break;
      writes = goes_on(row, row.expected[static_cast<std::size_t>(taken)]);
    }
    if (!writes) continue;
    row.read += std::ssize(row.pending) + taken;
    if (taken < foreseen_tokens) {
      row.reach = std::clamp(taken, std::int64_t{1}, careful_reach);
    } else if (taken > 0) {
      row.reach = std::min(2 * row.reach, most_reach);
    }
    unforeseen.emplace_back(&row, row.column + taken);
  }
  return take_unforeseen(logits, unforeseen);
}

bool DraftedTranscripts::take_unforeseen(const Tensor& logits,
                                         const std::vector<std::pair<Row*, std::int64_t>>& unforeseen) {
  if (unforeseen.empty()) return true;
  std::vector<std::int64_t> columns;
  for (const auto& [row, column] : unforeseen) columns.push_back(column);
  const auto tokens = clear_choices(logits.index_select(1, ids_of(columns, weights_)).t().contiguous());
  if (tokens.empty()) return false;
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    auto& row = *unforeseen[i].first;
    if (goes_on(row, tokens[i])) row.pending = {tokens[i]};
  }
  return true;
}

}  // namespace

bool drafts_decide_nothing(const WhisperWeights& weights) {
  const auto& sample = weights.decoder.empty() ? weights.tokens : weights.decoder[0].feed_forward.inner.weight;
  if (sample.scalar_type() != at::kFloat && sample.scalar_type() != at::kDouble) return false;
  if (sample.device().type() != at::kPrivateUse1 && at::autocast::is_autocast_enabled(sample.device().type()))
    return false;
  return sample.is_cpu() || at::globalContext().float32MatmulPrecision() == at::Float32MatmulPrecision::HIGHEST;
}

std::optional<std::vector<Transcription>> whisper_transcribe_along(const WhisperWeights& weights,
                                                                   const WhisperConfig& config,
                                                                   std::vector<HeldMemory> memories,
                                                                   const DecodingRules& rules,
                                                                   std::vector<std::vector<Draft>> drafts) {
  return DraftedTranscripts(weights, config, std::move(memories), rules, std::move(drafts)).write();
}

}  // namespace espalier::families
