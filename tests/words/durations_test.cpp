#include "words/texts/durations.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace espalier {
namespace {

TEST(Durations, NameTheTwoLargestUnits) {
  EXPECT_EQ(duration_text(0), "0 s");
  EXPECT_EQ(duration_text(0.0001), "0 s");
  EXPECT_EQ(duration_text(0.25), "0.25 s");
  EXPECT_EQ(duration_text(1.24), "1.2 s");
  EXPECT_EQ(duration_text(9.94), "9.9 s");
  EXPECT_EQ(duration_text(9.96), "10 s");
  EXPECT_EQ(duration_text(59.6), "1 min");
  EXPECT_EQ(duration_text(85), "1 min 25 s");
  EXPECT_EQ(duration_text(600), "10 min");
  EXPECT_EQ(duration_text(3900), "1 h 5 min");
  EXPECT_EQ(duration_text(7200), "2 h");
  EXPECT_EQ(duration_text(2.0 * 86400 + 3 * 3600), "2 d 3 h");
}

TEST(Durations, DoNotMakeATimeOfWhatIsNone) {
  for (const double none : {-1.0, 1e13, std::numeric_limits<double>::infinity(), std::nan("")})
    EXPECT_EQ(duration_text(none), "an unknown time") << none;
}

}  // namespace
}  // namespace espalier
