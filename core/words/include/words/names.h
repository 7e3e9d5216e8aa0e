// Nearest known names, for messages about unknown ones.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <espalier/export.h>

namespace espalier {

// The known name with the smallest edit distance, if it is near enough to be what was meant.
ESPALIER_WORDS_API std::optional<std::string> nearest_name(std::string_view name,
                                                           const std::vector<std::string>& known);

// "unknown KIND 'NAME'", then indented lines: did you mean, and the known names.
ESPALIER_WORDS_API std::string unknown_name(std::string_view kind, std::string_view name,
                                            std::vector<std::string> known);

// Names joined by ", ".
ESPALIER_WORDS_API std::string join(const std::vector<std::string>& names, std::string_view separator = ", ");

}  // namespace espalier
