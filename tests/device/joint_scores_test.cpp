// Scores from one pass on a device are those of each alone there.
#include <ATen/ops/equal.h>
#include <gtest/gtest.h>

#include "device_cells.h"
#include "engine/scoring.h"
#include "fake_counts.h"

namespace espalier::test {
namespace {

TEST(JointScoresOnTheFakeDevice, AreThoseOfEachAlone) {
  TinyCell tiny;
  tiny.cell.model.train->epochs = 1;
  engine::BaseModels models(tiny.folder / "cache", Watch{}, fake_device());
  auto& base = models.get(tiny.cell);
  std::vector<engine::ScoreRequest> requests;
  for (const auto* scorer : {"taylor", "mask-fisher", "gate-gradient"}) {
    std::map<std::string, SettingValue> values = {{"samples", std::int64_t{0}}};
    if (std::string(scorer) == "gate-gradient") values["absolute"] = std::string("batch");
    requests.push_back({scorer, tiny.plugin("scorer", scorer, Settings(std::move(values))).settings});
  }
  std::string told;
  Watch watch;
  watch.say = [&](const std::string& line) { told += line; };
  engine::ScoreCache together(tiny.folder / "cache", bundled_plugins(), watch),
      apart(tiny.folder / "apart", bundled_plugins(), {});
  const FakeCounts counts;

  together.get(base, requests[0], requests);

  EXPECT_GT(counts.operators(), 0);
  EXPECT_EQ(told, "scores of 'taylor', 'mask-fisher', 'gate-gradient' in one pass");
  for (const auto& request : requests) {
    const auto answer = together.get(base, request);
    EXPECT_FALSE(answer.computed_now) << request.scorer;
    EXPECT_TRUE(at::equal(answer.values, apart.get(base, request).values)) << request.scorer;
  }
}

}  // namespace
}  // namespace espalier::test
