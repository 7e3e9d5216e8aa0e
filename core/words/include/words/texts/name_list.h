// Lists as people write them in one word of a command line.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <espalier/export.h>

namespace espalier {

// "scorer, scope": names joined by commas, without the blanks around them; entries of blanks alone are left out.
ESPALIER_WORDS_API std::vector<std::string> names_in(std::string_view list);

}  // namespace espalier
