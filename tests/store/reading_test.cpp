#include <espalier/error.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "sample_cells.h"
#include "support/message_of.h"
#include "support/temp_dir.h"

namespace espalier::store {
namespace {

using test::done_attempt;
using test::failed_attempt;
using test::message_of;
using test::sample_cell;
using test::sample_cells;
using test::sample_experiment;
using test::sample_settings;

class Reading : public ::testing::Test {
 protected:
  void finish(const AttemptRecord& attempt) { ASSERT_TRUE(store.finish(*store.claim("demo", "a", 1000), attempt)); }
  static const Value& at(const Rows& rows, std::size_t row, const std::string& column) {
    for (std::size_t i = 0; i < rows.columns.size(); ++i) {
      if (rows.columns[i] == column) return rows.rows.at(row).at(i);
    }
    throw std::out_of_range(column);
  }

  test::TempDir folder;
  ResultStore store{folder / "results.db", Mode::Create};
  std::vector<NewCell> details_;
};

// The public reading face: names are added, never taken away or moved.
TEST_F(Reading, ViewsHaveTheirColumns) {
  std::vector<std::string> cells = {
      "experiment", "position",      "key",       "state",    "model",         "family",   "dataset",
      "format",     "granularity",   "sites",     "scorer",   "scorer_plugin", "searcher", "searcher_plugin",
      "scope",      "budget",        "requested", "sparsity", "schedule",      "recovery", "recovery_plugin",
      "rounding",   "softmax_scale", "compute",   "seed",     "base_seed",     "attempts", "message",
      "worker",     "seconds",       "finished"};
  auto points = cells;
  for (const auto* name : {"step",
                           "kind",
                           "last",
                           "requested_sparsity",
                           "achieved_sparsity",
                           "parameters_dense",
                           "parameters_masked",
                           "parameters_removed",
                           "parameters_total",
                           "multiply_adds_dense",
                           "multiply_adds_done",
                           "proof_passed",
                           "mask_digest",
                           "split",
                           "examples",
                           "predictions_digest",
                           "accuracy",
                           "macro_f1",
                           "mcc",
                           "cross_entropy",
                           "map",
                           "mauc",
                           "wer",
                           "cer",
                           "bleu",
                           "not_numbers",
                           "current"}) {
    points.emplace_back(name);
  }
  cells.insert(cells.end(), {"requested_sparsity", "current", "asked"});

  EXPECT_EQ(store.cells("demo").columns, cells);
  EXPECT_EQ(store.failed_cells("demo").columns, cells);
  EXPECT_EQ(store.points("demo").columns, points);
  points.insert(points.end(), {"heads_kept", "evaluations", "flops", "multiply_adds"});
  EXPECT_EQ(store.points_in_detail("demo").columns, points);
}

TEST_F(Reading, ACellsSettingsAreColumns) {
  auto settings = sample_settings();
  settings.scorer = {"mine", "fisher", "2", {}};
  settings.schedule = ScheduleSettings{10, 0.1, BudgetShare::Remaining, Rounding::Ceil};
  settings.seed = 3;
  store.insert(sample_experiment(), {sample_cell("key", settings)}, false);

  const auto cells = store.cells("demo");

  EXPECT_EQ(at(cells, 0, "scorer").text, "mine");
  EXPECT_EQ(at(cells, 0, "scorer_plugin").text, "fisher");
  EXPECT_EQ(at(cells, 0, "sparsity").real, 0.5);
  EXPECT_EQ(at(cells, 0, "seed").integer, 3);
  EXPECT_EQ(nlohmann::json::parse(at(cells, 0, "schedule").text)["steps"], 10);
  EXPECT_EQ(at(cells, 0, "state").text, "waiting");
  EXPECT_EQ(at(cells, 0, "seconds").kind, Value::Kind::Null);
}

TEST_F(Reading, ABudgetThatIsNoSparsityLeavesThatColumnEmpty) {
  auto settings = sample_settings();
  settings.budget = {BudgetKind::Heads, 6};
  store.insert(sample_experiment(), {sample_cell("key", settings)}, false);

  const auto cells = store.cells("demo");

  EXPECT_EQ(at(cells, 0, "sparsity").kind, Value::Kind::Null);
  EXPECT_EQ(at(cells, 0, "requested").real, 6);
}

TEST_F(Reading, PointsAreThoseOfDoneCellsAndTheLastOneIsMarked) {
  store.insert(sample_experiment(), sample_cells(2), false);
  finish(done_attempt(0.8, 0.25));
  auto failed = failed_attempt("the proof failed");
  failed.points = done_attempt(0.1).points;
  finish(failed);

  const auto points = store.points("demo");

  ASSERT_EQ(points.rows.size(), 2U);
  EXPECT_EQ(at(points, 0, "kind").text, "dense");
  EXPECT_EQ(at(points, 0, "last").integer, 0);
  EXPECT_EQ(at(points, 0, "mask_digest").kind, Value::Kind::Null);
  EXPECT_EQ(at(points, 1, "last").integer, 1);
  EXPECT_EQ(at(points, 1, "accuracy").real, 0.8);
  EXPECT_EQ(at(points, 1, "achieved_sparsity").real, 0.25);
  EXPECT_EQ(at(points, 1, "macro_f1").kind, Value::Kind::Null);
  EXPECT_EQ(at(points, 1, "proof_passed").integer, 1);
  EXPECT_EQ(at(store.failed_cells("demo"), 0, "message").text, "the proof failed");
}

TEST_F(Reading, AMetricThatIsNoNumberIsEmpty) {
  store.insert(sample_experiment(), sample_cells(1), false);
  finish(done_attempt(std::numeric_limits<double>::quiet_NaN()));

  EXPECT_EQ(at(store.points("demo"), 1, "accuracy").kind, Value::Kind::Null);
}

TEST_F(Reading, ProgressCountsAndKnowsThePace) {
  store.insert(sample_experiment(), sample_cells(4), false);
  finish(done_attempt(0.8));
  finish(failed_attempt("first\nsecond"));
  store.claim("demo", "a", 1000);

  const auto progress = store.progress("demo");

  EXPECT_EQ(progress.counts.cells, 4);
  EXPECT_EQ(progress.counts.done, 1);
  EXPECT_EQ(progress.counts.failed, 1);
  EXPECT_EQ(progress.counts.running, 1);
  EXPECT_EQ(progress.counts.waiting, 1);
  EXPECT_EQ(progress.finished_in_last_minute, 2);
  EXPECT_EQ(progress.mean_seconds, 1.0);  // of 1.5 and 0.5
  ASSERT_EQ(progress.failures.size(), 1U);
  EXPECT_EQ(progress.failures[0].message, "first\nsecond");
  EXPECT_EQ(store.mean_seconds(), (std::map<std::string, double>{{"head/magnitude", 1.5}}));
}

TEST_F(Reading, ProgressOfAllExperimentsCountsASharedCellOnce) {
  store.insert(sample_experiment("one"), sample_cells(1), false);
  store.insert(sample_experiment("demo"), sample_cells(1), false);
  finish(failed_attempt("no"));

  const auto progress = store.progress("");

  EXPECT_EQ(progress.finished_in_last_minute, 1);
  EXPECT_EQ(progress.failures.size(), 1U);
}

TEST_F(Reading, ExperimentsAreListed) {
  store.insert(sample_experiment("one"), {}, false);
  store.insert(sample_experiment("two"), {}, false);

  const auto experiments = store.experiments();

  ASSERT_EQ(experiments.size(), 2U);
  EXPECT_EQ(experiments[1].name, "two");
  EXPECT_EQ(experiments[1].question, "What is lost?");
}

TEST_F(Reading, ShowGivesEverythingOfACell) {
  store.insert(sample_experiment(), {sample_cell("abc1"), sample_cell("abd2")}, false);
  store.release(*store.claim("demo", "a", 1000));
  finish(done_attempt(0.8));

  const auto shown = nlohmann::json::parse(store.show("abc"));

  EXPECT_EQ(shown["key"], "abc1");
  EXPECT_EQ(shown["state"], "done");
  EXPECT_EQ(shown["experiments"], nlohmann::json::array({"demo"}));
  EXPECT_EQ(shown["settings"]["scorer"]["plugin"], "magnitude");
  ASSERT_EQ(shown["attempts"].size(), 2U);
  EXPECT_EQ(shown["attempts"][0]["outcome"], "interrupted");
  const auto& last = shown["attempts"][1];
  EXPECT_EQ(last["outcome"], "done");
  EXPECT_EQ(last["timing"]["seconds"]["scores"], 1.0);
  EXPECT_EQ(last["environment"]["threads"], 1);
  EXPECT_EQ(last["artifacts"][0]["path"], "/cache/base");
  EXPECT_EQ(last["plugins"][0]["file_digest"], "def");
  ASSERT_EQ(last["points"].size(), 2U);
  EXPECT_EQ(last["points"][1]["metrics"]["accuracy"], 0.8);
  EXPECT_EQ(last["points"][1]["proof"]["spread"], 3.5);
}

TEST_F(Reading, ShowTellsLatencies) {
  store.insert(sample_experiment(), sample_cells(1), false);
  auto attempt = done_attempt(0.8);
  attempt.points[1].latency = {{8, 64, 10.5, 7.25, 50}};
  finish(attempt);

  const auto shown = nlohmann::json::parse(store.show("k0"));

  EXPECT_EQ(shown["attempts"][0]["points"][1]["latency"][0]["pruned_milliseconds"], 7.25);
}

TEST_F(Reading, DetailsSayWhatIsKept) {
  const auto counts = [&](const std::string& details) {
    const auto key = "d" + std::to_string(details_.size());
    details_.push_back(sample_cell(key));
    store.insert(sample_experiment(), {details_.back()}, false);
    auto attempt = done_attempt(0.8);
    attempt.points[1].details = details;
    finish(attempt);
    const auto rows = store.points_in_detail("demo");
    for (std::size_t row = 0; row < rows.rows.size(); ++row) {
      if (at(rows, row, "key").text != key || at(rows, row, "kind").text != "pruned") continue;
      const auto &heads = at(rows, row, "heads_kept"), &evaluations = at(rows, row, "evaluations");
      return std::pair(heads.kind == Value::Kind::Null ? -1 : heads.integer,
                       evaluations.kind == Value::Kind::Integer ? evaluations.integer : -1);
    }
    return std::pair<std::int64_t, std::int64_t>(-2, -2);
  };
  using Counts = std::pair<std::int64_t, std::int64_t>;

  EXPECT_EQ(counts(R"({"sites":[{"heads":3,"qk":[4]},{"heads":0}],"search":{"evaluations":84}})"), Counts(3, 84));
  EXPECT_EQ(counts(R"({"sites":[]})"), Counts(-1, -1));
  EXPECT_EQ(counts(""), Counts(-1, -1));
  for (const char* odd : {"[]", "3", R"("text")", R"({"sites":3,"search":[]})", R"({"sites":[1,null],"search":"x"})"}) {
    EXPECT_EQ(counts(odd), Counts(-1, -1)) << odd;
  }
  counts(R"({"sites":[],"operations":{"flops":12890783424,"macs":12000000000}})");
  const auto rows = store.points_in_detail("demo");
  std::int64_t flops = 0;
  for (std::size_t row = 0; row < rows.rows.size(); ++row) {
    if (at(rows, row, "flops").kind == Value::Kind::Integer) flops = at(rows, row, "flops").integer;
  }
  EXPECT_EQ(flops, 12890783424);
  EXPECT_EQ(store.points_in_detail("demo").rows.size(), store.points("demo").rows.size());
}

TEST_F(Reading, ShowRefusesAPrefixOfNoneOrSeveral) {
  store.insert(sample_experiment(), {sample_cell("abc1"), sample_cell("abd2")}, false);

  EXPECT_NE(message_of<StoreError>([&] { store.show("x"); }).find("no cell whose key starts with 'x'"),
            std::string::npos);
  const auto several = message_of<StoreError>([&] { store.show("ab"); });
  EXPECT_NE(several.find("several cells"), std::string::npos);
  EXPECT_NE(several.find("abc1"), std::string::npos);
  EXPECT_NE(message_of<StoreError>([&] { store.show("%"); }).find("no cell"), std::string::npos);
}

TEST_F(Reading, ShowKeepsBytesThatAreNoText) {
  store.insert(sample_experiment(), sample_cells(1), false);
  finish(failed_attempt("broken \xff byte"));

  EXPECT_EQ(nlohmann::json::parse(store.show("k0"))["state"], "failed");
}

}  // namespace
}  // namespace espalier::store
