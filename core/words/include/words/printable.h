// A stranger's text as it may be kept and shown: a plugin's message, a line of its output, a name out of its card.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include <espalier/export.h>

namespace espalier {

// The longest message of a plugin that is kept.
inline constexpr std::size_t longest_message_bytes = 4096;

// UTF-8 without control characters but line breaks and tabs; what else there is becomes \xNN or \uNNNN. What is longer
// than `most_bytes` is cut, and says so.
ESPALIER_WORDS_API std::string printable(std::string_view text, std::size_t most_bytes = longest_message_bytes);
// The same on one line: line breaks and tabs are escaped as well.
ESPALIER_WORDS_API std::string printable_line(std::string_view text, std::size_t most_bytes = 200);
// Whether nothing of a text would be changed by printable_line.
ESPALIER_WORDS_API bool is_printable_line(std::string_view text);

}  // namespace espalier
