#include "coded/coded_axis.h"

#include <algorithm>

namespace espalier::report {

void Grouping::split_by(const Codes& codes) {
  if (codes.empty()) return;
  const std::size_t most = std::size_t{*std::max_element(codes.begin(), codes.end())} + 1;
  if (most == 1) return;
  const auto before = count();
  std::vector<std::size_t> first;
  const auto number = [&](std::uint32_t& known, std::size_t row) {
    if (known == no_code) {
      known = static_cast<std::uint32_t>(first.size());
      first.push_back(row);
    }
    of_row_[row] = known;
  };
  // Few pairs of an old group and a code have a place each.
  if (before * most <= 4 * codes.size() + 1024) {
    Codes known(before * most, no_code);
    for (std::size_t row = 0; row < codes.size(); ++row) number(known[of_row_[row] * most + codes[row]], row);
  } else {
    std::unordered_map<std::uint64_t, std::uint32_t> known;
    known.reserve(codes.size());
    for (std::size_t row = 0; row < codes.size(); ++row)
      number(known.try_emplace((std::uint64_t{of_row_[row]} << 32) | codes[row], no_code).first->second, row);
  }
  first_ = std::move(first);
}

CodedAxis CodedAxis::arranged(const std::vector<std::size_t>& rows) const {
  CodedAxis other;
  if (!varies()) {
    if (!rows.empty()) other.values = values;
    other.codes.assign(rows.size(), 0);
    return other;
  }
  Codes known(values.size(), no_code);
  other.codes.reserve(rows.size());
  for (const auto row : rows) {
    auto& code = known[codes[row]];
    if (code == no_code) {
      code = static_cast<std::uint32_t>(other.values.size());
      other.values.push_back(values[codes[row]]);
    }
    other.codes.push_back(code);
  }
  return other;
}

}  // namespace espalier::report
