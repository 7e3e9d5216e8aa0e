#include "runner/plan.h"
#include "cells/fields/cell_fields.h"

#include "runner_fixture.h"

namespace espalier::runner {
namespace {

using PlanTest = RunnerTest;

TEST_F(PlanTest, CountsEverythingAsToRunWithoutADatabase) {
  auto cells = planned(4);
  cells[3].key.clear();
  auto wanted = experiment(cells);
  wanted.missing = {"/nowhere"};

  const auto plan = make_plan(wanted, folder_ / "none.db");

  EXPECT_EQ(plan.cells, 4);
  EXPECT_EQ(plan.done, 0);
  EXPECT_EQ(plan.to_run, 4);
  EXPECT_FALSE(plan.seconds.has_value());
  EXPECT_FALSE(plan.memory_bytes.has_value());
  EXPECT_FALSE(std::filesystem::exists(folder_ / "none.db"));
}

TEST_F(PlanTest, EstimatesFromWhatEarlierCellsTook) {
  run(experiment(2), options());

  const auto plan = make_plan(experiment(6), options().database);

  EXPECT_EQ(plan.done, 2);
  EXPECT_EQ(plan.to_run, 4);
  EXPECT_EQ(plan.estimated_from, 4);
  EXPECT_DOUBLE_EQ(plan.seconds.value_or(0), 4 * 0.5);  // the fake worker's cells take half a second each
}

TEST_F(PlanTest, ListsTheAxesThatHaveSeveralValues) {
  const auto plan = make_plan(experiment(3), folder_ / "none.db");

  ASSERT_EQ(plan.axes.size(), 1U);
  EXPECT_EQ(plan.axes[0].name, "seed");
  EXPECT_EQ(plan.axes[0].values, (std::vector<std::string>{"0", "1", "2"}));
}

TEST_F(PlanTest, CallsBudgetsAndSchedulesAsTheFileDoes) {
  auto cells = planned(3);
  const auto put = [&](std::size_t cell, const std::string& name, const std::string& value) {
    auto settings = nlohmann::json::parse(cells[cell].settings);
    settings[name] = nlohmann::json::parse(value);
    cells[cell].settings = settings.dump();
  };
  put(0, "budget", R"({"kind":"heads","value":8.0})");
  put(1, "schedule", R"({"fraction":0.0,"of":"remaining","rounding":"nearest","shape":"linear","steps":4})");
  put(2, "schedule", R"({"fraction":0.1,"of":"remaining","rounding":"ceil","steps":10})");

  const auto plan = make_plan(experiment(cells), folder_ / "none.db");

  ASSERT_EQ(plan.axes.size(), 3U);
  EXPECT_EQ(plan.axes[0].values, (std::vector<std::string>{"heads 8", "sparsity 0.5"}));
  EXPECT_EQ(plan.axes[1].values, (std::vector<std::string>{"none", "4-linear", "10x0.1"}));
}

TEST_F(PlanTest, EstimatesMemoryFromTheWeights) {
  folder_.write("model/model.safetensors", std::string(1000, 'x'));
  auto cells = planned(1);
  const std::string nowhere = "/nowhere";
  auto& settings = cells[0].settings;
  settings.replace(settings.find(nowhere), nowhere.size(), (folder_ / "model").string());

  const auto plan = make_plan(experiment(cells), folder_ / "none.db");

  EXPECT_EQ(plan.memory_bytes.value_or(0), 107'000'000 + 1000);
}

TEST(CellFields, ReadMembersWithoutParsingTheWhole) {
  const std::string text = R"({"a":{"b":[1,2],"c":"x,}\""},"d":"q\"r","e":null,"f":0.5})";

  EXPECT_EQ(member(text, "a"), R"({"b":[1,2],"c":"x,}\""})");
  EXPECT_EQ(member(member(text, "a"), "b"), "[1,2]");
  EXPECT_EQ(plain_text(member(text, "d")), "q\"r");
  EXPECT_EQ(member(text, "e"), "null");
  EXPECT_EQ(member(text, "f"), "0.5");
  EXPECT_EQ(member(text, "g"), "");
}

TEST(CellFields, StayInsideBrokenText) {
  for (const std::string text : {"", "{", "{\"", "{\"a", "{\"a\"", "{\"a\":", "{\"a\":\"", "{\"a\":[[", "{\"a\\"}) {
    EXPECT_LE(members(text).size(), 1U) << text;
  }
}

}  // namespace
}  // namespace espalier::runner
