#include "words/class_names.h"

#include <charconv>
#include <cmath>
#include <set>

namespace espalier {
namespace {

bool are_numbered(const std::vector<std::string>& names, const std::string& prefix) {
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (names[i] != prefix + std::to_string(i)) return false;
  }
  return true;
}

}  // namespace

ClassNames::ClassNames(const std::vector<std::string>& names) {
  const std::string prefix = "LABEL_";
  const bool unnamed = are_numbered(names, prefix), numbers = are_numbered(names, "");
  for (std::size_t i = 0; i < names.size(); ++i) {
    const auto number = static_cast<std::int64_t>(i);
    numbers_.emplace(names[i], number);
    if (unnamed) numbers_.emplace(std::to_string(i), number);
    if (numbers) numbers_.emplace(prefix + std::to_string(i), number);
  }
}

std::optional<std::int64_t> ClassNames::number_of(const std::string& name) const {
  const auto found = numbers_.find(name);
  return found == numbers_.end() ? std::nullopt : std::optional(found->second);
}

std::optional<std::vector<std::int64_t>> same_classes(const std::vector<std::string>& own,
                                                      const std::vector<std::string>& names) {
  if (own.size() != names.size()) return std::nullopt;
  const ClassNames known(own);
  std::vector<std::int64_t> numbers;
  std::set<std::int64_t> seen;
  for (const auto& name : names) {
    const auto number = known.number_of(name);
    if (!number || !seen.insert(*number).second) return std::nullopt;
    numbers.push_back(*number);
  }
  return numbers;
}

bool is_fraction(const std::string& name) {
  double value = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), value);
  return error == std::errc() && end == name.data() + name.size() && std::isfinite(value) && value != std::floor(value);
}

}  // namespace espalier
