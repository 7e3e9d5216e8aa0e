#include "runner/share/worker_share.h"

#include <gtest/gtest.h>

namespace espalier::runner {
namespace {

std::vector<std::pair<int, int>> pairs(const std::vector<WorkerShare>& shares) {
  std::vector<std::pair<int, int>> found;
  for (const auto& share : shares) found.emplace_back(share.workers, share.threads);
  return found;
}

constexpr std::int64_t gigabyte = 1'000'000'000;

TEST(WorkerShare, NeverOversubscribes) {
  for (int processors = 1; processors <= 130; ++processors) {
    const auto shares = shares_of(processors, gigabyte, 1000 * gigabyte, 1'000'000);
    ASSERT_FALSE(shares.empty());
    EXPECT_EQ(shares.front().workers, 1);
    EXPECT_EQ(shares.back().workers, processors);
    for (const auto& share : shares) {
      EXPECT_GE(share.threads, 1);
      EXPECT_LE(share.workers * share.threads, processors);
    }
  }
}

TEST(WorkerShare, GoesFromOneWorkerToOneAProcessor) {
  EXPECT_EQ(pairs(shares_of(2, 0, 1, 100)), (std::vector<std::pair<int, int>>{{1, 2}, {2, 1}}));
  EXPECT_EQ(pairs(shares_of(6, 0, 1, 100)), (std::vector<std::pair<int, int>>{{1, 6}, {2, 3}, {4, 1}, {6, 1}}));
}

TEST(WorkerShare, LeavesOutWhatHasNoMemoryOrNoCells) {
  EXPECT_EQ(pairs(shares_of(8, 2 * gigabyte, 6 * gigabyte, 100)), (std::vector<std::pair<int, int>>{{1, 8}, {2, 4}}));
  EXPECT_EQ(pairs(shares_of(8, 100 * gigabyte, gigabyte, 100)), (std::vector<std::pair<int, int>>{{1, 8}}));
  EXPECT_EQ(pairs(shares_of(8, 0, 1, 2)), (std::vector<std::pair<int, int>>{{1, 8}, {2, 4}}));
}

}  // namespace
}  // namespace espalier::runner
