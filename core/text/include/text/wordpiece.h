// BERT's tokeniser: a text becomes the ids that a checkpoint was trained with.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "text/tokenizer.h"

namespace espalier::text {

// BERT's WordPiece, id for id as Hugging Face tokenizers give it: [CLS] text [SEP], or [CLS] text [SEP] pair [SEP].
// Immutable; may be used by several threads.
class WordPiece final : public Tokenizer {
 public:
  // From tokenizer.json, else vocab.txt, with tokenizer_config.json's options where present. Throws InputError.
  static WordPiece read(const std::filesystem::path& checkpoint);
  ~WordPiece() override;
  WordPiece(WordPiece&&) noexcept;

  // As the WordPiece decoder of tokenizers joins and cleans up.
  std::string decode(const std::vector<std::int64_t>& ids) const override;
  std::int64_t vocabulary_size() const override;
  std::int32_t padding() const override;
  const TextFrame& frame() const override;
  bool gives_the_ids_of(const Tokenizer& other) const override;

 protected:
  std::vector<std::int32_t> ids_in(std::string_view text) const override;

 private:
  struct State;
  explicit WordPiece(std::unique_ptr<const State> state);
  std::unique_ptr<const State> state_;
};

}  // namespace espalier::text
