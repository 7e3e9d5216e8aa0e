#include "words/printable.h"

#include <cstdint>

namespace espalier {
namespace {

struct Letter {
  std::uint32_t code = 0;
  std::size_t bytes = 0;  // 0: no UTF-8
};

Letter letter_at(std::string_view text, std::size_t at) {
  const auto byte = [&](std::size_t i) { return static_cast<std::uint32_t>(static_cast<unsigned char>(text[i])); };
  const auto first = byte(at);
  if (first < 0x80) return {first, 1};
  const std::size_t bytes = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
  if (first < 0xC2 || first > 0xF4 || at + bytes > text.size()) return {};
  std::uint32_t code = first & (0xFFU >> (bytes + 1));
  for (std::size_t i = 1; i < bytes; ++i) {
    if ((byte(at + i) & 0xC0U) != 0x80U) return {};
    code = code << 6U | (byte(at + i) & 0x3FU);
  }
  const bool overlong = (bytes == 3 && code < 0x800) || (bytes == 4 && code < 0x10000);
  if (overlong || code > 0x10FFFF || (code >= 0xD800 && code < 0xE000)) return {};
  return {code, bytes};
}

// Controls, and what turns or hides text.
bool is_unseen(std::uint32_t code) {
  return code < 0x20 || (code >= 0x7F && code < 0xA0) || (code >= 0x2028 && code <= 0x202E) ||
         (code >= 0x2066 && code <= 0x2069) || code == 0x200E || code == 0x200F || code == 0xFEFF;
}

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
