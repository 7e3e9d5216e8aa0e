// Texts to token ids and back, as a checkpoint was trained with them: what a family of texts asks of a tokeniser,
// whichever it brings.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace espalier::text {

struct Encoding {
  std::vector<std::int32_t> ids;
  std::vector<std::int32_t> types;
};

// What stands around a text, or around two: special tokens, and the places of the texts.
struct TextFrame {
  enum class Place : std::uint8_t { Special, Text, Pair };
  struct Part {
    Place place = Place::Special;
    std::int32_t id = 0;    // of the special token
    std::int32_t type = 0;  // of the special token, or of all tokens of the text
    bool operator==(const Part&) const = default;
  };
  std::vector<Part> one, two;
  std::vector<std::string> names;  // of the special tokens around one text, each once
  bool operator==(const TextFrame&) const = default;
};

class Tokenizer {
 public:
  virtual ~Tokenizer() = default;

  // The text in its frame, or both, cut to max_tokens as Hugging Face tokenizers cut (longest first). Throws SettingsError
  // when max_tokens leaves no room for the special tokens, InputError where the checkpoint does not say which they are.
  Encoding encode(std::string_view text, std::optional<std::string_view> pair, std::int64_t max_tokens) const;
  // The text of ids. Special tokens are left out.
  virtual std::string decode(const std::vector<std::int64_t>& ids) const = 0;

  virtual std::int64_t vocabulary_size() const = 0;  // one more than the largest id
  virtual std::int32_t padding() const = 0;          // the id that fills up rows; 0 where there is none
  virtual const TextFrame& frame() const = 0;
  // Whether both make the same tokens of every text.
  virtual bool gives_the_ids_of(const Tokenizer& other) const = 0;
  // Whether encode() gives the same, too, and rows are filled up with the same.
  bool encodes_as(const Tokenizer& other) const;

 protected:
  Tokenizer() = default;
  Tokenizer(Tokenizer&&) = default;
  // Without a frame; tokens that are written in the text are found there.
  virtual std::vector<std::int32_t> ids_in(std::string_view text) const = 0;
};

// Of a checkpoint that reads texts: byte-level BPE where its tokenizer.json says so, or where it has vocab.json and
// merges.txt alone, else WordPiece. Throws InputError.
std::unique_ptr<const Tokenizer> read_tokenizer(const std::filesystem::path& checkpoint);

}  // namespace espalier::text
