#include "words/utf8.h"

namespace espalier {

std::optional<std::size_t> invalid_utf8(std::string_view text) {
  for (std::size_t at = 0; at < text.size();) {
    const auto letter = letter_at(text, at);
    if (letter.bytes == 0) return at;
    at += letter.bytes;
  }
  return std::nullopt;
}

}  // namespace espalier
