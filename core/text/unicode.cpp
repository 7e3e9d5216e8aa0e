#include "unicode.h"

#include <unicode/uchar.h>
#include <unicode/unorm2.h>
#include <unicode/utf16.h>
#include <unicode/utf8.h>

#include <algorithm>
#include <array>
#include <utility>

namespace espalier::text {
namespace {

// Hugging Face tokenizers take categories from Unicode 8, decompositions from Unicode 9 and lower case from the Unicode
// of their Rust compiler (17). Characters that are newer than these are left alone, and the few that have changed since
// are named, so that ids depend on neither the version of ICU nor ours.
constexpr int categories_version = 8;
constexpr int decompositions_version = 9;

bool is_newer(char32_t character, int unicode_version) {
  UVersionInfo version;
  u_charAge(static_cast<UChar32>(character), version);
  // Version 0 is a character that ICU does not know.
  return version[0] > unicode_version || version[0] == 0 || (version[0] == unicode_version && version[1] > 0);
}

std::uint32_t category(char32_t character) { return U_GET_GC_MASK(static_cast<UChar32>(character)); }

// Cc, Cf and Co; unassigned characters stay.
bool is_control(char32_t character) {
  if (character == '\t' || character == '\n' || character == '\r') return false;
  return (category(character) & (U_GC_CC_MASK | U_GC_CF_MASK | U_GC_CO_MASK)) != 0 &&
         !is_newer(character, categories_version);
}

bool is_nonspacing_mark(char32_t character) {
  if (character == 0x1734) return true;  // Mc since Unicode 14
  if (character == 0x1885 || character == 0x1886 || character == 0xA9BD || character == 0x111C9)
    return false;  // Mn later
  return (category(character) & U_GC_MN_MASK) != 0 && !is_newer(character, categories_version);
}

bool is_punctuation(char32_t character) {
  if (character < 0x80) {
    return (character >= 33 && character <= 47) || (character >= 58 && character <= 64) ||
           (character >= 91 && character <= 96) || (character >= 123 && character <= 126);
  }
  if (character == 0x166D || character == 0x111C9) return true;  // no longer P since Unicode 12 and 11
  return (category(character) & U_GC_P_MASK) != 0 && !is_newer(character, categories_version);
}

// The blocks of BertNormalizer; that the fifth begins at 2B920 is its own slip (the block begins at 2B820).
bool is_chinese(char32_t character) {
  static constexpr std::pair<char32_t, char32_t> blocks[] = {{0x3400, 0x4DBF},   {0x4E00, 0x9FFF},   {0xF900, 0xFAFF},
                                                             {0x20000, 0x2A6DF}, {0x2A700, 0x2B81F}, {0x2B920, 0x2CEAF},
                                                             {0x2F800, 0x2FA1F}};
  return character >= 0x3400 && std::any_of(std::begin(blocks), std::end(blocks), [&](const auto& block) {
           return character >= block.first && character <= block.second;
         });
}

// Lower case without context: a final sigma is like any other.
char32_t lower(char32_t character) {
  // Pairs of Unicode 16 and 17, which ICU 72 to 76 do not have.
  if (character >= 0x10D50 && character <= 0x10D65) return character + 0x20;
  if (character >= 0x16EA0 && character <= 0x16EB8) return character + 0x1B;
  switch (character) {
    case 0x1C89:
    case 0xA7CC:
    case 0xA7CE:
    case 0xA7D2:
    case 0xA7D4:
    case 0xA7DA: return character + 1;
    case 0xA7CB: return 0x264;
    case 0xA7DC: return 0x19B;
    default: return static_cast<char32_t>(u_tolower(static_cast<UChar32>(character)));
  }
}

const UNormalizer2* canonical() {
  static const UNormalizer2* const instance = [] {
    UErrorCode error = U_ZERO_ERROR;
    return unorm2_getNFDInstance(&error);
  }();
  return instance;
}

int combining_class(char32_t character) {
  if (character < 0x300 || is_newer(character, decompositions_version)) return 0;
  return unorm2_getCombiningClass(canonical(), static_cast<UChar32>(character));
}

void decompose(char32_t character, std::u32string& into) {
  std::array<UChar, 32> units;
  UErrorCode error = U_ZERO_ERROR;
  const std::int32_t length =
      character < 0xC0 || is_newer(character, decompositions_version)
          ? -1
          : unorm2_getDecomposition(canonical(), static_cast<UChar32>(character), units.data(), units.size(), &error);
  if (length < 0 || U_FAILURE(error)) {
    into.push_back(character);
    return;
  }
  for (std::int32_t unit = 0; unit < length;) {
    UChar32 part = 0;
    U16_NEXT(units.data(), unit, length, part);
    into.push_back(static_cast<char32_t>(part));
  }
}

// NFD, then without nonspacing marks. Marks are put in canonical order first: some that stay have an order too.
std::u32string without_accents(const std::u32string& text) {
  std::u32string decomposed;
  decomposed.reserve(text.size() + 8);
  for (const char32_t character : text) decompose(character, decomposed);
  const auto by_class = [](char32_t a, char32_t b) { return combining_class(a) < combining_class(b); };
  for (auto begin = decomposed.begin(); begin != decomposed.end();) {
    if (combining_class(*begin) == 0) {
      ++begin;
      continue;
    }
    const auto end = std::find_if(begin, decomposed.end(), [](char32_t mark) { return combining_class(mark) == 0; });
    std::stable_sort(begin, end, by_class);
    begin = end;
  }
  std::erase_if(decomposed, is_nonspacing_mark);
  return decomposed;
}

void append(std::string& text, char32_t character) {
  std::array<char, U8_MAX_LENGTH> bytes;
  std::int32_t length = 0;
  U8_APPEND_UNSAFE(bytes.data(), length, static_cast<UChar32>(character));
  text.append(bytes.data(), static_cast<std::size_t>(length));
}

std::string normalise_ascii(std::string_view text, const Normaliser& normaliser) {
  std::string normal;
  normal.reserve(text.size());
  for (char byte : text) {
    if (normaliser.clean_text) {
      if (byte == '\t' || byte == '\n' || byte == '\r') byte = ' ';
      if (byte < ' ' || byte == 0x7F) continue;
    }
    normal.push_back(normaliser.lowercase && byte >= 'A' && byte <= 'Z' ? static_cast<char>(byte + 32) : byte);
  }
  return normal;
}

}  // namespace

char32_t next_character(std::string_view text, std::size_t& position) {
  UChar32 character = 0;
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"  // of ICU's macro
  U8_NEXT(text.data(), position, text.size(), character);
#pragma GCC diagnostic pop
  return character < 0 ? U'\uFFFD' : static_cast<char32_t>(character);
}

std::string normalise(std::string_view text, const Normaliser& normaliser) {
  if (std::none_of(text.begin(), text.end(), [](char byte) { return static_cast<unsigned char>(byte) >= 0x80; })) {
    return normalise_ascii(text, normaliser);
  }
  std::u32string characters;
  characters.reserve(text.size());
  for (std::size_t position = 0; position < text.size();) {
    char32_t character = next_character(text, position);
    if (normaliser.clean_text) {
      if (character == 0xFFFD || is_control(character)) continue;
      if (is_space(character)) character = ' ';
    }
    const bool alone = normaliser.chinese_characters && is_chinese(character);
    if (alone) characters.push_back(' ');
    characters.push_back(character);
    if (alone) characters.push_back(' ');
  }
  if (normaliser.strip_accents) characters = without_accents(characters);
  std::string normal;
  normal.reserve(text.size() + 8);
  for (const char32_t character : characters) {
    append(normal, normaliser.lowercase ? lower(character) : character);
    // The one character whose lower case is two.
    if (normaliser.lowercase && character == 0x130) append(normal, 0x307);
  }
  return normal;
}

Kind kind(char32_t character) {
  if (is_space(character)) return Kind::Space;
  return is_punctuation(character) ? Kind::Punctuation : Kind::Word;
}

bool is_space(char32_t character) {
  if (character < 0x80) return character == ' ' || (character >= 9 && character <= 13);
  return u_isUWhiteSpace(static_cast<UChar32>(character));
}

bool is_word(char32_t character) {
  const auto point = static_cast<UChar32>(character);
  return (category(character) & (U_GC_M_MASK | U_GC_ND_MASK | U_GC_PC_MASK)) != 0 ||
         u_hasBinaryProperty(point, UCHAR_ALPHABETIC) || u_hasBinaryProperty(point, UCHAR_JOIN_CONTROL);
}

}  // namespace espalier::text
