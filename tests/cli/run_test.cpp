#include <chrono>
#include <thread>

#include "cli_fixture.h"

namespace espalier::cli {
namespace {

using RunCommand = CliTest;

TEST_F(RunCommand, RunsToTheEndAndThenHasNothingToDo) {
  const auto first = espalier({"run", "tiny.toml"});
  const auto second = espalier({"run", "tiny.toml"});

  EXPECT_EQ(first.exit_code, 0) << first.err;
  EXPECT_CONTAINS(first.out, "0.7");  // the fake worker's accuracy after pruning
  EXPECT_CONTAINS(first.out, "\ndatabase:    results/tiny.db\nlog:         results/tiny.log\n");
  EXPECT_CONTAINS(first.out, "\ntable again: espalier table tiny.toml\n");
  EXPECT_CONTAINS(first.err, "3 cells computed in ");
  EXPECT_EQ(second.exit_code, 0);
  EXPECT_CONTAINS(second.err, "nothing to run: all 3 cells are done already\n");
}

TEST_F(RunCommand, OfASliceDoesNotShrinkTheExperiment) {
  const auto slice = espalier({"run", "tiny.toml", "--only", "seed=1"});
  const auto document = json(espalier({"status", "tiny.toml", "--json"}));
  const auto of_database = json(espalier({"status", "results/tiny.db", "--json"}));
  const auto text = espalier({"status", "results/tiny.db"});
  const auto table = espalier({"table", "results/tiny.db"});
  const auto watched = espalier({"status", "tiny.toml", "--watch"});
  const auto all = espalier({"run", "tiny.toml"});

  EXPECT_EQ(slice.exit_code, 0) << slice.err;
  EXPECT_CONTAINS(slice.err, "1 cell computed in ");
  EXPECT_CONTAINS(slice.out, "left out by --only seed=1: 2 cells");
  for (const auto* counts : {&document, &of_database}) {
    EXPECT_EQ(counts->at("cells"), 3);
    EXPECT_EQ(counts->at("done"), 1);
    EXPECT_EQ(counts->at("waiting"), 2);
    EXPECT_EQ(counts->at("not_asked"), 2);
  }
  EXPECT_CONTAINS(text.out, "2 of those that wait were not asked for by the last run");
  EXPECT_CONTAINS(table.out, "...: 2 cells not run yet");
  EXPECT_EQ(watched.exit_code, 0);
  EXPECT_CONTAINS(all.err, "2 cells computed in ");
}

// Whether the first has claimed something, is about to, or is between two cells: neither takes from the other.
TEST_F(RunCommand, OfASliceBesideAnotherHasBothComputed) {
  write_experiment("tiny.toml", "tiny", "\"0..5\"");
  test::Ran first;
  std::thread beside([&] { first = espalier({"run", "tiny.toml", "--only", "seed=0..2"}, {"FAKE_SLEEP=0.3"}); });
  while (!std::filesystem::exists(folder_ / "results/tiny.db"))
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  const auto second = espalier({"run", "tiny.toml", "--only", "seed=3..4"}, {"FAKE_SLEEP=0.3"});
  beside.join();
  const auto status = json(espalier({"status", "tiny.toml", "--json"}));

  EXPECT_EQ(first.exit_code, 0) << first.err;
  EXPECT_EQ(second.exit_code, 0) << second.err;
  EXPECT_EQ(status.at("done"), 5);
  EXPECT_EQ(status.at("waiting"), 1);
  EXPECT_EQ(status.at("not_asked"), 1);
}

TEST_F(RunCommand, WritesNoColoursAndNoProgressIntoTheResult) {
  const auto ran = espalier({"run", "tiny.toml"}, {"FAKE_SLEEP=0.5"});

  EXPECT_EQ(ran.out.find('\x1b'), std::string::npos) << ran.out;
  EXPECT_EQ(ran.out.find("cells/min"), std::string::npos) << ran.out;
  EXPECT_CONTAINS(ran.err, "tiny: ");
}

TEST_F(RunCommand, ExitsWithOneWhereACellFailed) {
  const auto ran = espalier({"run", "tiny.toml"}, {"FAKE_FAIL_SEED=1"});
  const auto again = espalier({"run", "tiny.toml"});

  EXPECT_EQ(ran.exit_code, 1);
  EXPECT_CONTAINS(ran.err, "failed: the fake fails here\n");
  EXPECT_CONTAINS(ran.err, "run the same command to try what failed again\n");
  EXPECT_EQ(again.exit_code, 0);
  EXPECT_CONTAINS(again.err, "a cell that failed before is tried again\n");
  EXPECT_CONTAINS(again.err, "1 cell computed in ");
}

TEST_F(RunCommand, GoesOnWhereAWorkerCrashes) {
  const auto ran = espalier({"run", "tiny.toml"}, {"FAKE_CRASH_SEED=0"});

  EXPECT_EQ(ran.exit_code, 1);
  EXPECT_CONTAINS(ran.err, "the worker died by signal 11 (Segmentation fault) while it computed this cell");
  EXPECT_CONTAINS(ran.err, "2 of 3 done, 1 failed");
}

TEST_F(RunCommand, RefusesMissingPaths) {
  std::filesystem::remove(folder_ / "test.tsv");
  std::filesystem::remove_all(folder_ / "model");

  const auto ran = espalier({"run", "tiny.toml"});

  EXPECT_EQ(ran.exit_code, 2);
  EXPECT_CONTAINS(ran.err, "tiny.toml: nothing is run, because 2 things needed by its cells are missing\n");
  EXPECT_CONTAINS(ran.err, "test.tsv");
  EXPECT_FALSE(std::filesystem::exists(folder_ / "results" / "tiny.db"));
}

TEST_F(RunCommand, StopsOnCtrlCAndGoesOnLater) {
  write_experiment("long.toml", "long", "[0, 1, 2, 3, 4, 5, 6, 7, 8, 9]");
  const auto stopped =
      start({"/usr/bin/timeout", "--preserve-status", "-s", "INT", "4", test::program("espalier"), "run", "long.toml"},
            {"FAKE_SLEEP=0.9"});
  const auto status = json(espalier({"status", "results/long.db", "--json"}));
  const auto again = espalier({"run", "long.toml"});

  EXPECT_EQ(stopped.exit_code, 130);
  EXPECT_CONTAINS(stopped.err, "of 10 cells are done; run the same command to go on\n");
  EXPECT_EQ(stopped.out, "");
  EXPECT_EQ(status.at("running"), 0);
  EXPECT_GT(status.at("waiting"), 0);
  EXPECT_EQ(again.exit_code, 0) << again.err;
  EXPECT_CONTAINS(again.err, "10 of 10 done");
}

TEST_F(RunCommand, RecordsNothingTwiceWhenItIsKilled) {
  write_experiment("long.toml", "long", "[0, 1, 2, 3, 4, 5, 6, 7, 8, 9]");
  start({"/usr/bin/timeout", "-s", "KILL", "2", test::program("espalier"), "run", "long.toml"}, {"FAKE_SLEEP=0.5"});
  const auto again = espalier({"run", "long.toml"});

  EXPECT_EQ(again.exit_code, 0) << again.err;
  EXPECT_CONTAINS(again.err, "10 of 10 done");
}

TEST_F(RunCommand, SaysWhyTheDatabaseCannotBeUsed) {
  folder_.write("results/tiny.db",
                "this is no database, whatever its name says, and it is long enough to have a header");

  const auto ran = espalier({"run", "tiny.toml"});

  EXPECT_EQ(ran.exit_code, 4);
  EXPECT_CONTAINS(ran.err, "results/tiny.db");
}

TEST_F(RunCommand, SaysWhyTheFolderCannotBeMade) {
  folder_.write("results", "a file where a folder should be");

  const auto ran = espalier({"run", "tiny.toml"});

  EXPECT_EQ(ran.exit_code, 4);
  EXPECT_TRUE(ran.err.starts_with("results: the database's folder cannot be made: ")) << ran.err;
}

TEST_F(RunCommand, StopsWithTheReasonWhenWorkersDoNotStart) {
  const auto ran = espalier({"run", "tiny.toml"}, {"FAKE_CELLS_EXIT=3"});

  EXPECT_EQ(ran.exit_code, 3);
  EXPECT_CONTAINS(ran.err, "the fake does not start");
}

TEST_F(RunCommand, NamesTheDevicesThatItComputesOn) {
  const auto ran = espalier({"run", "tiny.toml", "--devices", "all"}, {"FAKE_GPUS=2", "FAKE_SLEEP=0.6"});

  EXPECT_EQ(ran.exit_code, 0) << ran.err;
  EXPECT_CONTAINS(ran.err, "tiny on cuda:0 and cuda:1: ");
  EXPECT_CONTAINS(ran.err, "3 cells computed on cuda:0 and cuda:1 in ");
}

TEST_F(RunCommand, RefusesDevicesBeforeItClaimsACell) {
  const auto absent = espalier({"run", "tiny.toml", "--devices", "cuda:3"}, {"FAKE_GPUS=1"});
  const auto twice = espalier({"run", "none.toml", "--devices", "cuda:0,cuda:0"});
  const auto mixed = espalier({"run", "none.toml", "--devices", "cpu,cuda:0"});
  const auto unknown = espalier({"run", "none.toml"}, {"ESPALIER_DEVICES=gpu"});

  for (const auto* ran : {&absent, &twice, &mixed, &unknown}) EXPECT_EQ(ran->exit_code, 2) << ran->err;
  EXPECT_EQ(absent.err, "--device cuda:3: no GPU answers: the fake has 1\n");
  EXPECT_FALSE(std::filesystem::exists(folder_ / "results/tiny.db"));
  EXPECT_EQ(twice.err, "--devices: cuda:0 is named twice\n");
  EXPECT_TRUE(mixed.err.starts_with("--devices cpu,cuda:0: computes on one kind of device\n")) << mixed.err;
  EXPECT_TRUE(unknown.err.starts_with("ESPALIER_DEVICES 'gpu': no such device\n    did you mean 'cuda'?\n"))
      << unknown.err;
}

TEST_F(RunCommand, TakesTheDevicesOfTheEnvironment) {
  const auto ran = espalier({"run", "tiny.toml"}, {"ESPALIER_DEVICES=auto", "FAKE_GPUS=1"});
  const auto said = espalier({"run", "tiny.toml", "--devices", "cpu"}, {"ESPALIER_DEVICES=cuda:9"});

  EXPECT_EQ(ran.exit_code, 0) << ran.err;
  EXPECT_CONTAINS(ran.err, "3 cells computed on cuda:0 in ");
  EXPECT_EQ(said.exit_code, 0) << said.err;
}

TEST_F(RunCommand, OfTf32NeedsAGpu) {
  write_experiment("half.toml", "half", "[0]\ncompute = [\"float32\", \"tf32\"]");

  const auto planned = espalier({"plan", "half.toml"});
  const auto refused = espalier({"run", "half.toml"});
  const auto slice = espalier({"run", "half.toml", "--only", "compute=float32"});

  EXPECT_CONTAINS(planned.out, "note         1 cell needs a GPU, for tf32: espalier run --devices cuda\n");
  EXPECT_EQ(refused.exit_code, 2);
  EXPECT_TRUE(
      refused.err.starts_with("half.toml: nothing is run: 1 cell computes in tf32, which a CPU does not have\n"))
      << refused.err;
  EXPECT_EQ(slice.exit_code, 0) << slice.err;
}

}  // namespace
}  // namespace espalier::cli
