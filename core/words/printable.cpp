#include "words/printable.h"

#include <cstdint>

#include "words/utf8.h"

namespace espalier {
namespace {

// "\x1b", "\u202e"
std::string escaped(char kind, std::uint32_t code) {
  constexpr char digits[] = "0123456789abcdef";
  std::string text = {'\\', kind};
  for (int shift = kind == 'x' ? 4 : 12; shift >= 0; shift -= 4) text += digits[code >> shift & 15U];
  return text;
}

std::string shown(std::string_view text, std::size_t most_bytes, bool keeps_lines) {
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    const auto letter = letter_at(text, at);
    const auto size = letter.bytes == 0 ? 1 : letter.bytes;
    std::string piece(text.substr(at, size));
    if (letter.bytes == 0) {
      piece = escaped('x', static_cast<unsigned char>(text[at]));
    } else if (is_unseen(letter.code) && !(keeps_lines && (letter.code == '\n' || letter.code == '\t'))) {
      piece = escaped(letter.code < 0x80 ? 'x' : 'u', letter.code);
    }
    if (out.size() + piece.size() > most_bytes) {
      return out + (keeps_lines ? "\n    ... and " : "... and ") + std::to_string(text.size() - at) + " bytes more";
    }
    out += piece;
    at += size;
  }
  return out;
}

}  // namespace

std::string printable(std::string_view text, std::size_t most_bytes) { return shown(text, most_bytes, true); }

std::string printable_line(std::string_view text, std::size_t most_bytes) { return shown(text, most_bytes, false); }

bool is_printable_line(std::string_view text) {
  for (std::size_t at = 0; at < text.size();) {
    const auto letter = letter_at(text, at);
    if (letter.bytes == 0 || is_unseen(letter.code)) return false;
    at += letter.bytes;
  }
  return true;
}

}  // namespace espalier
