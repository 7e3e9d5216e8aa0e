// How heads of unequal widths are put together on a CPU.
#include <gtest/gtest.h>

#include <numeric>

#include "nn/compaction.h"

namespace espalier::nn {
namespace {

ScaledHead head_of(std::int64_t index, std::int64_t channels) {
  std::vector<std::int64_t> kept(static_cast<std::size_t>(channels));
  std::iota(kept.begin(), kept.end(), std::int64_t{0});
  return {{index, kept, kept}, 1};
}

std::int64_t width_of(std::int64_t channels) {
  const auto groups = grouped({head_of(0, channels)}, 768, facts_of(at::kCPU));
  EXPECT_EQ(groups.size(), 1U);
  EXPECT_EQ(groups[0].qk, groups[0].vo);
  return groups[0].qk;
}

TEST(HeadGroups, AreAsWideAsEightsGoUpwards) {
  EXPECT_EQ(width_of(17), 24);
  EXPECT_EQ(width_of(32), 32);
  EXPECT_EQ(width_of(63), 64);
}

TEST(HeadGroups, OfNarrowHeadsStayAsTheyAre) {
  EXPECT_EQ(width_of(5), 5);
  EXPECT_EQ(width_of(15), 15);
}

}  // namespace
}  // namespace espalier::nn
