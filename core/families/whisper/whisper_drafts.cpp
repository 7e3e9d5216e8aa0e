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
#include <tuple>
#include <utility>

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

// How many tokens of the first draft are worth reading together: about as many as others agree on.
std::int64_t agreed_reach(const std::vector<Draft>& drafts) {
  if (drafts.size() < 2) return first_reach;
  std::int64_t sum = 0;
  for (std::size_t i = 1; i < drafts.size(); ++i) sum += agreeing_prefix(drafts[0], drafts[i]);
  return std::clamp(sum / (std::ssize(drafts) - 1), std::int64_t{1}, first_reach);
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

// The most likely of each row of logits [rows, choices]; -1 where that is not clear.
std::vector<std::int64_t> clear_choices(const Tensor& logits) {
  const auto best = logits.argmax(1, /*keepdim=*/true);                                                   // [rows, 1]
  const auto first = logits.gather(1, best).squeeze(1), second = logits.scatter(1, best, least).amax(1);  // [rows]
  const auto numbers = at::stack({first, second}).to(at::kDouble).cpu().contiguous();                     // [2, rows]
  const auto on_cpu = best.cpu().contiguous();
  const auto* number = numbers.const_data_ptr<double>();
  const auto* choice = on_cpu.const_data_ptr<std::int64_t>();
  const auto rows = logits.size(0);
  std::vector<std::int64_t> choices;
  for (std::int64_t row = 0; row < rows; ++row)
    choices.push_back(is_clear(number[row], number[rows + row]) ? choice[row] : -1);
  return choices;
}

bool ends(const Draft& draft, std::int64_t end) { return !draft.empty() && draft.back() == end; }

}  // namespace

std::int64_t DraftedRow::asked(std::int64_t end) const {
  return 1 + std::ssize(expected) - (ends(expected, end) ? 1 : 0);
}

DraftedTranscripts::DraftedTranscripts(const WhisperWeights& weights, const WhisperConfig& config,
                                       std::vector<HeldMemory> memories, const DecodingRules& rules,
                                       std::vector<std::vector<Draft>> drafts)
    : weights_(weights),
      rules_(rules),
      reader_(weights, config, std::move(memories)),
      drafts_(std::move(drafts)),
      answers_(drafts_.size()),
      rows_(drafts_.size()),
      bytes_of_example_(whisper_memory_bytes(weights, config)) {
  const auto examples = reader_.examples();
  const auto known = known_prompt(rules_);
  const bool is_open = known.size() < rules_.prompt.size();
  std::vector<std::int64_t> languages;
  if (is_open) {
    const auto states = last_states(reader_.read(repeated(examples, known, weights_)), examples);  // [B, D]
    const auto of_languages = next_logits(weights_, states).index_select(0, ids_of(rules_.languages, weights_)).t();
    languages = clear_choices(of_languages.contiguous());
  }
  const auto rest = std::span(rules_.prompt).subspan(is_open ? known.size() + 1 : 0);
  for (std::size_t i = 0; i < rows_.size(); ++i) {
    auto& row = rows_[i];
    row.example = i;
    sort_by_agreement(drafts_[i]);
    row.reach = agreed_reach(drafts_[i]);
    if (is_open) {
      row.read = std::ssize(known);
      row.is_clear = languages[i] >= 0;
      row.pending = {rules_.languages[static_cast<std::size_t>(std::max(languages[i], std::int64_t{0}))]};
    }
    row.pending.insert(row.pending.end(), rest.begin(), rest.end());
  }
}

Tensor DraftedTranscripts::read() {
  std::int64_t longest = 0;
  for (auto& row : rows_) {
    const auto room = rules_.most_tokens - std::ssize(row.written);
    row.expected = foreseen(drafts_[row.example], row.written, std::min(row.reach, room));
    const auto end = std::find(row.expected.begin(), row.expected.end(), rules_.end);
    if (end != row.expected.end()) row.expected.erase(end + 1, row.expected.end());
    // The last token of all need not be read.
    if (!ends(row.expected, rules_.end) && std::ssize(row.expected) == room) row.expected.pop_back();
    longest = std::max(longest, std::ssize(row.pending) + row.asked(rules_.end) - 1);
  }
  std::vector<std::int64_t> tokens, places;
  for (const auto& row : rows_) {
    const auto begin = std::ssize(tokens), asked = row.asked(rules_.end);
    tokens.insert(tokens.end(), row.pending.begin(), row.pending.end());
    tokens.insert(tokens.end(), row.expected.begin(), row.expected.begin() + (asked - 1));
    tokens.resize(static_cast<std::size_t>(begin + longest), rules_.end);
    for (std::int64_t i = 0; i < asked; ++i) places.push_back(begin + std::ssize(row.pending) - 1 + i);
  }
  const auto states = reader_.read(ids_of(tokens, weights_).view({std::ssize(rows_), longest}));  // [rows*T, D]
  return states.index_select(0, ids_of(places, weights_));
}

bool DraftedTranscripts::settle() {
  std::vector<std::int64_t> writing, lengths;
  for (std::size_t i = 0; i < rows_.size(); ++i) {
    auto& row = rows_[i];
    if (!row.is_clear) return false;
    lengths.push_back(row.read);
    if (!row.pending.empty()) {
      writing.push_back(static_cast<std::int64_t>(i));
      continue;
    }
    answers_[row.example] = {.tokens = std::move(row.written), .cut = row.cut};
  }
  if (!writing.empty()) reader_.rewind(std::move(lengths));
  if (!writing.empty() && writing.size() < rows_.size()) reader_.keep(writing);
  std::erase_if(rows_, [](const DraftedRow& row) { return row.pending.empty(); });
  return true;
}

