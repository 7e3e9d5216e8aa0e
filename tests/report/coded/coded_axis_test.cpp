#include "coded/coded_axis.h"

#include <gtest/gtest.h>

#include <map>
#include <utility>

namespace espalier::report {
namespace {

// Few pairs are numbered by a table of all that may be, many by those that are: both as a map of pairs would.
void expect_as_by_pairs(const Codes& one, const Codes& other) {
  Grouping groups(one.size());
  groups.split_by(one);
  groups.split_by(other);

  std::map<std::pair<std::uint32_t, std::uint32_t>, std::size_t> known;
  for (std::size_t row = 0; row < one.size(); ++row) {
    const auto [found, is_new] = known.try_emplace({one[row], other[row]}, known.size());
    EXPECT_EQ(groups.of(row), found->second);
    if (is_new) {
      EXPECT_EQ(groups.first(found->second), row);
    }
  }
  EXPECT_EQ(groups.count(), known.size());
}

TEST(Grouping, NumbersPairsAsTheyFirstCome) {
  Codes one, other;
  for (std::uint32_t row = 0; row < 3000; ++row) {
    one.push_back(row * 7 % 5);
    other.push_back(row * 11 % 13);
  }
  expect_as_by_pairs(one, other);
  for (auto& code : other) code *= 100000;
  expect_as_by_pairs(one, other);
  expect_as_by_pairs(other, one);
}

TEST(Grouping, HasNoGroupWithoutRowsAndOneWithoutCodes) {
  Grouping none(0), all(3);
  none.split_by({});
  all.split_by({});
  all.split_by({0, 0, 0});

  EXPECT_EQ(none.count(), 0U);
  EXPECT_EQ(all.count(), 1U);
  EXPECT_EQ(all.first(0), 0U);
}

TEST(CodedAxis, HasEachTextOnceAndIsArrangedAsItsRowsAre) {
  Grouping groups(4);
  groups.split_by({0, 1, 2, 1});
  const auto axis = axis_of_groups(groups, [](std::size_t row) {
    return AxisValue{row == 1 ? "b" : "a", row == 0 ? std::optional(1.0) : std::nullopt};
  });

  ASSERT_EQ(axis.values.size(), 2U);
  EXPECT_EQ(axis.codes, (Codes{0, 1, 0, 1}));
  EXPECT_EQ(axis.values[0].number, 1.0);  // as it first came
  const auto other = axis.arranged({3, 3, 0});
  EXPECT_EQ(other.codes, (Codes{0, 0, 1}));
  EXPECT_EQ(other.at(0).text, "b");
  EXPECT_FALSE(axis.arranged({1, 3}).varies());
}

}  // namespace
}  // namespace espalier::report
