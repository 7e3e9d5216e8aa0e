// Whether bytes are text.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

#include <espalier/export.h>

namespace espalier {

// Where the first byte stands that belongs to no character of UTF-8 (Unicode 15, table 3-7); nullopt: all is UTF-8.
ESPALIER_WORDS_API std::optional<std::size_t> invalid_utf8(std::string_view text);

}  // namespace espalier
