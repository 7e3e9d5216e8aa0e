// What BERT does to a text before it looks for words, as the Rust code of Hugging Face tokenizers does it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace espalier::text {

struct Normaliser {
  bool clean_text = true;          // no control characters; every space is U+0020
  bool chinese_characters = true;  // spaces around each
  bool strip_accents = true;
  bool lowercase = true;

  bool operator==(const Normaliser&) const = default;
};

// Invalid UTF-8 is read as U+FFFD.
std::string normalise(std::string_view text, const Normaliser& normaliser);

// Decodes the character at text[position] and moves past it.
char32_t next_character(std::string_view text, std::size_t& position);

enum class Kind : std::uint8_t { Word, Space, Punctuation };
// What a character is to BertPreTokenizer.
Kind kind(char32_t character);
bool is_space(char32_t character);
// \w of Rust's regex, as far as ICU knows the character: what an added token with single_word must not touch.
bool is_word(char32_t character);

}  // namespace espalier::text
