#include "words/names.h"

#include <gtest/gtest.h>

namespace espalier {
namespace {

TEST(Names, TheNearestKnownNameIsOffered) {
  const std::vector<std::string> known = {"fisher", "gate-gradient", "magnitude", "random"};

  EXPECT_EQ(nearest_name("gate-gradeint", known), "gate-gradient");
  EXPECT_EQ(nearest_name("magnitud", known), "magnitude");
  EXPECT_EQ(nearest_name("mag", known), "magnitude");
  EXPECT_EQ(nearest_name("entropy", known), std::nullopt);
  EXPECT_EQ(nearest_name("fisher", {}), std::nullopt);
}

TEST(Names, AnUnknownNameIsAWholeMessage) {
  EXPECT_EQ(unknown_name("scorer", "fischer", {"random", "fisher"}),
            "unknown scorer 'fischer'\n    did you mean 'fisher'?\n    known: fisher, random");
  EXPECT_EQ(unknown_name("scorer", "x", {}), "unknown scorer 'x'\n    none is known here");
}

TEST(Names, ALongListIsCut) {
  std::vector<std::string> known;
  for (int i = 100; i < 150; ++i) known.push_back("name" + std::to_string(i));

  EXPECT_NE(unknown_name("name", "zzz", known).find("... (50 in all)"), std::string::npos);
}

}  // namespace
}  // namespace espalier
