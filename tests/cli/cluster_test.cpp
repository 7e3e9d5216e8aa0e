// submit, worker and merge, as a person types them; sbatch is a stand-in that keeps what it was given.
#include <SQLiteCpp/SQLiteCpp.h>
#include <unistd.h>

#include <cstdlib>

#include "cli_fixture.h"

namespace espalier::cli {
namespace {

namespace fs = std::filesystem;

class ClusterTest : public CliTest {
 protected:
  void SetUp() override {
    CliTest::SetUp();
    write_experiment("tiny.toml", "tiny", "[0, 1, 2, 3, 4, 5, 6]");
    // Numbers its jobs, and runs nothing.
    executable("slurm/sbatch",
               "echo \"$@\" >> calls\n[ -z \"${SBATCH_REFUSES:-}\" ] || { echo 'sbatch: error: no such partition' >&2; "
               "exit 1; "
               "}\nwc -l < calls\n");
  }
  void executable(const std::string& name, const std::string& body) const {
    const auto file = folder_.write(name, "#!/bin/bash\n" + body);
    fs::permissions(file, fs::perms::owner_all);
  }
  std::string path() const { return "PATH=" + (folder_ / "slurm").string() + ":" + std::getenv("PATH"); }
  std::string local() const { return "TMPDIR=" + folder_.path().string(); }
  test::Ran shell(const std::string& line, std::vector<std::string> environment = {}) const {
    environment.push_back(local());
    environment.push_back("ESPALIER=" + test::program("espalier"));
    return start({"/bin/bash", "-c", line}, environment);
  }
  std::string read(const std::string& file) const {
    std::ifstream input(folder_ / file);
    return {std::istreambuf_iterator<char>(input), {}};
  }
};

TEST_F(ClusterTest, SubmitShowsAndKeepsOneScriptAndCallsSbatchTwice) {
  const auto ran = espalier({"submit", "tiny.toml", "--tasks", "3", "--partition", "main", "--time", "2:00:00",
                             "--workers-per-task", "2", "--threads", "4", "--sbatch=--account=physics"},
                            {path(), local()});

  ASSERT_EQ(ran.exit_code, 0) << ran.err;
  EXPECT_CONTAINS(ran.out, "7 of 7 cells are left, dealt to 3 tasks");
  EXPECT_CONTAINS(ran.out, "plan:    results/tiny.submit/plan.db");
  EXPECT_CONTAINS(ran.out, "jobs:    1 (the tasks), 2 (merges what they bring home)");
  const auto script = read("results/tiny.submit/tasks.sbatch");
  EXPECT_EQ(ran.out.substr(0, script.size()), script);
  for (const auto* line : {"#SBATCH --partition=main\n", "#SBATCH --time=2:00:00\n", "#SBATCH --cpus-per-task=8\n",
                           "#SBATCH --signal=B:USR1@120\n", "#SBATCH --requeue\n", "#SBATCH --account=physics\n",
                           "--shard \"$SLURM_ARRAY_TASK_ID/3\"", " --workers 2 --threads 4", " --requeues 20"})
    EXPECT_CONTAINS(script, line);
  const auto kept = (folder_ / "results/tiny.submit/tasks.sbatch").string();
  EXPECT_EQ(read("calls"),
            "--parsable --array=1-3 " + kept + "\n--parsable --dependency=afterany:1 --cpus-per-task=1 " + kept + "\n");
}

TEST_F(ClusterTest, TheScriptRunsATaskAndThenMerges) {
  ASSERT_EQ(espalier({"submit", "tiny.toml", "--tasks", "3"}, {path(), local()}).exit_code, 0);
  const auto first = shell("SLURM_ARRAY_TASK_ID=1 bash results/tiny.submit/tasks.sbatch");
  ASSERT_EQ(first.exit_code, 0) << first.err;
  EXPECT_CONTAINS(first.err, "finished: 3 of 3 cells done");

  const auto so_far = json(espalier({"status", "results/tiny.db", "--json"}));
  EXPECT_EQ(so_far.at("waiting"), 7);
  const auto submission = so_far.at("submissions").at(0);
  EXPECT_EQ(submission.at("finished"), 1);
  EXPECT_EQ(submission.at("out"), 2);
  EXPECT_EQ(submission.at("merged"), 0);

  ASSERT_EQ(
      shell("for i in 2 3; do SLURM_ARRAY_TASK_ID=$i bash results/tiny.submit/tasks.sbatch & done; wait").exit_code, 0);
  const auto merged = shell("bash results/tiny.submit/tasks.sbatch");
  ASSERT_EQ(merged.exit_code, 0) << merged.err;
  EXPECT_CONTAINS(merged.out, "3 shards merged into ");
  EXPECT_CONTAINS(merged.out, "7 cells: 7 done, 0 failed, 0 waiting");
  const auto status = espalier({"status", "results/tiny.db"});
  EXPECT_CONTAINS(
      status.out,
      "results/tiny.submit: 3 of 3 tasks are home with all their cells, 0 with some, 0 still out; 3 merged (job "
      "1)");
  EXPECT_CONTAINS(espalier({"submit", "tiny.toml"}, {path(), local()}).out, "nothing to submit: all 7 cells are done");
}

// What docs/clusters.md tells people to type, run as it stands there: of an experiment called demo, with espalier on the path.
class ClusterPageTest : public ClusterTest {
 protected:
  void SetUp() override {
    ClusterTest::SetUp();
    write_experiment("experiments/demo.toml", "demo", "[0, 1, 2, 3, 4, 5, 6, 7, 8]");
    for (const char* name : {"model/config.json", "model/model.safetensors", "model/vocab.txt", "train.tsv",
                             "validation.tsv", "test.tsv"}) {
      fs::create_directories((folder_ / "experiments" / name).parent_path());
      fs::copy_file(folder_ / name, folder_ / "experiments" / name);
    }
    const auto planned = as_written(block("The plan is made without submitting anything:"));
    ASSERT_EQ(planned.exit_code, 0) << planned.err;
    EXPECT_CONTAINS(planned.out, "9 of 9 cells are left, dealt to 8 tasks");
  }
  // The code under a line of the page.
  static std::string block(const std::string& title) {
    std::ifstream page(ESPALIER_SOURCE_DIR "/docs/clusters.md");
    std::string line, code;
    while (std::getline(page, line) && line.rfind(title, 0) != 0) {
    }
    while (std::getline(page, line) && line.rfind("```", 0) != 0) {
    }
    while (std::getline(page, line) && line != "```") code += line + "\n";
    EXPECT_FALSE(code.empty()) << title;
    return code;
  }
  test::Ran as_written(const std::string& code) const {
    const auto programs = fs::path(test::program("espalier")).parent_path().string();
    return shell("PATH=" + programs + ":$PATH\n" + code);
  }
  void expect_all_merged() const {
    const auto merged = espalier({"merge", "results/demo.db", "results/demo.submit/shards"}, {local()});
    EXPECT_EQ(merged.exit_code, 0) << merged.err;
    EXPECT_CONTAINS(merged.out, "9 cells: 9 done");
  }
};

TEST_F(ClusterPageTest, AShellRunsTheTasks) {
  const auto ran = as_written(block("A shell, on one machine:"));
  ASSERT_EQ(ran.exit_code, 0) << ran.err;
  EXPECT_CONTAINS(ran.out, "9 cells: 9 done");
  expect_all_merged();
}

TEST_F(ClusterPageTest, GnuParallelRunsTheTasks) {
  if (std::system("parallel --version > /dev/null 2>&1") != 0) GTEST_SKIP() << "GNU parallel is not installed";
  // Without the line that needs two machines.
  auto code = block("GNU parallel, here or on several machines");
  const auto far = code.find("seq 8 | parallel --sshlogin");
  ASSERT_NE(far, std::string::npos);
  code.erase(far, code.find('\n', far) + 1 - far);
  const auto ran = as_written("parallel() { command parallel --will-cite \"$@\"; }\n" + code);
  EXPECT_CONTAINS(ran.out, "9 cells: 9 done");
  expect_all_merged();
}

// The package hyperqueue of PyPI, whose Python is named by $ESPALIER_HYPERQUEUE_PYTHON.
TEST_F(ClusterPageTest, HyperQueueRunsTheTasks) {
  const char* given = std::getenv("ESPALIER_HYPERQUEUE_PYTHON");
  const std::string python = given != nullptr ? given : "python3";
  if (std::system((python + " -c 'import hyperqueue' 2> /dev/null").c_str()) != 0)
    GTEST_SKIP() << "HyperQueue is not installed";
  folder_.write("tasks.py", block("or with the package (`pip install hyperqueue`):"));
  const auto ran = as_written(python + " tasks.py");
  ASSERT_EQ(ran.exit_code, 0) << ran.err;
  expect_all_merged();
}

TEST_F(ClusterTest, ADatabaseOnANetworkDiskIsMergedThoughNotShared) {
  if (std::system("bindfs --version > /dev/null 2>&1 && [ -w /dev/fuse ]") != 0)
    GTEST_SKIP() << "bindfs, which mounts a folder through FUSE, cannot be used here";
  ASSERT_EQ(shell("mkdir near far && bindfs near far").exit_code, 0);
  const auto run = espalier({"run", "tiny.toml", "--db", "far/tiny.db"});
  const auto planned = espalier({"submit", "tiny.toml", "--db", "far/tiny.db", "--tasks", "2", "--dry-run"}, {local()});
  const auto tasks =
      shell("for i in 1 2; do \"$ESPALIER\" worker far/tiny.submit/plan.db --shard $i/2 || exit 1; done");
  const auto there = espalier({"worker", "far/tiny.submit/plan.db", "--shard", "1/2", "--local", "far"});
  const auto merged = espalier({"merge", "far/tiny.db", "far/tiny.submit/shards"}, {local()});
  const auto status = espalier({"status", "far/tiny.db"});
  shell("fusermount -u far");

  EXPECT_EQ(run.exit_code, 4);
  EXPECT_CONTAINS(run.err, "far/tiny.db: lies on a network file system (fuse");
  EXPECT_CONTAINS(run.err,
                  "'espalier submit FILE' plans them, 'espalier worker PLAN --shard I/N' computes one, and "
                  "'espalier merge DB SHARD...' brings them home");
  EXPECT_EQ(planned.exit_code, 0) << planned.err;
  EXPECT_EQ(tasks.exit_code, 0) << tasks.err;
  EXPECT_EQ(there.exit_code, 4);
  EXPECT_CONTAINS(there.err, "and a shard is written on a local disk\n    name one with --local or $TMPDIR");
  EXPECT_EQ(merged.exit_code, 0) << merged.err;
  EXPECT_CONTAINS(status.out, "7 cells: 7 done");
}

TEST_F(ClusterTest, ATaskThatIsToldToStopExitsWith130AndTheNextOneGoesOn) {
  ASSERT_EQ(espalier({"submit", "tiny.toml", "--tasks", "1", "--dry-run"}, {local()}).exit_code, 0);
  const auto stopped = shell(
      "\"$ESPALIER\" worker results/tiny.submit/plan.db --shard 1/1 --carry-seconds 0.2 & task=$!\n"
      "until ls results/tiny.submit/shards/*.db > /dev/null 2>&1; do sleep 0.05; done\n"
      "kill -TERM $task; wait $task",
      {"FAKE_SLEEP=0.4"});
  EXPECT_EQ(stopped.exit_code, 130) << stopped.err;
  EXPECT_CONTAINS(stopped.err, "stopped: ");
  const auto rest = shell("\"$ESPALIER\" worker results/tiny.submit/plan.db --shard 1/1");
  EXPECT_EQ(rest.exit_code, 0) << rest.err;
  EXPECT_CONTAINS(rest.err, "finished: 7 of 7 cells done");
}

TEST_F(ClusterTest, ATaskWithAFailedCellExitsWith1) {
  ASSERT_EQ(espalier({"submit", "tiny.toml", "--tasks", "1", "--dry-run"}, {local()}).exit_code, 0);
  const auto ran = shell("\"$ESPALIER\" worker results/tiny.submit/plan.db --shard 1/1", {"FAKE_FAIL_SEED=3"});
  EXPECT_EQ(ran.exit_code, 1);
  EXPECT_CONTAINS(ran.err, "finished: 6 of 7 cells done, 1 failed");
}

TEST_F(ClusterTest, ShardsAreDatabasesThatOtherCommandsRead) {
  ASSERT_EQ(espalier({"submit", "tiny.toml", "--tasks", "1", "--dry-run"}, {local()}).exit_code, 0);
  const auto ran = espalier({"worker", "results/tiny.submit/plan.db", "--shard", "1/1"}, {local()});
  ASSERT_EQ(ran.exit_code, 0) << ran.err;
  const auto shard = ran.out.substr(0, ran.out.find('\n'));
  EXPECT_CONTAINS(espalier({"status", shard}).out, "7 cells: 7 done");
  EXPECT_EQ(espalier({"table", shard}).exit_code, 0);
  EXPECT_EQ(espalier({"cells", shard}).exit_code, 0);
}

TEST_F(ClusterTest, SubmitSaysWhatSbatchSaysAndKeepsThePlan) {
  const auto refused = espalier({"submit", "tiny.toml"}, {path(), local(), "SBATCH_REFUSES=1"});
  EXPECT_EQ(refused.exit_code, 2);
  EXPECT_CONTAINS(
      refused.err,
      "sbatch did not take results/tiny.submit/tasks.sbatch: sbatch: error: no such partition\n    plan and "
      "script are kept");
  EXPECT_TRUE(fs::exists(folder_ / "results/tiny.submit/plan.db"));

  const auto absent = espalier({"submit", "tiny.toml"}, {"PATH=/nowhere", local()});
  EXPECT_EQ(absent.exit_code, 2);
  EXPECT_CONTAINS(absent.err, "results/tiny.submit-2/tasks.sbatch: there is no program sbatch here");
}

TEST_F(ClusterTest, SubmitWaitsForTasksThatAreOut) {
  ASSERT_EQ(espalier({"submit", "tiny.toml", "--tasks", "2"}, {path(), local()}).exit_code, 0);
  const auto again = espalier({"submit", "tiny.toml"}, {path(), local()});
  EXPECT_EQ(again.exit_code, 2);
  EXPECT_CONTAINS(
      again.err,
      "results/tiny.submit: 2 of its 2 tasks (job 1) have not come home with all their cells, and cells that "
      "they are at would be computed twice\n    wait for them; where they are no more: espalier merge "
      "results/tiny.db results/tiny.submit/shards, then submit with --again");
  EXPECT_EQ(espalier({"submit", "tiny.toml", "--again"}, {path(), local()}).exit_code, 0);
}

TEST_F(ClusterTest, MergeOfNothingLeavesNoDatabaseBehind) {
  const auto ran = espalier({"merge", "new.db", "absent.db"}, {local()});
  EXPECT_EQ(ran.exit_code, 4);
  for (const char* file : {"new.db", "new.db-wal", "new.db-shm"}) EXPECT_FALSE(fs::exists(folder_ / file)) << file;
}

TEST_F(ClusterTest, MergeNamesWhatItRefusesAndMergesTheRest) {
  ASSERT_EQ(espalier({"submit", "tiny.toml", "--tasks", "1", "--dry-run"}, {local()}).exit_code, 0);
  ASSERT_EQ(espalier({"worker", "results/tiny.submit/plan.db", "--shard", "1/1"}, {local()}).exit_code, 0);
  folder_.write("half.db", "SQLite");
  const auto ran =
      espalier({"merge", "results/tiny.db", "half.db", "results/tiny.submit/shards", "absent.db"}, {local()});
  EXPECT_EQ(ran.exit_code, 4);
  EXPECT_CONTAINS(ran.err, "refused: half.db: is no SQLite database");
  EXPECT_CONTAINS(ran.err, "refused: absent.db: cannot be read");
  EXPECT_CONTAINS(ran.out, "1 shard merged into results/tiny.db: 7 attempts new, 7 cells done and 0 failed");
  EXPECT_CONTAINS(ran.out, "2 shards were refused");

  const auto again = espalier({"merge", "results/tiny.db", "results/tiny.submit/shards", "--json"}, {local()});
  EXPECT_EQ(again.exit_code, 0);
  EXPECT_EQ(json(again).at("shards").at(0).at("merged_before"), true);
  EXPECT_EQ(json(again).at("done"), 7);
}

TEST_F(ClusterTest, MergeTellsCellsThatDisagreeAndExitsWith1) {
  ASSERT_EQ(espalier({"submit", "tiny.toml", "--tasks", "1", "--dry-run"}, {local()}).exit_code, 0);
  ASSERT_EQ(espalier({"worker", "results/tiny.submit/plan.db", "--shard", "1/1"}, {local()}).exit_code, 0);
  ASSERT_EQ(
      espalier({"worker", "results/tiny.submit/plan.db", "--shard", "1/1", "--home", "other"}, {local()}).exit_code, 0);
  for (const auto& entry : fs::directory_iterator(folder_ / "other")) {
    if (entry.path().extension() != ".db") continue;
    SQLite::Database(entry.path().string(), SQLite::OPEN_READWRITE)
        .exec("UPDATE metric SET value = 0.1 WHERE name = 'accuracy' AND point_id = (SELECT max(id) FROM point)");
  }
  const auto ran = espalier({"merge", "results/tiny.db", "results/tiny.submit/shards", "other"}, {local()});
  EXPECT_EQ(ran.exit_code, 1) << ran.err;
  EXPECT_CONTAINS(ran.err,
                  "is done here with other results; the first ones stay\n    pruned, step 1, accuracy: 0.7 here, "
                  "0.1 there\n    digest of the results ");
}

TEST_F(ClusterTest, AWrongShardIsRefusedBeforeAnythingIsDone) {
  const auto ran = espalier({"worker", "results/tiny.submit/plan.db", "--shard", "4/3"});
  EXPECT_EQ(ran.exit_code, 2);
  EXPECT_CONTAINS(ran.err, "--shard 4/3: expected I/N");
  const auto absent = espalier({"worker", "results/no.db", "--shard", "1/3"}, {local()});
  EXPECT_EQ(absent.exit_code, 4);
  EXPECT_CONTAINS(absent.err, "results/no.db: cannot be read");
}

TEST_F(ClusterTest, ADatabaseThatMovedWithItsCacheNeedsNothingOfTheOldPlace) {
  ASSERT_EQ(espalier({"run", "tiny.toml"}).exit_code, 0);
  fs::create_directories(folder_ / "elsewhere");
  const auto moved = folder_ / "elsewhere/renamed.db";
  fs::rename(folder_ / "results/tiny.db", moved);
  SQLite::Database(moved.string(), SQLite::OPEN_READWRITE)
      .exec(
          "INSERT INTO artifact (attempt_id, kind, digest, path) VALUES "
          "(1, 'base-model', 'abc', '/machine/of/before/cache/base_models/abc'), "
          "(1, 'scores', 'def', '/machine/of/before/cache/scores/def.safetensors')");
  folder_.write("cache/base_models/abc/config.json", "{}");

  EXPECT_CONTAINS(espalier({"run", "tiny.toml", "--db", "elsewhere/renamed.db"}).err,
                  "nothing to run: all 7 cells are done");
  EXPECT_EQ(json(espalier({"status", "elsewhere/renamed.db", "--json"})).at("done"), 7);
  EXPECT_EQ(espalier({"table", "elsewhere/renamed.db"}).exit_code, 0);
  SQLite::Database database(moved.string(), SQLite::OPEN_READONLY);
  const auto key =
      database.execAndGet("SELECT key FROM cell JOIN attempt ON attempt.cell_id = cell.id WHERE attempt.id = 1")
          .getString();
  const auto shown = espalier({"show", "elsewhere/renamed.db", key});
  ASSERT_EQ(shown.exit_code, 0) << shown.err;
  EXPECT_CONTAINS(shown.out, "base-model " + (folder_ / "cache/base_models/abc").string() + "\n");
  EXPECT_CONTAINS(shown.out, "scores /machine/of/before/cache/scores/def.safetensors\n");
}

}  // namespace
}  // namespace espalier::cli
