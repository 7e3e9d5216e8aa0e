// Characters of UTF-8, one after the other: whether bytes are text, and which characters nobody sees.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include <espalier/export.h>

namespace espalier {

// One character of UTF-8.
struct Letter {
  std::uint32_t code = 0;
  std::size_t bytes = 0;  // 0: no UTF-8
};

// The character that begins at a place of the text. Forms longer than they need be, surrogates and what lies beyond
// 10FFFF are none.
inline Letter letter_at(std::string_view text, std::size_t at) {
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
inline bool is_unseen(std::uint32_t code) {
  return code < 0x20 || (code >= 0x7F && code < 0xA0) || (code >= 0x2028 && code <= 0x202E) ||
         (code >= 0x2066 && code <= 0x2069) || code == 0x200E || code == 0x200F || code == 0xFEFF;
}

// Where the first byte stands that belongs to no character of UTF-8 (Unicode 15, table 3-7); nullopt: all is UTF-8.
ESPALIER_WORDS_API std::optional<std::size_t> invalid_utf8(std::string_view text);

}  // namespace espalier
