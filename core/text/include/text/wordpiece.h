// BERT's tokeniser: a text becomes the ids that a checkpoint was trained with.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

namespace espalier::text {

struct Encoding {
  std::vector<std::int32_t> ids;
  std::vector<std::int32_t> types;
};

// BERT's WordPiece, id for id as Hugging Face tokenizers give it. Immutable; may be used by several threads.
class WordPiece {
 public:
  // From tokenizer.json, else vocab.txt, with tokenizer_config.json's options where present. Throws InputError.
  static WordPiece read(const std::filesystem::path& checkpoint);
  ~WordPiece();
  WordPiece(WordPiece&&) noexcept;

  // [CLS] text [SEP], or [CLS] text [SEP] pair [SEP], cut to max_tokens (longest first). Throws SettingsError when
  // max_tokens leaves no room for [CLS] and [SEP].
  Encoding encode(std::string_view text, std::optional<std::string_view> pair, std::int64_t max_tokens) const;
  std::int64_t vocabulary_size() const;  // one more than the largest id
  // Whether both make the same tokens of every text.
  bool gives_the_ids_of(const WordPiece& other) const;
  std::int32_t padding() const;  // the id of [PAD]; 0 where there is none

 private:
  struct State;
  explicit WordPiece(std::unique_ptr<const State> state);
  std::unique_ptr<const State> state_;
};

}  // namespace espalier::text
