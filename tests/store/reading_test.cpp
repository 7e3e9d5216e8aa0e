#include <espalier/error.h>
#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <limits>
#include <map>
#include <set>

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
  void finish(const Attempt& attempt) { ASSERT_TRUE(store.finish(*store.claim("demo", "a", 1000), attempt)); }
  static const Value& at(const Rows& rows, std::size_t row, const std::string& column) {
    for (std::size_t i = 0; i < rows.columns.size(); ++i) {
      if (rows.columns[i] == column) return rows.rows.at(row).at(i);
    }
    throw std::out_of_range(column);
  }

  test::TempDir folder;
  ResultStore store{folder / "results.db", Mode::Create};
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
                           "current",
                           "heads_kept",
                           "evaluations",
                           "flops",
                           "multiply_adds"}) {
    points.emplace_back(name);
  }
  cells.insert(cells.end(), {"requested_sparsity", "current", "asked"});

  EXPECT_EQ(store.cells("demo").columns, cells);
  EXPECT_EQ(store.failed_cells("demo").columns, cells);
  EXPECT_EQ(store.points("demo").columns, points);
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

// Each width holds its own least and most; equal lists are kept once; right and wrong come back bit by bit.
TEST_F(Reading, WhatWasSaidOfEachExampleComesBack) {
  const std::map<std::string, std::vector<std::int64_t>> said = {
      {"predicted", {-128, 127, 0, 1}},
      {"label", {-129, 128, 32767}},
      {"words", {-32769, 2147483647}},
      {"characters", {std::numeric_limits<std::int64_t>::min(), std::numeric_limits<std::int64_t>::max(), -1}},
      {"word_errors", {}}};
  store.insert(sample_experiment(), sample_cells(2), false);
  for (int cell = 0; cell < 2; ++cell) {
    auto attempt = done_attempt(0.8);
    attempt.points.back().example_numbers = said;
    finish(attempt);
  }

  const auto digests = store.example_digests("demo");

  ASSERT_EQ(digests.rows.size(), 2 * (2 + said.size()));  // `right` of both points, numbers of the last
  EXPECT_EQ(store.example_digests("another").rows.size(), 0U);
  std::map<std::string, std::set<std::string>> kept;
  for (std::size_t row = 0; row < digests.rows.size(); ++row) {
    const auto name = at(digests, row, "name").text, digest = at(digests, row, "digest").text;
    kept[name].insert(digest);
    if (name == "right") {
      EXPECT_EQ(store.outcomes(digest), (std::vector<bool>{true, true, false, true, false, false, true, false}));
    } else {
      EXPECT_EQ(at(digests, row, "last").integer, 1);
      EXPECT_EQ(store.example_numbers(digest), said.at(name)) << name;
    }
  }
  for (const auto& [name, different] : kept) EXPECT_EQ(different.size(), 1U) << name;
  EXPECT_TRUE(store.outcomes("unknown").empty());
  EXPECT_TRUE(store.example_numbers("unknown").empty());
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

  const auto shown = to_json(store.read("abc"));

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

  const auto shown = to_json(store.read("k0"));

  EXPECT_EQ(shown["attempts"][0]["points"][1]["latency"][0]["pruned_milliseconds"], 7.25);
}

