// What looks alike may be written in two ways: ö is one character, or an o and two dots. Names compare as composed.
#pragma once

#include <string>
#include <string_view>

#include <espalier/export.h>

namespace espalier {

// The text in Normalization Form C; what is not UTF-8 stays as it is.
ESPALIER_WORDS_API std::string composed(std::string_view text);

// Where two texts differ, by their code points: "U+006F U+0308". Empty where the difference is plain to see (ASCII).
struct CharacterDifference {
  std::string of_first, of_second;
};
ESPALIER_WORDS_API CharacterDifference character_difference(std::string_view first, std::string_view second);

}  // namespace espalier
