#include "words/texts/name_list.h"

#include <algorithm>

namespace espalier {

std::vector<std::string> names_in(std::string_view list) {
  std::vector<std::string> names;
  while (!list.empty()) {
    const auto end = std::min(list.find(','), list.size());
    const auto entry = list.substr(0, end);
    list.remove_prefix(std::min(end + 1, list.size()));
    const auto first = entry.find_first_not_of(' ');
    if (first != entry.npos) names.emplace_back(entry.substr(first, entry.find_last_not_of(' ') + 1 - first));
  }
  return names;
}

}  // namespace espalier
