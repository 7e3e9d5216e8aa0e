// Names come from files: what is printed of them can neither move a cursor nor end a field.
#pragma once

#include <string>
#include <string_view>

namespace espalier::report {

// How many letters of a key, or another digest, stand where people read.
inline constexpr std::size_t key_letters = 12;

// Control characters, marks that reverse the writing direction and bytes that are no UTF-8, as \xNN or \uNNNN.
std::string printable(std::string_view text);

std::string markdown_escaped(std::string_view text);
std::string latex_escaped(std::string_view text);
// A text of a table as a field of a CSV file (words/texts/csv_field.h), on one line; nothing where there is none.
std::string csv_escaped(std::string_view text);

std::size_t width_of(std::string_view text);  // in characters
std::string first_line(const std::string& text);

}  // namespace espalier::report
