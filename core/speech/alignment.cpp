// Levenshtein's table D(r, c), rows by the reference and columns by the hypothesis, as differences between neighbours
// (Myers 1999, in blocks as Hyyro 2003): vp and vn have a bit where D(r, c) - D(r - 1, c) is 1 and -1, d0 one where
// D(r, c) = D(r - 1, c - 1). Only a band about the diagonal is computed (Ukkonen 1985): edits that are no more than its
// half width stay in it, so it is widened until they are.
//
// The way back needs d0 and vp of every column. They are computed twice: first every so many columns are kept, then
// the columns between two of them, from the last to the first.
#include "alignment.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <unordered_map>
#include <utility>
#include <vector>

namespace espalier::speech {
namespace {

using Bits = std::uint64_t;
constexpr std::size_t rows_a_block = 64;

struct Places {  // where an item stands in one block of rows
  std::size_t block;
  Bits rows;
};

struct Column {  // the blocks of one column that lie in the band
  std::size_t first = 0, last = 0;
  std::vector<Bits> vp, other;  // other: vn of a column that is kept to go on from, d0 of one on the way back
};

class Table {
 public:
  Table(std::span<const std::uint32_t> rows, std::span<const std::uint32_t> columns, std::size_t half_width)
      : columns_(columns),
        half_width_(half_width),
        blocks_((rows.size() + rows_a_block - 1) / rows_a_block),
        vp_(blocks_, ~Bits{0}),
        vn_(blocks_, 0),
        d0_(blocks_, 0) {
    for (std::size_t row = 0; row < rows.size(); ++row) {
      auto& places = places_[rows[row]];
      const auto block = row / rows_a_block;
      if (places.empty() || places.back().block != block) places.push_back({block, 0});
      places.back().rows |= Bits{1} << row % rows_a_block;
    }
  }

  std::size_t first_block(std::size_t column) const {  // columns count from 1
    return column <= half_width_ ? 0 : std::min((column - half_width_ - 1) / rows_a_block, blocks_ - 1);
  }
  std::size_t last_block(std::size_t column) const {
    return std::min((column + half_width_ - 1) / rows_a_block, blocks_ - 1);
  }

  // From the column before it to this one; what the last block's last row grows by.
  int advance(std::size_t column) {
    const auto found = places_.find(columns_[column - 1]);
    const Places* next = nullptr;
    const Places* end = nullptr;
    const auto first = first_block(column), last = last_block(column);
    if (found != places_.end()) {
      const std::span<const Places> places(found->second);
      end = places.data() + places.size();
      next = std::lower_bound(places.data(), end, first,
                              [](const Places& one, std::size_t block) { return one.block < block; });
    }
    int grows = 1;  // of the row above: the first row of the table, or at most that above the band
    for (auto block = first; block <= last; ++block) {
      Bits equal = 0;
      if (next != end && next->block == block) equal = next++->rows;
      grows = advance_block(block, equal, grows);
    }
    return grows;
  }

  Column kept(std::size_t column, const std::vector<Bits>& other) const {
    const auto slice = [&](const std::vector<Bits>& all, std::size_t first, std::size_t last) {
      return std::vector<Bits>(all.begin() + static_cast<std::ptrdiff_t>(first),
                               all.begin() + static_cast<std::ptrdiff_t>(last) + 1);
    };
    const auto first = first_block(column), last = last_block(column);
    return {first, last, slice(vp_, first, last), slice(other, first, last)};
  }
  Column to_go_on_from(std::size_t column) const { return kept(column, vn_); }
  Column for_the_way_back(std::size_t column) const { return kept(column, d0_); }

  void go_on_from(const Column& column) {
    std::fill(vp_.begin(), vp_.end(), ~Bits{0});
    std::fill(vn_.begin(), vn_.end(), 0);
    std::copy(column.vp.begin(), column.vp.end(), vp_.begin() + static_cast<std::ptrdiff_t>(column.first));
    std::copy(column.other.begin(), column.other.end(), vn_.begin() + static_cast<std::ptrdiff_t>(column.first));
  }

  // By how much the rows behind this one of the last block exceed it.
  std::int64_t growth_behind(std::size_t row) const {
    const auto behind = row % rows_a_block == 0 ? Bits{0} : ~Bits{0} << row % rows_a_block;
    return std::popcount(vp_.back() & behind) - std::popcount(vn_.back() & behind);
  }

