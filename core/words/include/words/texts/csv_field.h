// Texts as fields of CSV files (RFC 4180) that spreadsheets open as well.
#pragma once

#include <string>
#include <string_view>

#include <espalier/export.h>

namespace espalier {

// Quoted where it must be, and where it is empty: a field without quotes and without text is no value at all. Line breaks
// and tabs stay; other controls and what is no UTF-8 become \xNN. What a spreadsheet would take for a formula begins with '.
ESPALIER_WORDS_API std::string csv_field(std::string_view text);

// The shortest digits that read back as the same number, with a point or exponent; inf, -inf and nan for the others.
ESPALIER_WORDS_API std::string number_in_full(double number);

}  // namespace espalier
