// The tokeniser of GPT-2 and Whisper (Radford et al., 2019): bytes as letters, merged pair by pair.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace espalier::text {

// Immutable after reading, but for a memory of words: one thread at a time.
class ByteLevelBpe {
 public:
  // From tokenizer.json, else vocab.json and merges.txt (and added_tokens.json). Throws InputError.
  static ByteLevelBpe read(const std::filesystem::path& checkpoint);
  ~ByteLevelBpe();
  ByteLevelBpe(ByteLevelBpe&&) noexcept;

  // Ids of a text, as Hugging Face tokenizers give them without special tokens.
  std::vector<std::int64_t> encode(std::string_view text) const;
  // The text of ids. Special tokens and ids behind the vocabulary (Whisper's timestamps) are left out; bytes that are
  // no UTF-8 become U+FFFD.
  std::string decode(const std::vector<std::int64_t>& ids) const;
  std::int64_t size() const;
  // Whether both make the same tokens of every text.
  bool gives_the_ids_of(const ByteLevelBpe& other) const;

 private:
  struct State;
  explicit ByteLevelBpe(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace espalier::text
