// Greedy decoding along what is likely to be written. Several tokens are read at once, and taken as far as they are what the
// model writes: a CPU reads the vocabulary and the memory once for all of them.
//
// Letters as in whisper_memory.h.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <list>
#include <optional>
#include <span>
#include <vector>

#include "families/speech.h"
#include "whisper_config.h"
#include "whisper_decoding.h"
#include "whisper_memory.h"
#include "whisper_reader.h"
#include "whisper_weights.h"

namespace espalier::families {

// What is said to have been written: tokens, and the end where it was.
using Draft = std::vector<std::int64_t>;

// Whether a token weighs the same to a few last bits, however many are read with it: not so in half types.
bool drafts_decide_nothing(const WhisperWeights& weights);

// One example that still writes.
struct DraftedRow {
  std::size_t example = 0;
  std::int64_t read = 0;  // tokens
  Draft pending;          // to be read: certain; empty: it has written its last token
  Draft written;
  Draft expected;          // next; with the end where it is expected
  std::int64_t reach = 1;  // how many tokens of a draft are read together
  bool cut = false, is_clear = true;

  // How many logits it asks for.
  std::int64_t asked(std::int64_t end) const;
};

// What one model writes of some examples.
class DraftedTranscripts {
 public:
  // Refers to weights, config and rules; `drafts` by example.
  DraftedTranscripts(const WhisperWeights& weights, const WhisperConfig& config, std::vector<HeldMemory> memories,
                     const DecodingRules& rules, std::vector<std::vector<Draft>> drafts);

  std::span<DraftedRow> rows() { return rows_; }
  // Reads what is pending of each row, and behind it what is expected: the states that its next tokens follow from, as
  // many as it asks for, row by row, [asked, D].
  at::Tensor read();
  // Once rows have taken what they write: those that go on. False: of one it is not clear.
  bool settle();
  // By example, once no row is left.
  std::vector<Transcription> take() { return std::move(answers_); }
  // Of what is read, by the rows that are left.
  std::int64_t held_bytes() const;

 private:
  const WhisperWeights& weights_;
  const DecodingRules& rules_;
  WhisperReader reader_;
  std::vector<std::vector<Draft>> drafts_;
  std::vector<Transcription> answers_;
  std::vector<DraftedRow> rows_;
  std::int64_t bytes_of_example_;
};

// Models of one vocabulary that write side by side, under the same rules: the vocabulary is read once for all of them.
class WritingTogether {
 public:
  // What whisper_transcribe() writes. nullopt: somewhere two tokens are so nearly equally likely that the order of sums
  // might decide between them, or outputs are not numbers.
  using Done = std::function<void(std::optional<std::vector<Transcription>> written)>;

  // Refers to both.
  WritingTogether(const WhisperWeights& weights, const DecodingRules& rules);
  void add(DraftedTranscripts transcripts, Done done);
  // Each goes on by some tokens.
  void go_on();
  bool is_idle() const { return all_.empty(); }
  std::int64_t held_bytes() const;

 private:
  struct One {
    DraftedTranscripts transcripts;
    Done done;
  };
  // What rows write by their states [asked of all, D].
  void take(std::span<DraftedRow* const> rows, const at::Tensor& states) const;
  void take_unforeseen(const at::Tensor& logits, std::span<DraftedRow* const> rows,
                       const std::vector<std::int64_t>& columns) const;
  // False: that was its last token.
  bool goes_on(DraftedRow& row, std::int64_t token) const;

  const WhisperWeights& weights_;
  const DecodingRules& rules_;
  const Suppressed never_, not_first_;
  std::list<One> all_;
};

}  // namespace espalier::families