TEST_F(Reading, DetailsSayWhatIsKept) {
  const auto insert = [&](const std::string& key, const std::optional<PointDetails>& details) {
    store.insert(sample_experiment(), {sample_cell("d0"), sample_cell("d1"), sample_cell("d2"), sample_cell("d3")},
                 false);
    auto attempt = done_attempt(0.8);
    attempt.points[1].details = details;
    const auto claim = store.claim("demo", "a", 1000);
    ASSERT_EQ(claim->key, key);
    ASSERT_TRUE(store.finish(*claim, attempt));
  };
  PointDetails searched;
  searched.sites = {{"a", 3, {}, {}, {{4}}}, {"b", 0}};
  searched.search.emplace().work.emplace().evaluations = 84;
  insert("d0", searched);
  insert("d1", PointDetails());
  insert("d2", std::nullopt);
  PointDetails counted;
  counted.operations = OperationsLeft{22, 13000000000, 12890783424, 12500000000, 12000000000};
  insert("d3", counted);

  const auto rows = store.points("demo");

  using Counts = std::array<std::int64_t, 4>;
  const auto counts = [&](const std::string& key) {
    for (std::size_t row = 0; row < rows.rows.size(); ++row) {
      if (at(rows, row, "key").text != key || at(rows, row, "kind").text != "pruned") continue;
      Counts found;
      std::size_t place = 0;
      for (const char* column : {"heads_kept", "evaluations", "flops", "multiply_adds"}) {
        const auto& value = at(rows, row, column);
        found[place++] = value.kind == Value::Kind::Integer ? value.integer : -1;
      }
      return found;
    }
    return Counts{-2, -2, -2, -2};
  };
  EXPECT_EQ(counts("d0"), (Counts{3, 84, -1, -1}));
  EXPECT_EQ(counts("d1"), (Counts{-1, -1, -1, -1}));
  EXPECT_EQ(counts("d2"), (Counts{-1, -1, -1, -1}));
  EXPECT_EQ(counts("d3"), (Counts{-1, -1, 12890783424, 12000000000}));
}

// What is written is what is read: every member of a point comes back.
TEST_F(Reading, APointComesBackAsItWasWritten) {
  store.insert(sample_experiment(), sample_cells(1), false);
  auto attempt = done_attempt(0.8);
  auto& point = attempt.points[1];
  point.latency = {{8, 64, 10.5, 7.25, 50, 0.69, 0.65, 0.75, 2, "cpu"}};
  auto& details = point.details.emplace();
  details.sites = {{"a", 1, 2, 32, {{32, 0}}, {{32, 0}}, 4000, 2000, 3000, 1500}};
  details.operations = OperationsLeft{22, 5, 4, 3, 2};
  auto& search = details.search.emplace();
  search.notes = {{"ended_by", "no head fits"}, {"share", 0.5}, {"guarantee_met", 1.0}};
  search.trajectory = {{{"heads", 2}, {"quality", 0.875}}};
  search.left_out_steps = 3;
  search.work = EvaluationWork{7, 5, 2, 1, 40, 60, 0.5};
  search.trainings = {{{{1, 0.5, {{"accuracy", 0.75}}}}, 1, 10, 2.5, "the loss is nan"}};
  finish(attempt);

  const auto read = store.read("k0").attempts.at(0);

  ASSERT_EQ(read.points.size(), 2U);
  for (std::size_t i = 0; i < 2; ++i) {
    auto written = attempt.points[i];
    written.predictions.clear();  // kept apart, and not read here
    EXPECT_EQ(json_text(to_json(read.points[i])), json_text(to_json(written)));
    EXPECT_TRUE(read.points[i].other_forms.empty());
  }
  EXPECT_EQ(read.points[1].proof, point.proof);
  EXPECT_EQ(read.points[1].details->sites, details.sites);
  EXPECT_EQ(read.points[1].latency[0].verdict(), "faster");
  EXPECT_EQ(json_text(to_json(*read.timing)), json_text(to_json(*attempt.timing)));
  EXPECT_EQ(read.environment, attempt.environment);
}

TEST_F(Reading, ShowRefusesAPrefixOfNoneOrSeveral) {
  store.insert(sample_experiment(), {sample_cell("abc1"), sample_cell("abd2")}, false);

  EXPECT_NE(message_of<StoreError>([&] { store.read("x"); }).find("no cell whose key starts with 'x'"),
            std::string::npos);
  const auto several = message_of<StoreError>([&] { store.read("ab"); });
  EXPECT_NE(several.find("several cells"), std::string::npos);
  EXPECT_NE(several.find("abc1"), std::string::npos);
  EXPECT_NE(message_of<StoreError>([&] { store.read("%"); }).find("no cell"), std::string::npos);
}

TEST_F(Reading, ShowKeepsBytesThatAreNoText) {
  store.insert(sample_experiment(), sample_cells(1), false);
  finish(failed_attempt("broken \xff byte"));

  EXPECT_EQ(nlohmann::json::parse(json_text(to_json(store.read("k0"))))["state"], "failed");
}

}  // namespace
}  // namespace espalier::store
