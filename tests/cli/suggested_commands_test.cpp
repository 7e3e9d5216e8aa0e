// Commands that messages suggest, in a folder whose name has a blank and a quote: handed to a shell as they stand, they work.
#include <cstdlib>

#include "cli_fixture.h"

namespace espalier::cli {
namespace {

namespace fs = std::filesystem;

class SuggestedCommand : public CliTest {
 protected:
  void SetUp() override {
    CliTest::SetUp();
    fs::create_directories(folder_ / "it's here");
    for (const char* name : {"model", "train.tsv", "validation.tsv", "test.tsv", "tiny.toml"})
      fs::rename(folder_ / name, folder_ / "it's here" / name);
  }
  // Of the answer's line that holds this, what follows.
  static std::string after(const std::string& text, const std::string& words) {
    const auto found = text.find(words);
    EXPECT_NE(found, std::string::npos) << "'" << words << "' is not in: " << text;
    if (found == std::string::npos) return "false";
    const auto begin = found + words.size();
    return text.substr(begin, text.find('\n', begin) - begin);
  }
  test::Ran shell(const std::string& line) const {
    const auto programs = fs::path(test::program("espalier")).parent_path().string();
    return start({"/bin/bash", "-c", "PATH=" + programs + ":$PATH\n" + line}, {"TMPDIR=" + folder_.path().string()});
  }
  void expect_works(const std::string& line) const {
    const auto ran = shell(line);
    EXPECT_EQ(ran.exit_code, 0) << line << "\n" << ran.err;
  }

