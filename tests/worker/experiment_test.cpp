// Experiments from file to table, with the real worker: proven cells, resuming, failing, dying.
#include <signal.h>

#include <chrono>
#include <nlohmann/json.hpp>
#include <thread>

#include "tiny_world.h"

namespace espalier::test {
namespace {

const char* const small_grid = R"(granularity = ["head", "head-channel"]
scorer = ["random", "magnitude", "fisher", "gate-gradient"]
scope = ["local", "global"]
sparsity = [0.25, 0.5]
)";

nlohmann::json status(const TinyWorld& world) {
  const auto ran = world.espalier({"status", "tiny.toml", "--json"});
  EXPECT_EQ(ran.exit_code, 0) << ran.err;
  return nlohmann::json::parse(ran.out);
}

TEST(Experiment, RunsToAProvenTableAndRepeatsNothing) {
  const TinyWorld world;
  world.folder.write("tiny.toml", world.experiment(small_grid));

  const auto first = world.espalier({"run", "tiny.toml"});
  const auto second = world.espalier({"run", "tiny.toml"});
  const auto json = world.espalier({"table", "results/tiny.db", "--format", "json"});

  ASSERT_EQ(first.exit_code, 0) << first.err;
  EXPECT_NE(first.out.find("gate-gradient"), std::string::npos) << first.out;
  EXPECT_EQ(second.exit_code, 0) << second.err;
  const auto table_of = [](const std::string& out) { return out.substr(0, out.find("database:")); };
  EXPECT_EQ(table_of(first.out), table_of(second.out));
  const auto counts = status(world);
  EXPECT_EQ(counts["cells"], 32);
  EXPECT_EQ(counts["done"], 32);
  EXPECT_EQ(counts["failed"], 0);
  ASSERT_EQ(json.exit_code, 0) << json.err;
  EXPECT_FALSE(nlohmann::json::parse(json.out, nullptr, false).is_discarded()) << json.out;
}

// Two steps of every recovery, with latency: each step a point, shown by step and kind.
TEST(Experiment, PrunesInStepsAndRecovers) {
  const TinyWorld world;
  world.folder.write(
      "tiny.toml",
      world.experiment("granularity = \"head\"\nscorer = \"magnitude\"\nschedule = { steps = 2, fraction = 0.1 }\n"
                       "recovery = [\"finetune\", { plugin = \"lora\", rank = 2 }, \"distill\", \"mask-tuning\"]\n"
                       "[measure]\nlatency = { batch = [1, 2], repeats = 3 }\n"));

  const auto run = world.espalier({"run", "tiny.toml"});
  const auto table = world.espalier({"table", "results/tiny.db", "--rows", "recovery,kind", "--columns", "step"});
  const auto refused = world.espalier({"table", "results/tiny.db", "--rows", "steps"});

  ASSERT_EQ(run.exit_code, 0) << run.err;
  EXPECT_NE(run.out.find("by schedule"), std::string::npos) << run.out;
  EXPECT_EQ(status(world)["done"], 4);
  ASSERT_EQ(table.exit_code, 0) << table.err;
  for (const char* name : {"finetune", "lora", "distill", "mask-tuning"}) {
    EXPECT_NE(table.out.find(name), std::string::npos) << table.out;
  }
  std::size_t recovered = 0;
  for (auto at = table.out.find("recovered"); at != std::string::npos; at = table.out.find("recovered", at + 1))
    ++recovered;
  EXPECT_EQ(recovered, 4u) << table.out;
  EXPECT_EQ(refused.exit_code, 2);
  EXPECT_NE(refused.err.find("did you mean 'step'?"), std::string::npos) << refused.err;
}

TEST(Experiment, ARecoveryWithoutATrainSplitIsPlannedAsMissing) {
  const TinyWorld world;
  auto text = world.experiment("granularity = \"head\"\nscorer = \"magnitude\"\nsparsity = 0.5\nrecovery = \"lora\"\n");
  std::filesystem::remove(world.folder / "train.tsv");
  world.folder.write("tiny.toml", text);

  const auto plan = world.espalier({"plan", "tiny.toml", "--json"});

  ASSERT_EQ(plan.exit_code, 0) << plan.err;
  EXPECT_NE(nlohmann::json::parse(plan.out)["missing"].dump().find("train.tsv"), std::string::npos) << plan.out;
}

TEST(Experiment, AChangedFileRunsOnlyWhatIsNew) {
  const TinyWorld world;
  world.folder.write("tiny.toml",
                     world.experiment("granularity = \"head\"\nscorer = \"magnitude\"\nsparsity = [0.25, 0.5]\n"));
  ASSERT_EQ(world.espalier({"run", "tiny.toml"}).exit_code, 0);
  world.folder.write(
      "tiny.toml", world.experiment("granularity = \"head\"\nscorer = \"magnitude\"\nsparsity = [0.25, 0.5, 0.75]\n"));

  const auto plan = nlohmann::json::parse(world.espalier({"plan", "tiny.toml", "--json"}).out);

  EXPECT_EQ(plan["cells"], 3);
  EXPECT_EQ(plan["done"], 2);
  EXPECT_EQ(plan["to_run"], 1);
}

TEST(Experiment, MissingDataIsPlannedAndNotRun) {
  const TinyWorld world;
  world.folder.write("tiny.toml", world.experiment("granularity = \"head\"\nscorer = \"magnitude\"\nsparsity = 0.5\n"));
  std::filesystem::remove(world.folder / "test.tsv");

  const auto plan = world.espalier({"plan", "tiny.toml", "--json"});
  const auto run = world.espalier({"run", "tiny.toml"});

  EXPECT_EQ(plan.exit_code, 0) << plan.err;
  EXPECT_NE(nlohmann::json::parse(plan.out)["missing"].dump().find("test.tsv"), std::string::npos) << plan.out;
  EXPECT_EQ(run.exit_code, 2);
  EXPECT_NE(run.err.find("test.tsv"), std::string::npos) << run.err;
  EXPECT_FALSE(std::filesystem::exists(world.folder / "results/tiny.db"));
}

TEST(Experiment, AFailedCellIsARowAndTheGridGoesOn) {
  const TinyWorld world;
  // A count of heads is a budget for granularity head alone.
  world.folder.write(
      "tiny.toml", world.experiment("granularity = [\"head\", \"head-channel\"]\nscorer = \"magnitude\"\nheads = 3\n"));

  const auto run = world.espalier({"run", "tiny.toml"});

  EXPECT_EQ(run.exit_code, 1) << run.err;
  const auto counts = status(world);
  EXPECT_EQ(counts["done"], 1);
  EXPECT_EQ(counts["failed"], 1);
}

// Killed at any moment, the database opens, what was done stays, and the same command goes on.
TEST(Experiment, SurvivesBeingKilled) {
  const TinyWorld world;
  world.folder.write("tiny.toml", world.experiment(small_grid));
  std::int64_t done_before = 0;
  for (const int milliseconds : {400, 900, 1500}) {
    const pid_t child = fork();
    if (child == 0) {
      setpgid(0, 0);
      if (chdir(world.folder.path().c_str()) != 0) _exit(126);
      const int null = open("/dev/null", O_RDWR);
      dup2(null, 1);
      dup2(null, 2);
      execl(program("espalier").c_str(), "espalier", "run", "tiny.toml", static_cast<char*>(nullptr));
      _exit(127);
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(milliseconds));
    kill(-child, SIGKILL);
    waitpid(child, nullptr, 0);
    if (!std::filesystem::exists(world.folder / "results/tiny.db")) continue;
    const auto counts = status(world);
    EXPECT_GE(counts["done"].get<std::int64_t>(), done_before);
    done_before = counts["done"].get<std::int64_t>();
  }

  const auto last = world.espalier({"run", "tiny.toml"});

  EXPECT_EQ(last.exit_code, 0) << last.err;
  EXPECT_EQ(status(world)["done"], 32);
}

TEST(Experiment, EqualRunsGiveEqualTables) {
  const TinyWorld one, two;
  for (const auto* world : {&one, &two}) {
    world->folder.write("tiny.toml", world->experiment(small_grid));
    ASSERT_EQ(world->espalier({"run", "tiny.toml"}).exit_code, 0);
  }

  EXPECT_EQ(one.espalier({"table", "results/tiny.db", "--format", "csv"}).out,
            two.espalier({"table", "results/tiny.db", "--format", "csv"}).out);
}

}  // namespace
}  // namespace espalier::test
