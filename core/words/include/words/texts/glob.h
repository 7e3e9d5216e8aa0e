// Patterns of names, as --only and `skip` take them.
#pragma once

#include <string_view>

#include <espalier/export.h>

namespace espalier {

// * stands for any characters, ? for one.
ESPALIER_WORDS_API bool glob_matches(std::string_view glob, std::string_view text);

}  // namespace espalier
