#include "grid_test_support.h"

namespace espalier::grid {
namespace {

class ScheduleTest : public GridTest {
 protected:
  std::string grid_with(const std::string& lines) const {
    return test_head +
           "[[grid]]\nmodel = \"minilm\"\ndataset = \"wordnet\"\ngranularity = \"head\"\nscorer = \"random\"\n" +
           lines + "\n";
  }
  CellSettings cell(const std::string& lines) { return settings(read(grid_with(lines)).cells.at(0)); }
};

TEST_F(ScheduleTest, ByFractionNeedsNoBudget) {
  const auto cell_ = cell("schedule = { steps = 10, fraction = 0.1 }");

  EXPECT_EQ(cell_.budget.kind, std::nullopt);
  ASSERT_TRUE(cell_.schedule);
  EXPECT_EQ(cell_.schedule->steps, 10);
  EXPECT_EQ(cell_.schedule->fraction, 0.1);
  EXPECT_EQ(cell_.schedule->of, BudgetShare::Remaining);
  EXPECT_EQ(cell_.schedule->rounding, Rounding::Ceil);
  EXPECT_EQ(cell_.schedule->shape, std::nullopt);
}

TEST_F(ScheduleTest, WithoutFractionLeadsToTheSparsity) {
  const auto linear = cell("sparsity = 0.5\nschedule = { steps = 4 }");
  EXPECT_EQ(linear.schedule->shape, ScheduleShape::Linear);
  EXPECT_EQ(linear.schedule->rounding, Rounding::Nearest);
  EXPECT_EQ(linear.budget.value, 0.5);
  EXPECT_EQ(
      cell("sparsity = 0.5\nschedule = { steps = 4, shape = \"geometric\", rounding = \"floor\" }").schedule->rounding,
      Rounding::Floor);
}

TEST_F(ScheduleTest, ByFractionMayEndAtASparsity) {
  const auto both = cell("sparsity = 0.5\nschedule = { steps = 10, fraction = 0.1 }");
  EXPECT_EQ(both.budget.kind, BudgetKind::Sparsity);
  EXPECT_EQ(both.schedule->fraction, 0.1);
}

TEST_F(ScheduleTest, IsRefusedWhereItSaysTooMuchOrTooLittle) {
  EXPECT_EQ(
      complaint(grid_with("sparsity = 0.5\nschedule = { steps = 2, fraction = 0.1, shape = \"linear\" }")),
      "x.toml:17:12: 'schedule' has a fraction and a shape\n    expected one of the two: a fraction is removed in "
      "each step, a shape leads to the grid's sparsity or heads");
  EXPECT_EQ(
      complaint(grid_with("schedule = [{ steps = 2, fraction = 0.1 }, \"none\", { steps = 3 }]")),
      "x.toml:16:1: schedule 'none' needs a budget, and [[grid]] has none\n    expected one of sparsity, heads, "
      "macs, latency, loss_of_metric\nx.toml:16:1: schedule '3-linear' needs a budget, and [[grid]] has none\n    "
      "expected one of sparsity, heads, macs, latency, loss_of_metric");
}

}  // namespace
}  // namespace espalier::grid