 private:
  int advance_block(std::size_t block, Bits equal, int grows) {
    const Bits vp = vp_[block], vn = vn_[block], vertical = equal | vn;
    if (grows < 0) equal |= 1;
    const Bits horizontal = (((equal & vp) + vp) ^ vp) | equal;
    d0_[block] = horizontal | vn;
    Bits hp = vn | ~(horizontal | vp), hn = vp & horizontal;
    const int result = static_cast<int>(hp >> 63) - static_cast<int>(hn >> 63);
    hp = hp << 1 | (grows > 0 ? 1 : 0);
    hn = hn << 1 | (grows < 0 ? 1 : 0);
    vp_[block] = hn | ~(vertical | hp);
    vn_[block] = hp & vertical;
    return result;
  }

  std::span<const std::uint32_t> columns_;
  std::size_t half_width_, blocks_;
  std::vector<Bits> vp_, vn_, d0_;
  std::unordered_map<std::uint32_t, std::vector<Places>> places_;
};

// Column 0, every `interval`-th, and nothing where the band was too narrow.
struct Kept {
  std::vector<Column> columns;
  bool fits = false;
};

Kept keep_columns(Table& table, std::size_t rows, std::size_t columns, std::size_t half_width, std::size_t interval) {
  Kept kept;
  kept.columns.push_back(table.to_go_on_from(1));
  auto last = table.last_block(1);
  auto distance = static_cast<std::int64_t>((last + 1) * rows_a_block);  // of the last block's last row
  for (std::size_t column = 1; column <= columns; ++column) {
    const auto now = table.last_block(column);
    distance += static_cast<std::int64_t>((now - last) * rows_a_block) + table.advance(column);
    last = now;
    if (column % interval == 0) kept.columns.push_back(table.to_go_on_from(column));
  }
  distance -= table.growth_behind(rows);
  kept.fits = distance <= static_cast<std::int64_t>(half_width);
  return kept;
}

EditCounts way_back(Table& table, const Kept& kept, std::span<const std::uint32_t> rows,
                    std::span<const std::uint32_t> columns, std::size_t interval) {
  EditCounts counts;
  auto row = rows.size(), column = columns.size();
  std::vector<Column> between;
  while (row > 0 && column > 0) {
    const auto from = (column - 1) / interval * interval;  // the kept column before this one
    table.go_on_from(kept.columns[from / interval]);
    between.clear();
    for (auto next = from + 1; next <= column; ++next) {
      table.advance(next);
      between.push_back(table.for_the_way_back(next));
    }
    while (row > 0 && column > from) {
      const auto& here = between[column - from - 1];
      const auto place = (row - 1) / rows_a_block - here.first;
      const auto bit = Bits{1} << (row - 1) % rows_a_block;
      if (rows[row - 1] == columns[column - 1]) {
        --row, --column;
      } else if ((here.other[place] & bit) == 0) {
        ++counts.substitutions;
        --row, --column;
      } else if ((here.vp[place] & bit) != 0) {
        ++counts.deletions;
        --row;
      } else {
        ++counts.insertions;
        --column;
      }
    }
  }
  counts.deletions += static_cast<std::int64_t>(row);
  counts.insertions += static_cast<std::int64_t>(column);
  return counts;
}

}  // namespace

EditCounts edits(std::span<const std::uint32_t> reference, std::span<const std::uint32_t> hypothesis) {
  const auto said = static_cast<std::int64_t>(reference.size());
  // Equal ends need no table.
  while (!reference.empty() && !hypothesis.empty() && reference.front() == hypothesis.front())
    reference = reference.subspan(1), hypothesis = hypothesis.subspan(1);
  while (!reference.empty() && !hypothesis.empty() && reference.back() == hypothesis.back())
    reference = reference.first(reference.size() - 1), hypothesis = hypothesis.first(hypothesis.size() - 1);
  const auto rows = reference.size(), columns = hypothesis.size(), longest = std::max(rows, columns);
  EditCounts counts;
  if (rows == 0 || columns == 0) {
    counts.deletions = static_cast<std::int64_t>(rows);
    counts.insertions = static_cast<std::int64_t>(columns);
  } else {
    const auto interval = static_cast<std::size_t>(std::ceil(std::sqrt(static_cast<double>(columns))));
    auto half_width = std::max<std::size_t>(rows_a_block, longest - std::min(rows, columns));
    while (true) {
      half_width = std::min(half_width, longest);
      Table table(reference, hypothesis, half_width);
      const auto kept = keep_columns(table, rows, columns, half_width, interval);
      if (kept.fits) {
        counts = way_back(table, kept, reference, hypothesis, interval);
        break;
      }
      half_width *= 2;
    }
  }
  counts.reference = said;
  return counts;
}

}  // namespace espalier::speech
