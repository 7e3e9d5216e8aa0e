#include "words/unicode.h"

#include <unicode/bytestream.h>
#include <unicode/normalizer2.h>
#include <unicode/utf8.h>

#include <algorithm>
#include <cstdio>
#include <optional>
#include <vector>

namespace espalier {
namespace {

bool is_ascii(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char byte) { return static_cast<unsigned char>(byte) < 0x80; });
}

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"  // ICU's macro narrows where it has looked before
// Nothing where the text is not UTF-8.
std::optional<std::vector<UChar32>> characters_of(std::string_view text) {
  std::vector<UChar32> characters;
  for (std::size_t at = 0; at < text.size();) {
    UChar32 character = 0;
    U8_NEXT(text.data(), at, text.size(), character);
    if (character < 0) return std::nullopt;
    characters.push_back(character);
  }
  return characters;
}
#pragma GCC diagnostic pop

std::string code_points(std::vector<UChar32>::const_iterator begin, std::vector<UChar32>::const_iterator end) {
  std::string text;
  for (; begin != end; ++begin) {
    char buffer[16];
    std::snprintf(buffer, sizeof buffer, "U+%04X", static_cast<unsigned>(*begin));
    if (!text.empty()) text += ' ';
    text += buffer;
  }
  return text.empty() ? "nothing" : text;
}

}  // namespace

std::string composed(std::string_view text) {
  if (is_ascii(text) || !characters_of(text)) return std::string(text);
  UErrorCode failed = U_ZERO_ERROR;
  const auto* form = icu::Normalizer2::getNFCInstance(failed);
  std::string result;
  icu::StringByteSink<std::string> sink(&result);
  if (U_SUCCESS(failed) != 0) {
    form->normalizeUTF8(0, icu::StringPiece(text.data(), static_cast<std::int32_t>(text.size())), sink, nullptr,
                        failed);
  }
  return U_SUCCESS(failed) != 0 ? result : std::string(text);
}

CharacterDifference character_difference(std::string_view first, std::string_view second) {
  const auto a = characters_of(first), b = characters_of(second);
  if (!a || !b) return {};
  const auto [a_begin, b_begin] = std::mismatch(a->begin(), a->end(), b->begin(), b->end());
  auto a_end = a->end();
  auto b_end = b->end();
  while (a_end != a_begin && b_end != b_begin && *(a_end - 1) == *(b_end - 1)) --a_end, --b_end;
  const auto plain = [](UChar32 character) { return character < 0x80; };
  if (std::all_of(a_begin, a_end, plain) && std::all_of(b_begin, b_end, plain)) return {};
  return {code_points(a_begin, a_end), code_points(b_begin, b_end)};
}

}  // namespace espalier
