// What a figure shows of a database.
#include <gtest/gtest.h>

#include <espalier/error.h>
#include "figures/figure.h"
#include "sample_cells.h"
#include "support/temp_dir.h"

namespace espalier::figures {
namespace {

using Steps = std::vector<std::map<std::string, double>>;

class FigureOfADatabase : public testing::Test {
 protected:
  void add(const std::string& scorer, double sparsity, double accuracy, const Steps& trajectory = {}) {
    auto settings = test::sample_settings();
    settings.scorer.name = scorer;
    settings.budget.value = sparsity;
    cells_.push_back({"k" + std::to_string(cells_.size()), json_text(to_json(settings))});
    attempts_.push_back(test::done_attempt(accuracy, sparsity));
    if (trajectory.empty()) return;
    PointDetails details;
    details.search.emplace().trajectory = trajectory;
    attempts_.back().points.back().details = details;
  }
  LinePlot drawn(const FigureRequest& request) {
    store::ResultStore store(folder_ / "a.db", store::Mode::Create);
    store.insert(test::sample_experiment(), cells_, false);
    while (const auto claim = store.claim("demo", "worker", 1000))
      store.finish(*claim, attempts_.at(static_cast<std::size_t>(std::stoi(claim->key.substr(1)))));
    return std::get<LinePlot>(make_figure({store, folder_ / "a.db", "demo"}, request).plot);
  }
  using Marks = std::vector<std::pair<double, double>>;
  static Marks marks_of(const PlotLine& line) {
    Marks marks;
    for (const auto& mark : line.marks) marks.emplace_back(mark.x, mark.y);
    return marks;
  }

  test::TempDir folder_;
  std::vector<store::NewCell> cells_;
  std::vector<Attempt> attempts_;
};

TEST_F(FigureOfADatabase, HasALineForEachScorerAndTheDenseModel) {
  add("fisher", 0.25, 0.85);
  add("magnitude", 0.25, 0.8);
  add("fisher", 0.5, 0.7);
  add("magnitude", 0.5, 0.6);
  const auto plot = drawn({});

  EXPECT_EQ(plot.x_label, "achieved sparsity");
  ASSERT_EQ(plot.panels.size(), 1U);
  EXPECT_EQ(plot.panels[0].dense, (std::vector<double>{0.9}));
  ASSERT_EQ(plot.panels[0].lines.size(), 2U);
  EXPECT_EQ(plot.panels[0].lines[0].names, (std::vector<std::string>{"fisher"}));
  EXPECT_EQ(marks_of(plot.panels[0].lines[0]), (Marks{{0.25, 0.85}, {0.5, 0.7}}));
  EXPECT_EQ(marks_of(plot.panels[0].lines[1]), (Marks{{0.25, 0.8}, {0.5, 0.6}}));
}

TEST_F(FigureOfADatabase, ShowsTheQualityOfSearchesOverTheirEvaluations) {
  const Steps one = {{{"quality", 0.9}, {"evaluations", 1}, {"seconds", 0.5}, {"estimate", 3}},
                     {{"quality", 0.8}, {"evaluations", 7}, {"seconds", 2}}};
  add("fisher", 0.25, 0.85, one);
  add("magnitude", 0.25, 0.8, {{{"quality", 0.7}, {"evaluations", 2}, {"seconds", 1}}});
  FigureRequest request;
  request.kind = Kind::Trajectory;
  const auto over_evaluations = drawn(request);
  ASSERT_EQ(over_evaluations.panels.at(0).lines.size(), 2U);
  EXPECT_EQ(marks_of(over_evaluations.panels[0].lines[0]), (Marks{{1, 0.9}, {7, 0.8}}));
  EXPECT_EQ(marks_of(over_evaluations.panels[0].lines[1]), (Marks{{2, 0.7}}));
}

TEST_F(FigureOfADatabase, WithoutASearchSaysSo) {
  add("fisher", 0.25, 0.85);
  FigureRequest request;
  request.kind = Kind::Trajectory;
  try {
    drawn(request);
    FAIL();
  } catch (const SettingsError& error) {
    EXPECT_STREQ(
        error.what(),
        "no chosen cell has a trajectory: its searcher told no steps, or it is not done\n    of a schedule, --x "
        "step shows the points");
  }
}

}  // namespace
}  // namespace espalier::figures