std::int64_t DraftedTranscripts::held_bytes() const { return std::ssize(rows_) * bytes_of_example_; }

WritingTogether::WritingTogether(const WhisperWeights& weights, const DecodingRules& rules)
    : weights_(weights),
      rules_(rules),
      never_(rules.suppressed, weights),
      not_first_(rules.suppressed_at_begin, weights) {}

void WritingTogether::add(DraftedTranscripts transcripts, Done done) {
  all_.push_back({std::move(transcripts), std::move(done)});
}

std::int64_t WritingTogether::held_bytes() const {
  std::int64_t bytes = 0;
  for (const auto& one : all_) bytes += one.transcripts.held_bytes();
  return bytes;
}

void WritingTogether::go_on() {
  std::vector<DraftedRow*> rows;
  std::vector<Tensor> states;
  std::int64_t columns = 0;
  const auto take_all = [&] {
    if (!rows.empty()) take(rows, states.size() == 1 ? states[0] : at::cat(states));
    rows.clear();
    states.clear();
    columns = 0;
  };
  for (auto& [transcripts, done] : all_) {
    const auto of_rows = transcripts.read();  // [asked, D]
    const auto most = of_rows.is_cpu() ? columns_together : columns_together_on_gpu;
    std::int64_t begin = 0;
    for (auto& row : transcripts.rows()) {
      const auto asked = row.asked(rules_.end);
      if (columns + asked > most) take_all();
      rows.push_back(&row);
      states.push_back(of_rows.narrow(0, begin, asked));
      begin += asked;
      columns += asked;
    }
  }
  take_all();
  for (auto one = all_.begin(); one != all_.end();) {
    const bool is_clear = one->transcripts.settle();
    if (is_clear && !one->transcripts.rows().empty()) {
      ++one;
      continue;
    }
    auto ended = std::move(*one);
    one = all_.erase(one);
    ended.done(is_clear ? std::optional(ended.transcripts.take()) : std::nullopt);
  }
}

bool WritingTogether::goes_on(DraftedRow& row, std::int64_t token) const {
  if (token != rules_.end) row.written.push_back(token);
  row.cut = token != rules_.end && std::ssize(row.written) == rules_.most_tokens;
  if (token != rules_.end && !row.cut) return true;
  row.pending.clear();
  return false;
}

void WritingTogether::take(std::span<DraftedRow* const> rows, const Tensor& states) const {
  auto logits = next_logits(weights_, states);  // [V, columns]
  std::vector<std::int64_t> first_columns, expected;
  for (const auto* row : rows) {
    if (row->written.empty()) first_columns.push_back(std::ssize(expected));
    for (std::int64_t i = 0; i < row->asked(rules_.end); ++i)
      expected.push_back(i < std::ssize(row->expected) ? row->expected[static_cast<std::size_t>(i)] : rules_.end);
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
  std::vector<DraftedRow*> unforeseen;
  std::vector<std::int64_t> columns;  // of what they write instead
  std::int64_t column = 0;
  for (auto* row : rows) {
    const std::int64_t begin = column, foreseen_tokens = std::ssize(row->expected);
    column += row->asked(rules_.end);
    std::int64_t taken = 0;
    bool writes = true;
    for (; writes && taken < foreseen_tokens; ++taken) {
      const auto place = begin + taken;
      row->is_clear = row->is_clear && is_clear(of_own[place], of_others[place]);
      if (!row->is_clear || of_own[place] < of_others[place]) break;
      writes = goes_on(*row, row->expected[static_cast<std::size_t>(taken)]);
    }
    if (!writes || !row->is_clear) continue;
    row->read += std::ssize(row->pending) + taken;
    if (taken < foreseen_tokens) {
      row->reach = std::clamp(taken, std::int64_t{1}, careful_reach);
    } else if (taken > 0) {
      row->reach = std::min(2 * row->reach, most_reach);
    }
    unforeseen.push_back(row);
    columns.push_back(begin + taken);
  }
  take_unforeseen(logits, unforeseen, columns);
}

void WritingTogether::take_unforeseen(const Tensor& logits, std::span<DraftedRow* const> rows,
                                      const std::vector<std::int64_t>& columns) const {
  if (rows.empty()) return;
  const auto tokens = clear_choices(logits.index_select(1, ids_of(columns, weights_)).t().contiguous());
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    auto& row = *rows[i];
    row.is_clear = tokens[i] >= 0;
    if (row.is_clear && goes_on(row, tokens[i])) row.pending = {tokens[i]};
  }
}

bool drafts_decide_nothing(const WhisperWeights& weights) {
  const auto& sample = weights.decoder.empty() ? weights.tokens : weights.decoder[0].feed_forward.inner.weight;
  if (sample.scalar_type() != at::kFloat && sample.scalar_type() != at::kDouble) return false;
  if (sample.device().type() != at::kPrivateUse1 && at::autocast::is_autocast_enabled(sample.device().type()))
    return false;
  return sample.is_cpu() || at::globalContext().float32MatmulPrecision() == at::Float32MatmulPrecision::HIGHEST;
}

}  // namespace espalier::families
