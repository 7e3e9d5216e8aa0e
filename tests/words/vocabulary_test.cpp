#include <espalier/error.h>
#include <espalier/vocabulary.h>
#include <gtest/gtest.h>

#include <set>

#include "support/message_of.h"

namespace espalier::test {
namespace {

// Each word of a list is found by its name, no two are alike, and no enumerator lacks one.
template <typename Enum>
void expect_whole(Enum last) {
  std::set<std::string> seen;
  for (const auto& name : names<Enum>()) {
    EXPECT_STREQ(to_string(from_name<Enum>(name)), name.c_str());
    EXPECT_TRUE(seen.insert(name).second) << name;
  }
  EXPECT_EQ(seen.size(), static_cast<std::size_t>(last) + 1) << Vocabulary<Enum>::kind;
  for (int value = 0; value <= static_cast<int>(last); ++value) EXPECT_STRNE(to_string(static_cast<Enum>(value)), "");
}

TEST(Vocabulary, NamesEachWordOnce) {
  expect_whole(Granularity::ProjectionChannel);
  expect_whole(UnitKind::O);
  expect_whole(SiteKind::DecoderCross);
  expect_whole(SiteFilter::DecoderCross);
  expect_whole(Projection::O);
  expect_whole(Scope::Local);
  expect_whole(Rounding::Ceil);
  expect_whole(BudgetKind::LossOfMetric);
  expect_whole(BudgetShare::Remaining);
}

TEST(Vocabulary, RefusesAnUnknownNameWithTheNearest) {
  EXPECT_EQ(find_name<Rounding>("roud"), std::nullopt);
  EXPECT_EQ(message_of<SettingsError>([] { from_name<Rounding>("flor"); }),
            "unknown rounding 'flor'\n    did you mean 'floor'?\n    known: ceil, floor, nearest");
  EXPECT_EQ(message_of<SettingsError>([] { from_name<Scope>("globl", "--scope"); }),
            "unknown --scope 'globl'\n    did you mean 'global'?\n    known: global, local");
}

TEST(Vocabulary, FiltersChooseSites) {
  EXPECT_TRUE(chooses(SiteFilter::All, SiteKind::DecoderCross));
  EXPECT_TRUE(chooses(SiteFilter::Self, SiteKind::DecoderSelf));
  EXPECT_FALSE(chooses(SiteFilter::Self, SiteKind::DecoderCross));
  for (const auto kind : {SiteKind::EncoderSelf, SiteKind::DecoderSelf, SiteKind::DecoderCross}) {
    for (const auto filter : {SiteFilter::EncoderSelf, SiteFilter::DecoderSelf, SiteFilter::DecoderCross})
      EXPECT_EQ(chooses(filter, kind), std::string(to_string(filter)) == to_string(kind));
  }
}

}  // namespace
}  // namespace espalier::test
