#include "slice.h"

#include <espalier/error.h>
#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <map>
#include <string_view>

#include "flattened.h"
#include "words/names.h"
#include "words/texts/glob.h"

namespace espalier::report {
namespace {

using Terms = std::map<std::string, std::vector<std::string>>;

Terms terms_of(const std::string& only, const CellRows& cells) {
  Terms terms;
  for (std::size_t begin = 0; begin <= only.size();) {
    const auto end = std::min(only.find(',', begin), only.size());
    const auto part = only.substr(begin, end - begin);
    begin = end + 1;
    const auto equals = part.find('=');
    if (equals == std::string::npos || equals == 0 || equals + 1 == part.size()) {
      throw SettingsError(
          fmt::format("--only {}: '{}' is not a slice\n    expected AXIS=VALUE,AXIS=VALUE, for instance "
                      "scorer=fisher,sparsity=0.5",
                      only, part));
    }
    check_axis(part.substr(0, equals), cells);
    terms[part.substr(0, equals)].push_back(part.substr(equals + 1));
  }
  return terms;
}

bool matches(const AxisValue& value, const std::string& wanted) {
  const auto number = number_in(wanted);
  if (value.number && number) return *value.number == *number;
  return glob_matches(wanted, value.text);
}

// For each value of the axis, whether the slice takes it.
std::vector<bool> taken(const CodedAxis& axis, const std::vector<std::string>& wanted, bool texts_alone) {
  std::vector<bool> taken;
  for (const auto& value : axis.values) {
    taken.push_back(std::any_of(wanted.begin(), wanted.end(), [&](const std::string& one) {
      return texts_alone ? glob_matches(one, value.text) : matches(value, one);
    }));
  }
  return taken;
}

}  // namespace

void check_axis(const std::string& axis, const CellRows& cells) {
  if (contains(known_axes(), axis) || (is_setting(axis) && cells.knows(axis))) return;
  auto known = known_axes();
  const auto settings = cells.settings();
  known.insert(known.end(), settings.begin(), settings.end());
  if (is_setting(axis)) {
    auto message = fmt::format("unknown axis '{}'", axis);
    if (const auto near = nearest_name(axis, known)) message += "\n    did you mean '" + *near + "'?";
    throw SettingsError(message + "\n    settings of these cells: " + join(settings));
  }
  throw SettingsError(unknown_name("axis", axis, known_axes()) +
                      "\n    or a setting by its path, as in scorer.samples");
}

std::int64_t take_slice(CellRows& cells, const std::string& only) {
  if (only.empty()) return 0;
  const auto terms = terms_of(only, cells);
  std::vector<bool> keep(cells.rows().size(), true);
  for (const auto& [axis, wanted] : terms) {
    const auto values = cells.coded(axis);
    const auto by_value = taken(values, wanted, false);
    // A definition answers to its plugin's name too, as it does where a file is sliced, but not where one has that name itself.
    const bool has_plugin = axis == "scorer" || axis == "searcher" || axis == "recovery";
    std::vector<std::string> unnamed;
    std::copy_if(wanted.begin(), wanted.end(), std::back_inserter(unnamed), [&](const std::string& one) {
      return std::none_of(values.values.begin(), values.values.end(),
                          [&](const AxisValue& value) { return matches(value, one); });
    });
    const auto plugins = has_plugin ? cells.coded(axis + "_plugin") : values;
    const auto by_plugin = has_plugin ? taken(plugins, unnamed, true) : by_value;
    for (std::size_t row = 0; row < keep.size(); ++row)
      keep[row] = keep[row] && (by_value[values.codes[row]] || by_plugin[plugins.codes[row]]);
  }
  const auto left_out = std::count(keep.begin(), keep.end(), false);
  cells.filter(keep);
  return left_out;
}

}  // namespace espalier::report