  const std::string file_ = "it's here/tiny.toml", database_ = "it's here/my.db";
};

TEST_F(SuggestedCommand, OfARunShowsTheTableAndTheCell) {
  const auto ran = espalier({"run", file_, "--db", database_, "--set", "question=\"Is it?\""}, {"FAKE_FAIL_SEED=1"});
  ASSERT_EQ(ran.exit_code, 1) << ran.err;
  const auto table = after(ran.out, "table again: ");
  EXPECT_EQ(table, R"(espalier table 'it'\''s here/tiny.toml' --db 'it'\''s here/my.db' --set 'question="Is it?"')");
  expect_works(table);
  expect_works(after(ran.out, "a cell:      "));
}

TEST_F(SuggestedCommand, OfAPausedDatabaseResumesIt) {
  ASSERT_EQ(espalier({"run", file_, "--db", database_}).exit_code, 0);
  ASSERT_EQ(espalier({"pause", database_}).exit_code, 0);
  const auto until = std::string("no further cell is begun until: ");
  expect_works(after(espalier({"status", database_}).out, until));
  EXPECT_EQ(espalier({"status", database_}).out.find(until), std::string::npos);
}

TEST_F(SuggestedCommand, OfARunThatIsPausedResumesIt) {
  ASSERT_EQ(espalier({"run", file_, "--db", database_, "--max-cells", "1"}).exit_code, 0);
  ASSERT_EQ(espalier({"pause", database_}).exit_code, 0);
  const auto paused = espalier({"run", file_, "--db", database_, "--time-limit", "1s"});
  ASSERT_EQ(paused.exit_code, 130) << paused.err;
  expect_works(after(paused.err, "paused: no cell is begun until: "));
  EXPECT_EQ(espalier({"run", file_, "--db", database_, "--time-limit", "60s"}).exit_code, 0);
}

TEST_F(SuggestedCommand, OfACellRepeatsIt) {
  ASSERT_EQ(espalier({"run", file_, "--db", database_}).exit_code, 0);
  const auto key = json(espalier({"cells", database_, "--format", "json"})).at(0).at("key").get<std::string>();
  EXPECT_EQ(after(espalier({"show", database_, key}).out, "again, from nothing: "),
            R"(espalier rerun 'it'\''s here/my.db' )" + key.substr(0, 12) + " --from-nothing");
}

TEST_F(SuggestedCommand, OfASubmissionComputesAndMerges) {
  const auto planned =
      shell("espalier submit \"$PWD/it's here/tiny.toml\" --db \"it's here/my.db\" --tasks 1 --dry-run");
  ASSERT_EQ(planned.exit_code, 0) << planned.err;
  auto task = after(planned.out, "in any way: ");
  task.replace(task.find("I/1"), 3, "1/1");
  expect_works(task);
  expect_works(after(planned.out, "afterwards: "));
  EXPECT_CONTAINS(espalier({"status", database_}).out, "3 cells: 3 done");
}

TEST_F(SuggestedCommand, OfASubmittedScriptRunsIt) {
  const auto planned = shell("cd \"it's here\" && espalier submit tiny.toml --tasks 1 --dry-run");
  ASSERT_EQ(planned.exit_code, 0) << planned.err;
  expect_works("SLURM_ARRAY_TASK_ID=1 bash \"it's here/results/tiny.submit/tasks.sbatch\"");
  expect_works("bash \"it's here/results/tiny.submit/tasks.sbatch\"");
  EXPECT_CONTAINS(espalier({"status", "it's here/results/tiny.db"}).out, "3 cells: 3 done");
}

TEST_F(SuggestedCommand, WhileTasksAreOutMergesWhatCameHome) {
  const auto sbatch = folder_.write("slurm/sbatch", "#!/bin/bash\necho 7\n");
  fs::permissions(sbatch, fs::perms::owner_all);
  const auto submit = [&] {
    return espalier({"submit", file_, "--db", database_, "--tasks", "1"},
                    {"PATH=" + (folder_ / "slurm").string() + ":" + std::getenv("PATH")});
  };
  const auto submitted = submit();
  ASSERT_EQ(submitted.exit_code, 0) << submitted.err;
  expect_works(after(submitted.out, "how far: "));
  auto merge = after(submit().err, "where they are no more: ");
  merge = merge.substr(0, merge.find(", then submit"));
  EXPECT_EQ(merge, R"(espalier merge 'it'\''s here/my.db' 'it'\''s here/my.submit/shards')");
  expect_works(merge);
}

TEST_F(SuggestedCommand, WhereThereIsNoDatabaseRunsTheFile) {
  const auto absent = espalier({"status", file_, "--db", database_});
  EXPECT_EQ(absent.exit_code, 4);
  expect_works(after(absent.err, "    run: "));
  EXPECT_EQ(espalier({"status", file_, "--db", database_}).exit_code, 0);
}

TEST_F(SuggestedCommand, NamesTheDatabaseThatLiesElsewhere) {
  const auto beside = "it's here/results/tiny.db";
  ASSERT_EQ(espalier({"run", file_, "--db", beside}).exit_code, 0);
  const auto option = std::string(R"(--db 'it'\''s here/results/tiny.db')");
  EXPECT_CONTAINS(espalier({"status", file_}).err, "add " + option + "\n");
  EXPECT_CONTAINS(espalier({"plan", file_}).out, ": " + option + " goes on with it\n");
  EXPECT_CONTAINS(espalier({"run", file_}).err, "\n    " + option + " goes on with that one\n");
}

TEST_F(SuggestedCommand, OfAnExplanationRunsTheFile) {
  ASSERT_EQ(espalier({"run", file_, "--db", database_}).exit_code, 0);
  const auto key = json(espalier({"cells", database_, "--format", "json"})).at(0).at("key").get<std::string>();
  const auto new_cell = espalier({"explain", file_, key, "--db", "other.db"});
  ASSERT_EQ(new_cell.exit_code, 0) << new_cell.err;
  expect_works(after(new_cell.out, "this computes it: "));
  const auto unknown = espalier({"explain", file_, "0000", "--db", "other.db"});
  EXPECT_EQ(after(unknown.err, "its keys: "), R"(espalier cells 'it'\''s here/tiny.toml', after a run)");
}

}  // namespace
}  // namespace espalier::cli
