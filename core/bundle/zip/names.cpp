#include <algorithm>

#include "bundle/archive.h"
#include "words/utf8.h"

namespace espalier::bundle {

std::string complaint_about_name(std::string_view name) {
  constexpr std::size_t most_bytes = 1000;
  if (name.empty()) return "is empty";
  if (name.size() > most_bytes) return "is longer than 1,000 bytes";
  for (std::size_t at = 0; at < name.size();) {
    const auto letter = letter_at(name, at);
    if (letter.bytes == 0) return "is no UTF-8";
    if (is_unseen(letter.code)) return "holds a character that nobody sees";
    at += letter.bytes;
  }
  if (name.find('\\') != std::string_view::npos) return "holds a backslash";
  if (name.front() == '/' || (name.size() > 1 && name[1] == ':')) return "is no relative path";
  for (std::size_t start = 0; start <= name.size();) {
    const auto end = std::min(name.find('/', start), name.size());
    const auto part = name.substr(start, end - start);
    if (part.empty() || part == "." || part == "..") return "leads out of its folder, or nowhere";
    start = end + 1;
  }
  return {};
}

}  // namespace espalier::bundle
