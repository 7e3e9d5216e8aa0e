#include "report/cell_page.h"

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

  const auto page = cell_page(store.read("k0"));

  for (const auto* expected :
       {"cell k0\n", "state                done\n", "experiments          demo\n", "granularity          head\n",
        "name magnitude, plugin magnitude", "attempt 1: done in 1.5 s\n", "scores 1 s (cached), search 0.5 s",
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

TEST(CellPage, SaysWhereItWasComputed) {
  store::CellRecord cell;
  auto& attempt = cell.attempts.emplace_back();
  attempt.environment = {{"device", "cuda:1"}, {"device_name", "NVIDIA H100 80GB HBM3"}, {"driver", "580.65"}};
  attempt.timing.emplace().peak_device_bytes = std::int64_t{3} << 30;
  attempt.timing->memory_shortages = 1;

  auto page = cell_page(cell);
  for (const auto* expected :
       {"peak on the device   3072 MiB\n", "out of memory        once on the device, and went on in smaller pieces\n",
        "device               cuda:1\n", "device_name          NVIDIA H100 80GB HBM3\n",
        "driver               580.65\n"}) {
    EXPECT_NE(page.find(expected), std::string::npos) << expected << "\n" << page;
  }
  attempt.timing->memory_shortages = 2;
  page = cell_page(cell);
  EXPECT_NE(page.find("out of memory        2 times on the device"), std::string::npos) << page;
}

TEST(CellPage, ShowsTheReasonOfAFailure) {
  store::CellRecord cell;
  cell.key = "k";
  cell.state = "failed";
  cell.message = "line one\nline \x1b two";

  const auto page = cell_page(cell);

  EXPECT_NE(page.find("message\n  line one\n  line \\x1b two\n"), std::string::npos) << page;
}

TEST(CellPage, SaysThatBatchesWereHalved) {
  store::CellRecord cell;
  cell.key = "k0";
  cell.state = "done";
  auto first = test::failed_attempt("it took too much");
  first.reason = FailureReason::MemoryLimit;
  first.peak_memory_bytes = std::int64_t{3} << 30;
  auto second = test::done_attempt(0.5);
  second.batch_halvings = 2;
  cell.attempts = {first, second};

  const auto page = cell_page(cell);

  EXPECT_NE(page.find("    reason               memory-limit\n"), std::string::npos) << page;
  EXPECT_NE(page.find("    peak memory          3072 MiB\n"), std::string::npos) << page;
  EXPECT_NE(page.find("    batches              1/4 of their size, because memory did not suffice before\n"),
            std::string::npos)
      << page;
}

TEST(CellPage, TellsWhatASearchFound) {
  SearchRecord search;
  search.work = EvaluationWork{84, 70, 14, 30, 500, 1000, 1};
  search.notes = {{"ended_by", "no head fits"}, {"guarantee_met", 1.0}};
  search.trainings.emplace_back().steps = 100;
  search.trainings[0].seconds = 12;
  for (int step = 0; step < 12; ++step) search.trajectory.push_back({{"heads", 72.0 - step}});
  store::CellRecord cell;
  auto& point = cell.attempts.emplace_back().points.emplace_back();
  point.kind = "pruned";
  point.step = 1;
  point.details.emplace().search = search;

  const auto page = cell_page(cell);

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
  EXPECT_FALSE(cell_page({}).empty());
  store::CellRecord cell;
  cell.settings = nlohmann::json::array();
  cell.attempts.resize(2);
  cell.attempts[1].environment = 3;
  cell.attempts[1].points.emplace_back().proof_passed = true;
  cell.attempts[1].points[0].other_forms = {{"proof", "text"}};
  EXPECT_NE(cell_page(cell).find("proof                passed\n"), std::string::npos) << cell_page(cell);
}

}  // namespace
}  // namespace espalier::report
