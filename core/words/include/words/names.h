// Nearest known names, for messages about unknown ones.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <espalier/export.h>

namespace espalier {

// The known name with the smallest edit distance, or made of the same words (batch_size and batch), if it is near
// enough to be what was meant. Characters compare as composed (NFC).
ESPALIER_WORDS_API std::optional<std::string> nearest_name(std::string_view name,
                                                           const std::vector<std::string>& known);

// "did you mean 'NEAR'?" on a line of its own; where the two look alike, with the characters that differ.
ESPALIER_WORDS_API std::string did_you_mean(std::string_view name, const std::string& near);

// "unknown KIND 'NAME'", then indented lines: did you mean, and the known names.
ESPALIER_WORDS_API std::string unknown_name(std::string_view kind, std::string_view name,
                                            std::vector<std::string> known);

// Names joined by ", ".
ESPALIER_WORDS_API std::string join(const std::vector<std::string>& names, std::string_view separator = ", ");

// "a, b or c".
ESPALIER_WORDS_API std::string alternatives(const std::vector<std::string>& names);

}  // namespace espalier
