#include "report/escaping.h"

#include <fmt/format.h>

#include "words/printable.h"
#include "words/texts/csv_field.h"

namespace espalier::report {

std::string printable(std::string_view text) { return printable_line(text, std::string::npos); }

std::string markdown_escaped(std::string_view text) {
  std::string out;
  for (const char c : printable(text)) {
    if (std::string_view("\\`*[]<>|&").find(c) != std::string_view::npos) out += '\\';
    out += c;
  }
  return out;
}

std::string latex_escaped(std::string_view text) {
  std::string out;
  for (const char c : printable(text)) {
    switch (c) {
      case '\\': out += "\\textbackslash{}"; break;
      case '~': out += "\\textasciitilde{}"; break;
      case '^': out += "\\textasciicircum{}"; break;
      case '<': out += "\\textless{}"; break;
      case '>': out += "\\textgreater{}"; break;
      case '|': out += "\\textbar{}"; break;
      // After the end of a row, both would be read as its option.
      case '[':
      case ']':
      case '*': out += fmt::format("{{{}}}", c); break;
      case '{':
      case '}':
      case '$':
      case '&':
      case '#':
      case '_':
      case '%': out += '\\'; [[fallthrough]];
      default: out += c;
    }
  }
  return out;
}

std::string csv_escaped(std::string_view text) { return text.empty() ? std::string() : csv_field(printable(text)); }

std::size_t width_of(std::string_view text) {
  std::size_t width = 0;
  for (const char c : text) width += (static_cast<unsigned char>(c) & 0xC0U) != 0x80U ? 1 : 0;
  return width;
}

std::string first_line(const std::string& text) { return text.substr(0, text.find('\n')); }

}  // namespace espalier::report
