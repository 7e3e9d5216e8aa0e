#include "report/cell_page.h"

#include <espalier/error.h>
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "sample_cells.h"
#include "support/temp_dir.h"

namespace espalier::report {
namespace {

TEST(CellPage, SaysEverythingOfACell) {
  const test::TempDir folder;
  store::ResultStore store(folder / "results.db", store::Mode::Create);
  store.insert(test::sample_experiment(), test::sample_cells(1), false);
  store.finish(*store.claim("demo", "host:1:2", 1000), test::done_attempt(0.8, 0.25));

  const auto page = cell_page(store.show("k0"));

  for (const auto* expected :
       {"cell k0\n", "state                done\n", "experiments          demo\n", "granularity          head\n",
        "name magnitude, plugin magnitude", "attempt 1: done in 1.5 s\n", "scores 1.0 s (cached), search 0.5 s",
        "peak memory          1 MiB", "point dense at step 0\n", "point pruned at step 0\n",
        "sparsity             requested 0.5, achieved 0.25\n",
        "metrics              accuracy 0.8 (on test, 8 examples)\n", "masked               250 of 1000 (25.0 %)\n",
        "multiply-adds done   3000 of 4000 (75.0 %)\n",
        "passed: masked and compacted differ by 2e-06 at most, spread 3.5, tolerance 0.0001; 2 of 2 masked sites "
        "answered\n",
        "artifact             base-model /cache/base\n", "plugin               scorer magnitude 1, file digest def\n",
        "threads              1\n"}) {
    EXPECT_NE(page.find(expected), std::string::npos) << expected << "\n" << page;
  }
}

TEST(CellPage, ShowsTheReasonOfAFailure) {
  const auto page = cell_page(R"({"key":"k","state":"failed","message":"line one\nline \u001b two","attempts":[]})");

  EXPECT_NE(page.find("message\n  line one\n  line \\x1b two\n"), std::string::npos) << page;
}

TEST(CellPage, TellsWhatASearchFound) {
  std::string steps;
  for (int step = 0; step < 12; ++step) steps += fmt::format("{}{{\"heads\":{}}}", step > 0 ? "," : "", 72 - step);
  const auto page = cell_page(R"({"key":"k","attempts":[{"points":[{"kind":"pruned","step":1,"details":{"search":{
"evaluations":84,"computed":70,"known":14,"stopped":30,"examples":500,"examples_asked":1000,
"notes":{"ended_by":"no head fits","guarantee_met":1},"trainings":[{"steps":100,"seconds":12}],"trajectory":[)" +
                              steps + "]}}}]}]}");

  for (const auto* expected :
       {"search               84 masks evaluated: 70 computed, 14 known before, 30 stopped early; 500 of 1000 (50.0 %) "
        "examples\n",
        "training             100 steps in 12 s\n", "ended_by             no head fits\n", "guarantee_met        1\n",
        "trajectory           12 steps, the last 10 (all with --json)\n        heads 70\n", "        heads 61\n"}) {
    EXPECT_NE(page.find(expected), std::string::npos) << expected << "\n" << page;
  }
  EXPECT_EQ(page.find("heads 71"), std::string::npos);
}

TEST(CellPage, TakesWhatIsMissingOrOddAsAbsent) {
  EXPECT_FALSE(cell_page("{}").empty());
  EXPECT_FALSE(
      cell_page(
          R"({"attempts":[1,{"points":[{"proof_passed":1,"proof":"text","metrics":null}],"environment":3}],"settings":[]})")
          .empty());
  EXPECT_THROW(cell_page("no JSON"), StoreError);
}

}  // namespace
}  // namespace espalier::report
