// What submit refuses of Slurm's, and tasks whose time is over; scontrol is a stand-in that keeps what it was given.
#include "cli_fixture.h"

namespace espalier::cli {
namespace {

namespace fs = std::filesystem;

class SlurmTest : public CliTest {
 protected:
  void SetUp() override {
    CliTest::SetUp();
    const auto file = folder_.write("slurm/scontrol",
                                    "#!/bin/bash\necho \"$@\" >> calls\n[ -z \"${SCONTROL_REFUSES:-}\" ] || { echo "
                                    "'Requested operation is presently disabled' >&2; exit 1; }\n");
    fs::permissions(file, fs::perms::owner_all);
  }
  std::string text_of(const std::string& file) const {
    std::ifstream input(folder_ / file);
    return {std::istreambuf_iterator<char>(input), {}};
  }
  test::Ran submit(std::vector<std::string> words) const {
    words.insert(words.begin(), {"submit", "tiny.toml", "--tasks", "1", "--dry-run"});
    return espalier(words, {"TMPDIR=" + folder_.path().string()});
  }
  // A task that is told that its time is over, once this holds of its shards.
  test::Ran task_told_when(const std::string& condition, std::vector<std::string> environment,
                           const std::string& signal = "USR1") const {
    environment.insert(environment.end(),
                       {"ESPALIER=" + test::program("espalier"), "TMPDIR=" + folder_.path().string()});
    return start({"/bin/bash", "-c",
                  "PATH=$PWD/slurm:$PATH\n"
                  "\"$ESPALIER\" worker results/tiny.submit/plan.db --shard 1/1 --requeues 3 --carry-seconds 0.2 & "
                  "task=$!\nuntil " +
                      condition + " > /dev/null 2>&1; do sleep 0.05; done\nkill -" + signal + " $task; wait $task"},
                 environment);
  }
  static std::vector<std::string> as_task(const std::string& cell_seconds) {
    return {"SLURM_JOB_ID=34", "SLURM_ARRAY_JOB_ID=31", "SLURM_ARRAY_TASK_ID=1", "FAKE_SLEEP=" + cell_seconds};
  }

