#include "words/names.h"

#include <algorithm>
#include <numeric>
#include <tuple>

#include "words/unicode.h"

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

std::vector<std::string_view> parts_of(std::string_view name) {
  std::vector<std::string_view> parts;
  for (std::size_t begin = 0; begin <= name.size();) {
    const auto end = std::min(name.find_first_of("-_. ", begin), name.size());
    if (end > begin) parts.push_back(name.substr(begin, end - begin));
    begin = end + 1;
  }
  return parts;
}

// Whether one is what the other is made of, as batch of batch_size, or its first letters, as lr of learning_rate.
bool share_parts(std::string_view name, std::string_view candidate) {
  const auto a = parts_of(name), b = parts_of(candidate);
  const auto& [few, many] = a.size() < b.size() ? std::tie(a, b) : std::tie(b, a);
  if (few.empty() || few.size() == many.size()) return false;
  if (std::search(many.begin(), many.end(), few.begin(), few.end()) != many.end()) return true;
  std::string initials;
  for (const auto part : many) initials += part.front();
  return few.size() == 1 && few[0] == initials;
}

std::size_t distance_between(std::string_view name, std::string_view candidate) {
  std::size_t distance = edit_distance(name, candidate);
  if (name.size() >= 3 && candidate.starts_with(name)) distance = std::min<std::size_t>(distance, 1);
  if (distance > 2 && share_parts(name, candidate)) distance = 2;
  return distance;
}

}  // namespace

std::optional<std::string> nearest_name(std::string_view name, const std::vector<std::string>& known) {
  std::optional<std::string> best;
  if (name.size() > 200) return best;
  std::size_t best_distance = std::max<std::size_t>(2, name.size() / 3) + 1;
  const auto plain = composed(name);
  for (const auto& candidate : known) {
    const auto distance = candidate == name ? 0 : distance_between(plain, composed(candidate));
    if (distance < best_distance && distance < std::max(name.size(), candidate.size())) {
      best_distance = distance;
      best = candidate;
    }
  }
  return best;
}

std::string did_you_mean(std::string_view name, const std::string& near) {
  auto text = "\n    did you mean '" + near + "'?";
  const auto [written, meant] = character_difference(name, near);
  if (!written.empty()) text += " They differ in their characters: " + written + " is written, " + meant + " is known";
  return text;
}

std::string unknown_name(std::string_view kind, std::string_view name, std::vector<std::string> known) {
  std::string message = "unknown " + std::string(kind) + " '" + std::string(name) + "'";
  if (const auto near = nearest_name(name, known)) message += did_you_mean(name, *near);
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

std::string alternatives(const std::vector<std::string>& names) {
  if (names.size() < 2) return join(names);
  return join({names.begin(), names.end() - 1}) + " or " + names.back();
}

}  // namespace espalier
