// Whose scores a claimed cell's may be computed with.
#include <gtest/gtest.h>

#include <algorithm>

#include "sample_cells.h"
#include "support/temp_dir.h"

namespace espalier::store {
namespace {

using test::long_lease;

class Companions : public ::testing::Test {
 protected:
  // Two cells each of groups (base, scores); their seed is the score group.
  void insert(const std::vector<std::pair<std::int64_t, std::int64_t>>& groups) {
    auto cells = test::sample_cells(2 * groups.size());
    for (std::size_t i = 0; i < cells.size(); ++i) {
      const auto [base, scores] = groups[i / 2];
      if (base > 0) cells[i].groups = {base, scores};
      cells[i].settings = settings_of({scores})[0];
    }
    store_.insert(test::sample_experiment(), cells, false);
  }
  static std::vector<std::string> settings_of(const std::vector<std::int64_t>& scores) {
    std::vector<std::string> settings;
    for (const auto group : scores) {
      auto cell = test::sample_settings();
      cell.seed = group;
      settings.push_back(to_json(cell).dump());
    }
    return settings;
  }
  std::vector<std::string> claimed(const std::string& worker) {
    return store_.claim("demo", worker, long_lease)->companions;
  }

  test::TempDir folder_;
  ResultStore store_{folder_ / "results.db", Mode::Create};
};

TEST_F(Companions, AreOneOfEachOtherScoreGroupOfTheBaseGroup) {
  insert({{1, 3}, {1, 5}, {2, 7}, {1, 4}});

  EXPECT_EQ(claimed("a"), settings_of({4, 5}));
}

TEST_F(Companions, AreToldWhereAWorkerComesToOtherScores) {
  insert({{1, 3}, {1, 5}});

  EXPECT_EQ(claimed("a"), settings_of({5}));
  EXPECT_EQ(claimed("a"), settings_of({}));  // the other cell of the same scores
  EXPECT_EQ(claimed("a"), settings_of({}));  // the last group: the other has no waiting cell
}

TEST_F(Companions, AreNotThoseThatOthersAreAt) {
  insert({{1, 3}, {1, 5}, {1, 6}});

  EXPECT_EQ(claimed("a"), settings_of({5, 6}));
  EXPECT_EQ(claimed("b"), settings_of({6}));
}

TEST_F(Companions, AreNoneWhereNothingIsKnownOfGroups) {
  insert({{0, 0}, {0, 0}});

  EXPECT_EQ(claimed("a"), settings_of({}));
}

}  // namespace
}  // namespace espalier::store
