#include "words/names.h"

#include <algorithm>
#include <numeric>

namespace espalier {
namespace {

std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t above = row[j];
      row[j] = std::min({row[j - 1] + 1, above + 1, diagonal + (a[i - 1] == b[j - 1] ? 0 : 1)});
      diagonal = above;
    }
  }
  return row.back();
}

}  // namespace

std::optional<std::string> nearest_name(std::string_view name, const std::vector<std::string>& known) {
  std::optional<std::string> best;
  if (name.size() > 200) return best;
  std::size_t best_distance = std::max<std::size_t>(2, name.size() / 3) + 1;
  for (const auto& candidate : known) {
    std::size_t distance = edit_distance(name, candidate);
    if (name.size() >= 3 && candidate.starts_with(name)) distance = std::min<std::size_t>(distance, 1);
    if (distance < best_distance && distance < std::max(name.size(), candidate.size())) {
      best_distance = distance;
      best = candidate;
    }
  }
  return best;
}

std::string unknown_name(std::string_view kind, std::string_view name, std::vector<std::string> known) {
  std::string message = "unknown " + std::string(kind) + " '" + std::string(name) + "'";
  if (const auto near = nearest_name(name, known)) message += "\n    did you mean '" + *near + "'?";
  std::sort(known.begin(), known.end());
  known.erase(std::unique(known.begin(), known.end()), known.end());
  constexpr std::size_t shown = 30;
  const std::string more = known.size() > shown ? ", ... (" + std::to_string(known.size()) + " in all)" : "";
  if (known.size() > shown) known.resize(shown);
  message += known.empty() ? "\n    none is known here" : "\n    known: " + join(known) + more;
  return message;
}

std::string join(const std::vector<std::string>& names, std::string_view separator) {
  std::string text;
  // By place, not by what is there already: an empty first name is a name too, as in the head of a table.
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (i > 0) text += separator;
    text += names[i];
  }
  return text;
}

}  // namespace espalier
