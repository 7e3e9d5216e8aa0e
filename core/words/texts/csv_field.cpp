#include "words/texts/csv_field.h"

#include <fmt/format.h>

#include <cmath>

#include "words/printable.h"

namespace espalier {

std::string csv_field(std::string_view text) {
  auto shown = printable(text, std::string::npos);
  // A blank before the sign does not keep a spreadsheet from computing.
  const auto first = shown.find_first_not_of(" \t\r\n");
  if (first != std::string::npos && std::string_view("=+-@").find(shown[first]) != std::string_view::npos)
    shown.insert(0, 1, '\'');
  const bool plain = !shown.empty() && shown.find_first_of(",\"\n\r\t") == std::string::npos && shown.front() != ' ' &&
                     shown.back() != ' ';
  if (plain) return shown;
  std::string quoted = "\"";
  for (const char c : shown) {
    if (c == '"') quoted += '"';
    quoted += c;
  }
  return quoted + '"';
}

std::string number_in_full(double number) {
  if (std::isnan(number)) return "nan";
  if (std::isinf(number)) return number < 0 ? "-inf" : "inf";
  auto text = fmt::format("{}", number);
  if (text.find_first_of(".e") == std::string::npos) text += ".0";
  return text;
}

}  // namespace espalier
