#include "data/labels.h"

#include <espalier/error.h>

#include <algorithm>
#include <unordered_map>

#include "words/names.h"

namespace espalier::data {
namespace {

// LABEL_0, LABEL_1, ...: names that a checkpoint has when nobody named its classes.
bool are_unnamed(const std::vector<std::string>& labels) {
  for (std::size_t index = 0; index < labels.size(); ++index) {
    if (labels[index] != "LABEL_" + std::to_string(index)) return false;
  }
  return !labels.empty();
}

struct Unknown {
  const LabelAt* first;
  std::int64_t rows;
};

[[noreturn]] void unknown_labels(const std::vector<Unknown>& unknown, const std::vector<std::string>& labels,
                                 const std::filesystem::path& file) {
  constexpr std::size_t shown = 10;
  const auto where = [&](const Unknown& one) { return file.string() + ":" + std::to_string(one.first->line) + ": "; };
  std::int64_t rows = 0;
  for (const auto& one : unknown) rows += one.rows;
  std::string message = where(unknown[0]) + unknown_name("label", unknown[0].first->label, labels);
  for (std::size_t other = 1; other < std::min(unknown.size(), shown); ++other) {
    message += "\n    " + where(unknown[other]) + "unknown label '" + unknown[other].first->label + "'";
  }
  if (unknown.size() > shown) message += "\n    and " + std::to_string(unknown.size() - shown) + " more labels";
  throw InputError(message + "\n    " + std::to_string(rows) + (rows == 1 ? " row has" : " rows have") +
                   " a label that the model does not know");
}

}  // namespace

std::vector<std::int64_t> class_numbers(const std::vector<LabelAt>& written, const std::vector<std::string>& labels,
                                        const std::filesystem::path& file) {
  std::unordered_map<std::string, std::int64_t> classes;
  const bool unnamed = are_unnamed(labels);
  for (std::size_t index = 0; index < labels.size(); ++index) {
    classes.emplace(labels[index], static_cast<std::int64_t>(index));
    if (unnamed) classes.emplace(std::to_string(index), static_cast<std::int64_t>(index));
  }
  std::vector<std::int64_t> numbers;
  numbers.reserve(written.size());
  std::vector<Unknown> unknown;
  std::unordered_map<std::string, std::size_t> unknown_places;
  for (const auto& one : written) {
    if (const auto found = classes.find(one.label); found != classes.end()) {
      numbers.push_back(found->second);
      continue;
    }
    const auto [place, fresh] = unknown_places.emplace(one.label, unknown.size());
    if (fresh) unknown.push_back({&one, 0});
    ++unknown[place->second].rows;
  }
  if (!unknown.empty()) unknown_labels(unknown, labels, file);
  return numbers;
}

}  // namespace espalier::data
