// Words of a command that a person, or a script, hands to a shell.
#pragma once

#include <string>
#include <string_view>

#include <espalier/export.h>

namespace espalier {

// Read by a shell as this one word: as it is where a shell leaves it alone, else in single quotes. Control characters stand
// as \xNN in $'...', which bash, zsh and ksh read, so that it always is one line.
ESPALIER_WORDS_API std::string shell_word(std::string_view text);

// The same for a path as an argument: one that begins with '-' would be an option and is begun with ./ instead.
ESPALIER_WORDS_API std::string shell_path(std::string_view path);

}  // namespace espalier
