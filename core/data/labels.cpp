#include "data/labels.h"

#include <espalier/error.h>

#include <algorithm>
#include <charconv>
#include <unordered_map>

#include "words/class_names.h"
#include "words/names.h"

namespace espalier::data {
namespace {

bool is_number(const std::string& text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size();
}

constexpr const char* no_regression =
    "\n    numbers with a fraction are measurements: that is regression, which is not done; expected names of classes";

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
  message += "\n    " + std::to_string(rows) + (rows == 1 ? " row has" : " rows have") +
             " a label that the model does not know";
  const bool measured =
      std::any_of(unknown.begin(), unknown.end(), [](const Unknown& one) { return is_fraction(one.first->label); });
  throw InputError(message + (measured ? no_regression : ""));
}

}  // namespace

std::vector<std::int64_t> class_numbers(const std::vector<LabelAt>& written, const std::vector<std::string>& labels,
                                        const std::filesystem::path& file) {
  const ClassNames classes(labels);
  std::vector<std::int64_t> numbers;
  numbers.reserve(written.size());
  std::vector<Unknown> unknown;
  std::unordered_map<std::string, std::size_t> unknown_places;
  for (const auto& one : written) {
    if (const auto number = classes.number_of(one.label)) {
      numbers.push_back(*number);
      continue;
    }
    const auto [place, fresh] = unknown_places.emplace(one.label, unknown.size());
    if (fresh) unknown.push_back({&one, 0});
    ++unknown[place->second].rows;
  }
  if (!unknown.empty()) unknown_labels(unknown, labels, file);
  return numbers;
}

void require_classes(const std::vector<LabelAt>& written, const std::filesystem::path& file) {
  const auto fraction =
      std::find_if(written.begin(), written.end(), [](const LabelAt& one) { return is_fraction(one.label); });
  const bool numbers =
      std::all_of(written.begin(), written.end(), [](const LabelAt& one) { return is_number(one.label); });
  if (fraction == written.end() || !numbers) return;
  throw InputError(file.string() + ":" + std::to_string(fraction->line) + ": label '" + fraction->label +
                   "' is no class" + no_regression);
}

}  // namespace espalier::data
