#include "words/texts/shell_word.h"

#include <fmt/format.h>

#include <algorithm>

namespace espalier {
namespace {

bool is_control(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }

// Letters outside of ASCII mean nothing to a shell either. '~' is left out, as it is a home folder where a word begins.
bool is_plain(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         static_cast<unsigned char>(c) >= 0x80 || std::string_view("_-./:=,+@%").find(c) != std::string_view::npos;
}

std::string with_escapes(std::string_view text) {
  std::string word = "$'";
  for (const char c : text) {
    if (is_control(c)) {
      word += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
    } else {
      if (c == '\'' || c == '\\') word += '\\';
      word += c;
    }
  }
  return word + "'";
}

}  // namespace

std::string shell_word(std::string_view text) {
  if (!text.empty() && std::all_of(text.begin(), text.end(), is_plain)) return std::string(text);
  if (std::any_of(text.begin(), text.end(), is_control)) return with_escapes(text);
  std::string word = "'";
  for (const char c : text) {
    if (c == '\'')
      word += "'\\''";
    else
      word += c;
  }
  return word + "'";
}

std::string shell_path(std::string_view path) {
  return path.starts_with('-') ? shell_word(fmt::format("./{}", path)) : shell_word(path);
}

}  // namespace espalier
