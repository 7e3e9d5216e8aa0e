// Rows by numbers instead of texts: values of an axis that are written alike have one number, rows that share the values
// of several axes are one group. Texts are looked at once a value or once a group, not once a row.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <unordered_map>
#include <vector>

#include "report/table.h"

namespace espalier::report {

using Codes = std::vector<std::uint32_t>;

constexpr std::uint32_t no_code = std::numeric_limits<std::uint32_t>::max();

// Numbers from 0 on, in the order in which their groups first come.
class Grouping {
 public:
  explicit Grouping(std::size_t rows) : of_row_(rows, 0), first_(rows == 0 ? 0 : 1, 0) {}

  std::size_t count() const { return first_.size(); }
  std::uint32_t of(std::size_t row) const { return of_row_[row]; }
  const Codes& of_rows() const { return of_row_; }
  std::size_t first(std::size_t group) const { return first_[group]; }  // its first row

  // Rows stay together where these codes, one a row, are the same too.
  void split_by(const Codes& codes);

 private:
  Codes of_row_;
  std::vector<std::size_t> first_;
};

// The values of an axis, each text once, in the order in which they first come in the rows; and of each row which it has.
struct CodedAxis {
  std::vector<AxisValue> values;
  Codes codes;

  bool varies() const { return values.size() > 1; }
  const AxisValue& at(std::size_t row) const { return values[codes[row]]; }
  // The axis of other rows: at each place the row that is named there.
  CodedAxis arranged(const std::vector<std::size_t>& rows) const;
};

// What `value` says of the first row of each group, as an axis of all rows.
template <class Value>
CodedAxis axis_of_groups(const Grouping& groups, const Value& value) {
  CodedAxis axis;
  std::unordered_map<std::string, std::uint32_t> known;
  Codes of_group;
  for (std::size_t group = 0; group < groups.count(); ++group) {
    auto made = value(groups.first(group));
    const auto [found, is_new] = known.try_emplace(made.text, static_cast<std::uint32_t>(axis.values.size()));
    if (is_new) axis.values.push_back(std::move(made));
    of_group.push_back(found->second);
  }
  axis.codes.assign(groups.of_rows().size(), 0);
  if (!axis.varies()) return axis;
  for (std::size_t row = 0; row < axis.codes.size(); ++row) axis.codes[row] = of_group[groups.of(row)];
  return axis;
}

}  // namespace espalier::report
