// The tokeniser of GPT-2, RoBERTa and Whisper (Radford et al., 2019): bytes as letters, merged pair by pair.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "text/tokenizer.h"

namespace espalier::text {

// Immutable after reading, but for a memory of words: one thread at a time. What stands around texts is said by the
// post_processor of tokenizer.json.
class ByteLevelBpe final : public Tokenizer {
 public:
  // From tokenizer.json, else vocab.json and merges.txt (and added_tokens.json), of one of these classes. Throws
  // InputError.
  static ByteLevelBpe read(const std::filesystem::path& checkpoint,
                           const std::vector<std::string>& classes = {"WhisperTokenizer", "PreTrainedTokenizer"});
  ~ByteLevelBpe() override;
  ByteLevelBpe(ByteLevelBpe&&) noexcept;

  using Tokenizer::encode;
  // Ids of a text alone, as Hugging Face tokenizers give them without special tokens.
  std::vector<std::int64_t> encode(std::string_view text) const;
  // Ids behind the vocabulary (Whisper's timestamps) are left out, too; bytes that are no UTF-8 become U+FFFD.
  std::string decode(const std::vector<std::int64_t>& ids) const override;
  std::int64_t vocabulary_size() const override;
  std::int32_t padding() const override;
  const TextFrame& frame() const override;
  // Frames, padding and a space before each text are not looked at.
  bool gives_the_ids_of(const Tokenizer& other) const override;

 protected:
  std::vector<std::int32_t> ids_in(std::string_view text) const override;

 private:
  struct State;
  explicit ByteLevelBpe(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace espalier::text
