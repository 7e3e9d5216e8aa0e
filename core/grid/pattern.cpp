#include "pattern.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "ranges.h"
#include "reading.h"
#include "words/names.h"
#include "words/texts/glob.h"
#include "words/unicode.h"

namespace espalier::grid {
namespace {

std::optional<double> number_in(const std::string& text) {
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

PatternValue value_of(const std::string& text) {
  if (const auto range = whole_range(text)) {
    return {text, static_cast<double>(range->first), static_cast<double>(range->second)};
  }
  return {composed(text), number_in(text), std::nullopt};
}

std::optional<PatternValue> pattern_value(const Value& value, const std::string& axis, Complaints& complaints) {
  switch (value.kind) {
    case Value::Kind::Text: return value_of(value.text);
    case Value::Kind::Integer:
      return PatternValue{fmt::format("{}", value.integer), static_cast<double>(value.integer), std::nullopt};
    case Value::Kind::Real: return PatternValue{fmt::format("{}", value.real), value.real, std::nullopt};
    case Value::Kind::Bool: return PatternValue{value.boolean ? "true" : "false", std::nullopt, std::nullopt};
    default: break;
  }
  complaints.add(value.place,
                 fmt::format("'{}' is {}, expected a name, a number, a glob such as \"lora*\", or a list of them", axis,
                             describe(value)));
  return std::nullopt;
}

bool is_axis(const std::string& name) { return member_of(name).has_value(); }

}  // namespace

bool matches(const PatternValue& wanted, const AxisValue& value) {
  if (value.number) {
    if (wanted.last) return *wanted.number <= *value.number && *value.number <= *wanted.last;
    return wanted.number ? *wanted.number == *value.number
                         : glob_matches(wanted.text, fmt::format("{}", *value.number));
  }
  const auto end = wanted.is_name && !value.names.empty() ? value.names.begin() + 1 : value.names.end();
  return std::any_of(value.names.begin(), end,
                     [&](const std::string& name) { return glob_matches(wanted.text, name); });
}

void take_names_first(Pattern& pattern, const std::vector<Grid>& grids) {
  for (auto& term : pattern.terms) {
    for (auto& wanted : term.alternatives) {
      wanted.is_name = std::any_of(grids.begin(), grids.end(), [&](const Grid& grid) {
        const auto& axis = grid.axis(*member_of(term.axis));
        return axis.name == term.axis &&
               std::any_of(axis.values.begin(), axis.values.end(), [&](const AxisValue& value) {
                 return !value.names.empty() && glob_matches(wanted.text, value.names.front());
               });
      });
    }
  }
}

bool matches(const PatternTerm& term, const AxisValue& value) {
  return std::any_of(term.alternatives.begin(), term.alternatives.end(),
                     [&](const PatternValue& wanted) { return matches(wanted, value); });
}

std::vector<Pattern> read_skip(const Value& value, Complaints& complaints) {
  std::vector<Pattern> patterns;
  if (value.kind != Value::Kind::List) {
    complaints.add(value.place, fmt::format("'skip' is {}, expected a list of patterns such as "
                                            "[{{ scorer = \"random\", scope = \"local\" }}]",
                                            describe(value)));
    return patterns;
  }
  for (const auto& item : value.items) {
    if (!expect_table(item, "skip", complaints)) continue;
    if (item.entries.empty()) {
      complaints.add(item.place, "this skip pattern is empty: it would leave out every cell");
      continue;
    }
    Pattern pattern{item.place, {}};
    for (const auto& entry : item.entries) {
      if (!is_axis(entry.key)) {
        complaints.add(entry.place, unknown_name("axis", entry.key, axis_names()));
        continue;
      }
      PatternTerm term{entry.key, {}};
      const bool is_list = entry.value.kind == Value::Kind::List;
      if (is_list && entry.value.items.empty()) {
        complaints.add(entry.value.place, fmt::format("'{}' is an empty list, expected at least one value", entry.key));
      }
      for (const auto& alternative : is_list ? entry.value.items : std::vector<Value>{entry.value}) {
        if (auto wanted = pattern_value(alternative, entry.key, complaints)) term.alternatives.push_back(*wanted);
      }
      pattern.terms.push_back(std::move(term));
    }
    patterns.push_back(std::move(pattern));
  }
  return patterns;
}

Pattern read_only(const std::string& text, Complaints& complaints) {
  Pattern pattern{{std::make_shared<const std::string>("--only " + text), 0, 0}, {}};
  for (std::size_t begin = 0; begin <= text.size();) {
    const auto end = std::min(text.find(',', begin), text.size());
    const auto part = text.substr(begin, end - begin);
    begin = end + 1;
    const auto equals = part.find('=');
    if (equals == std::string::npos || equals == 0 || equals + 1 == part.size()) {
      complaints.add(pattern.place, fmt::format("'{}' is not a slice\n    expected AXIS=VALUE,AXIS=VALUE, for instance "
                                                "scorer=fisher,sparsity=0.5",
                                                part));
      continue;
    }
    const auto axis = part.substr(0, equals), value = part.substr(equals + 1);
    if (!is_axis(axis)) {
      complaints.add(pattern.place, unknown_name("axis", axis, axis_names()));
      continue;
    }
    const auto same = std::find_if(pattern.terms.begin(), pattern.terms.end(),
                                   [&](const PatternTerm& term) { return term.axis == axis; });
    auto& term = same != pattern.terms.end() ? *same : pattern.terms.emplace_back(PatternTerm{axis, {}});
    term.alternatives.push_back(value_of(value));
  }
  return pattern;
}

Skips::Skips(const Grid& grid) {
  for (const auto& pattern : grid.skip) {
    std::vector<Term> terms;
    for (const auto& term : pattern.terms) {
      const auto member = *member_of(term.axis);
      const auto& axis = grid.axis(member);
      std::vector<bool> hits;
      for (const auto& value : axis.values) hits.push_back(axis.name == term.axis && matches(term, value));
      terms.emplace_back(member, std::move(hits));
      named_[static_cast<std::size_t>(member)] = true;
    }
    patterns_.push_back(std::move(terms));
  }
}

bool Skips::leave_out(const Rows& rows) const {
  return std::any_of(patterns_.begin(), patterns_.end(), [&](const std::vector<Term>& terms) {
    return std::all_of(terms.begin(), terms.end(),
                       [&](const Term& term) { return term.second[rows[static_cast<std::size_t>(term.first)]]; });
  });
}

}  // namespace espalier::grid