  const std::string a_cell_is_home_ = "\"$ESPALIER\" status results/tiny.submit/shards/*.db | grep -q ' [1-9] done'",
                    it_is_at_work_ = "ls results/tiny.submit/shards/*.db";
};

TEST_F(SlurmTest, SubmitSaysAllThatIsWrongBeforeAnythingIsWritten) {
  const auto ran = submit({"--time", "4h", "--partition", "my partition", "--devices", "gpu"});
  EXPECT_EQ(ran.exit_code, 2);
  EXPECT_EQ(ran.out, "");
  EXPECT_CONTAINS(ran.err, "--time '4h': expected a time as Slurm writes it: minutes, minutes:seconds, ");
  EXPECT_CONTAINS(ran.err, "--partition 'my partition': expected a name without blanks");
  EXPECT_CONTAINS(ran.err, "--devices 'gpu': no such device");
  EXPECT_FALSE(fs::exists(folder_ / "results"));
}

TEST_F(SlurmTest, SubmitRefusesAFolderThatHoldsAPlanBeforeItTouchesTheDatabase) {
  ASSERT_EQ(submit({"--folder", "planned"}).exit_code, 0);
  fs::remove(folder_ / "results/tiny.db");
  const auto ran = submit({"--folder", "planned"});
  EXPECT_EQ(ran.exit_code, 2);
  EXPECT_EQ(ran.err,
            "--folder planned: holds the plan of another submission\n    name a folder that is not there yet\n");
  EXPECT_FALSE(fs::exists(folder_ / "results/tiny.db"));
}

TEST_F(SlurmTest, SubmittedTasksAreStartedAgainAsOftenAsIsSaid) {
  ASSERT_EQ(submit({"--requeues", "5"}).exit_code, 0);
  const auto script = text_of("results/tiny.submit/tasks.sbatch");
  EXPECT_CONTAINS(script, "#SBATCH --signal=B:USR1@120\n#SBATCH --requeue\n");
  EXPECT_CONTAINS(script, " --requeues 5");
}

TEST_F(SlurmTest, SubmittedTasksAreNotStartedAgainWithNoRequeue) {
  ASSERT_EQ(submit({"--no-requeue"}).exit_code, 0);
  const auto script = text_of("results/tiny.submit/tasks.sbatch");
  EXPECT_CONTAINS(script, "#SBATCH --signal=B:TERM@120\n#SBATCH --no-requeue\n");
  EXPECT_EQ(script.find("--requeues"), std::string::npos);
  const auto both = submit({"--no-requeue", "--requeues", "2"});
  EXPECT_EQ(both.exit_code, 2);
  EXPECT_CONTAINS(both.err, "--no-requeue");
}

TEST_F(SlurmTest, ATaskWhoseTimeIsOverAsksOnceToBeStartedAgainAndGoesOn) {
  ASSERT_EQ(submit({}).exit_code, 0);
  const auto ran = task_told_when(a_cell_is_home_, as_task("0.4"));
  EXPECT_EQ(ran.exit_code, 130) << ran.err;
  EXPECT_CONTAINS(ran.err, "its time is over: job 31_1 waits again, to go on from here (1 of 3 times)\n");
  EXPECT_EQ(text_of("calls"), "requeue 31_1\n");

  const auto rest = espalier({"worker", "results/tiny.submit/plan.db", "--shard", "1/1"});
  EXPECT_EQ(rest.exit_code, 0) << rest.err;
  EXPECT_CONTAINS(rest.err, " of them computed by an earlier task");
  EXPECT_CONTAINS(rest.err, "finished: 3 of 3 cells done");
}

TEST_F(SlurmTest, ATaskThatIsCancelledDoesNotComeBack) {
  ASSERT_EQ(submit({}).exit_code, 0);
  const auto ran = task_told_when(a_cell_is_home_, as_task("0.4"), "TERM");
  EXPECT_EQ(ran.exit_code, 130) << ran.err;
  EXPECT_FALSE(fs::exists(folder_ / "calls"));
}

TEST_F(SlurmTest, ATaskIsNotStartedAgainMoreOftenThanIsSaid) {
  ASSERT_EQ(submit({}).exit_code, 0);
  auto environment = as_task("0.4");
  environment.push_back("SLURM_RESTART_COUNT=3");
  const auto ran = task_told_when(a_cell_is_home_, environment);
  EXPECT_EQ(ran.exit_code, 130) << ran.err;
  EXPECT_CONTAINS(ran.err,
                  "not started again: it was started again 3 times, and --requeues allows no more\n    what is left "
                  "goes on by the same command, or by espalier submit FILE --again\n");
  EXPECT_FALSE(fs::exists(folder_ / "calls"));
}

TEST_F(SlurmTest, ATaskThatGotNowhereIsNotStartedAgain) {
  ASSERT_EQ(submit({}).exit_code, 0);
  const auto ran = task_told_when(it_is_at_work_, as_task("30"));
  EXPECT_EQ(ran.exit_code, 130) << ran.err;
  EXPECT_CONTAINS(ran.err, "not started again: no cell came to its end in the task's time");
  EXPECT_FALSE(fs::exists(folder_ / "calls"));
}

TEST_F(SlurmTest, ATaskSaysWhatSlurmSaysWhereItIsNotStartedAgain) {
  ASSERT_EQ(submit({}).exit_code, 0);
  auto environment = as_task("0.4");
  environment.push_back("SCONTROL_REFUSES=1");
  const auto ran = task_told_when(a_cell_is_home_, environment);
  EXPECT_EQ(ran.exit_code, 130) << ran.err;
  EXPECT_CONTAINS(ran.err,
                  "not started again: 'scontrol requeue 31_1' failed: Requested operation is presently disabled\n");
}

TEST_F(SlurmTest, OutsideOfSlurmNobodyIsAsked) {
  ASSERT_EQ(submit({}).exit_code, 0);
  const auto ran = task_told_when(a_cell_is_home_, {"FAKE_SLEEP=0.4"});
  EXPECT_EQ(ran.exit_code, 130) << ran.err;
  EXPECT_CONTAINS(ran.err, "not started again: this is no job of Slurm's\n");
}

}  // namespace
}  // namespace espalier::cli
