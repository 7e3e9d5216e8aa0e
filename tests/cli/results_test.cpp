#include <algorithm>

#include "cli_fixture.h"

namespace espalier::cli {
namespace {

// An experiment of three cells, one of them failed.
class Results : public CliTest {
 protected:
  void SetUp() override {
    CliTest::SetUp();
    ASSERT_EQ(espalier({"run", "tiny.toml"}, {"FAKE_FAIL_SEED=1"}).exit_code, 1);
  }
};

TEST_F(Results, HaveAStatus) {
  const auto ran = espalier({"status", "tiny.toml"});
  const auto document = json(espalier({"status", "results/tiny.db", "--json"}));

  EXPECT_EQ(ran.exit_code, 0);
  EXPECT_CONTAINS(ran.out, "the fake fails here");
  EXPECT_EQ(document.at("cells"), 3);
  EXPECT_EQ(document.at("done"), 2);
  EXPECT_EQ(document.at("failed"), 1);
  EXPECT_EQ(document.at("running"), 0);
  EXPECT_EQ(document.at("waiting"), 0);
}

TEST_F(Results, AreWatchedUntilNothingIsLeftToDo) {
  const auto ran = espalier({"status", "tiny.toml", "--watch"});

  EXPECT_EQ(ran.exit_code, 0);
  EXPECT_CONTAINS(ran.out, "the fake fails here");
}

TEST_F(Results, MakeATableInEveryFormat) {
  for (const char* format : {"terminal", "markdown", "csv", "json"}) {
    const auto ran = espalier({"table", "tiny.toml", "--rows", "scorer", "--columns", "sparsity", "--format", format});
    EXPECT_EQ(ran.exit_code, 0) << ran.err;
    EXPECT_CONTAINS(ran.out, "magnitude");
    EXPECT_EQ(ran.out.find('\x1b'), std::string::npos);
  }
}

TEST_F(Results, MakeATableThatFitsWithoutAxesAskedFor) {
  const auto ran = espalier({"table", "tiny.toml", "--format", "csv"});
  const auto none = espalier({"table", "tiny.toml", "--rows", ","});

  EXPECT_TRUE(ran.out.starts_with("granularity,scorer,scope,sparsity,value,")) << ran.out;
  EXPECT_EQ(none.exit_code, 2);
  EXPECT_CONTAINS(none.err, "a table needs at least one axis for its rows");
}

TEST_F(Results, NameTheNearestFormat) {
  const auto ran = espalier({"table", "tiny.toml", "--format", "markdwon"});

  EXPECT_EQ(ran.exit_code, 2);
  EXPECT_CONTAINS(ran.err, "did you mean 'markdown'?");
}

TEST_F(Results, ShowACell) {
  const auto failure = json(espalier({"status", "tiny.toml", "--json"})).at("failures").at(0);
  const auto key = failure.at("key").get<std::string>();

  const auto text = espalier({"show", "tiny.toml", key.substr(0, 12)});
  const auto document = json(espalier({"show", "results/tiny.db", key.substr(0, 12), "--json"}));
  const auto unknown = espalier({"show", "tiny.toml", "0000000000000000"});

  EXPECT_EQ(text.exit_code, 0);
  EXPECT_CONTAINS(text.out, "the fake fails here");
  EXPECT_EQ(document.at("key"), key);
  EXPECT_EQ(unknown.exit_code, 4);
}

// After an edit the file is asked, not what the database happens to hold.
TEST_F(Results, OfAnEditedFileAreThoseOfTheFileAsItIsNow) {
  write_experiment("tiny.toml", "tiny", "[0, 5]");

  const auto status = json(espalier({"status", "tiny.toml", "--json"}));
  const auto text = espalier({"status", "tiny.toml"});
  const auto table = espalier({"table", "tiny.toml"});
  const auto of_database = espalier({"table", "results/tiny.db"});
  const auto run = espalier({"run", "tiny.toml"});

  EXPECT_EQ(status.at("cells"), 2);
  EXPECT_EQ(status.at("done"), 1);
  EXPECT_EQ(status.at("failed"), 0);
  EXPECT_EQ(status.at("waiting"), 1);
  EXPECT_EQ(status.at("earlier"), 2);
  EXPECT_CONTAINS(text.out, "2 more in the database are of an earlier state of the experiment file");
  EXPECT_EQ(text.out.find("the fake fails here"), std::string::npos);
  EXPECT_CONTAINS(table.out, "0.700 (1 ...)");
  EXPECT_EQ(table.out.find("the fake fails here"), std::string::npos);
  EXPECT_CONTAINS(table.out, "left out: 2 cells of the database that the experiment file does not hold as it is now");
  EXPECT_EQ(of_database.out.find("left out"), std::string::npos) << "the file has not run since it was edited";
  EXPECT_CONTAINS(of_database.out, "failed: 1 cell failed: the fake fails here (1)");
  EXPECT_EQ(run.exit_code, 0) << run.err;
  EXPECT_EQ(run.out.find("failed"), std::string::npos) << run.out;
  EXPECT_EQ(json(espalier({"status", "results/tiny.db", "--json"})).at("cells"), 2);
}

TEST_F(Results, OfACorrectedDataFileAreNotMixedWithTheOldOnes) {
  folder_.write("test.tsv", "text\tlabel\ncorrected\ta\n");

  const auto before = espalier({"table", "tiny.toml"});
  const auto run = espalier({"run", "tiny.toml"});
  const auto of_database = espalier({"table", "results/tiny.db"});

  EXPECT_CONTAINS(before.out, "...: 3 cells not run yet");
  EXPECT_EQ(run.exit_code, 0) << run.err;
  EXPECT_EQ(run.out.find("failed"), std::string::npos) << run.out;
  EXPECT_CONTAINS(run.out, "left out: 3 cells of the database");
  EXPECT_CONTAINS(of_database.out,
                  "left out: 3 cells of the database that the experiment file did not hold when it last ran; "
                  "'espalier cells --stale' lists them");
}

TEST_F(Results, AreThoseOfTheLastRunWhereTheFilesDataIsAway) {
  std::filesystem::rename(folder_ / "test.tsv", folder_ / "moved.tsv");

  const auto table = espalier({"table", "tiny.toml"});

  EXPECT_EQ(table.exit_code, 0) << table.err;
  EXPECT_CONTAINS(table.err, "the cells are those of the last run of tiny.toml");
  EXPECT_CONTAINS(table.out, "0.700 (1 failed)");
}

TEST_F(Results, ListTheirCells) {
  const auto text = espalier({"cells", "tiny.toml"});
  const auto failed = espalier({"cells", "results/tiny.db", "--state", "failed", "--format", "csv"});
  const auto document = json(espalier({"cells", "tiny.toml", "--only", "seed=2", "--format", "json"}));
  const auto unknown = espalier({"cells", "tiny.toml", "--state", "faild"});

  EXPECT_EQ(text.exit_code, 0) << text.err;
  EXPECT_EQ(std::count(text.out.begin(), text.out.end(), '\n'), 4) << text.out;
  EXPECT_CONTAINS(text.out, "the fake fails here");
  ASSERT_EQ(std::count(failed.out.begin(), failed.out.end(), '\n'), 2) << failed.out;
  EXPECT_TRUE(failed.out.starts_with("key,experiment,state,model,dataset,")) << failed.out;
  const auto key = failed.out.substr(failed.out.find("\r\n") + 2, 64);
  EXPECT_EQ(espalier({"show", "tiny.toml", key}).exit_code, 0);
  EXPECT_CONTAINS(failed.out, "settings.model.train.epochs");
  ASSERT_EQ(document.size(), 1U);
  EXPECT_EQ(document[0].at("seed"), 2);
  EXPECT_EQ(document[0].at("state"), "done");
  EXPECT_EQ(document[0].at("metrics").at("accuracy"), 0.7);
  EXPECT_EQ(document[0].at("dense").at("accuracy"), 0.9);
  EXPECT_EQ(document[0].at("settings").at("model").at("train").at("epochs"), 1);
  EXPECT_EQ(unknown.exit_code, 2);
  EXPECT_CONTAINS(unknown.err, "did you mean 'failed'?");
}

TEST_F(Results, AreCleanedOfCacheEntriesThatNoCellRefersTo) {
  folder_.write("cache/scores/unused.safetensors", "1234567890");
  folder_.write("cache/features/somebody.features", "1");

  const auto look = espalier({"clean", "tiny.toml"});
  const auto dry = espalier({"clean", "tiny.toml", "--cache", "--dry-run"});
  const auto cleaned = espalier({"clean", "tiny.toml", "--cache"});

  EXPECT_CONTAINS(look.out, "nothing is removed without --cache; 'espalier prune-db' removes cells\n");
  EXPECT_CONTAINS(dry.out, "cache: 1 entry would go, 10 bytes; asked: 1 database");
  EXPECT_EQ(cleaned.exit_code, 0) << cleaned.err;
  EXPECT_CONTAINS(cleaned.out, "cache: 1 entry removed, 10 bytes; asked: 1 database");
  EXPECT_CONTAINS(cleaned.out, "features, ");
  EXPECT_CONTAINS(cleaned.out, ": kept, since nobody keeps who uses them");
  EXPECT_FALSE(std::filesystem::exists(folder_ / "cache/scores/unused.safetensors"));
  EXPECT_TRUE(std::filesystem::exists(folder_ / "cache/features/somebody.features"));
  EXPECT_EQ(espalier({"cache", "clear", "features", "--yes"}).exit_code, 0);
  EXPECT_FALSE(std::filesystem::exists(folder_ / "cache/features/somebody.features"));
}

TEST_F(Results, OfEarlierStatesOfTheFileAreListedAndPruned) {
  write_experiment("tiny.toml", "tiny", "[0, 5]");

  const auto stale = espalier({"cells", "tiny.toml", "--stale"});
  const auto asked = espalier({"prune-db", "tiny.toml"});
  const auto dry = espalier({"prune-db", "tiny.toml", "--dry-run"});
  const auto before = json(espalier({"cells", "results/tiny.db", "--format", "json"})).size();
  const auto pruned = espalier({"prune-db", "tiny.toml", "--yes"});
  const auto again = espalier({"prune-db", "tiny.toml", "--yes"});

  EXPECT_EQ(stale.exit_code, 0);
  EXPECT_EQ(std::count(stale.out.begin(), stale.out.end(), '\n'), 3) << stale.out;
  EXPECT_CONTAINS(stale.out, "the fake fails here");
  EXPECT_EQ(stale.err,
            "2 cells of earlier states of the experiment file: 1 done, 1 failed; 'espalier prune-db' removes them\n");
  EXPECT_EQ(asked.exit_code, 2);
  EXPECT_EQ(asked.err,
            "prune-db: remove these 2 cells with all that was recorded of them from results/tiny.db?\n"
            "    nobody can be asked here: give --yes\n");
  EXPECT_TRUE(dry.out.starts_with("2 cells of earlier states of the experiment file: 1 done, 1 failed\n  ")) << dry.out;
  EXPECT_TRUE(dry.out.ends_with("nothing is removed with --dry-run\n")) << dry.out;
  EXPECT_EQ(before, 3U);
  EXPECT_EQ(pruned.exit_code, 0) << pruned.err;
  EXPECT_CONTAINS(pruned.out, "results/tiny.db: 2 cells removed, ");
  EXPECT_EQ(json(espalier({"cells", "results/tiny.db", "--format", "json"})).size(), 1U);
  EXPECT_EQ(again.out, "results/tiny.db: every cell is of the experiment file as it is now; nothing is removed\n");
  EXPECT_EQ(espalier({"cells", "tiny.toml", "--stale"}).err, "no cell is of an earlier state of the experiment file\n");
  EXPECT_EQ(espalier({"run", "tiny.toml"}).exit_code, 0);
}

TEST_F(Results, OfADatabaseArePrunedOfWhatItsFilesNoLongerHeldWhenTheyRan) {
  write_experiment("tiny.toml", "tiny", "[0, 5]");
  EXPECT_EQ(espalier({"prune-db", "results/tiny.db", "--yes"}).out,
            "results/tiny.db: every cell is of the experiment file as it is now; nothing is removed\n");
  ASSERT_EQ(espalier({"run", "tiny.toml"}).exit_code, 0);

  EXPECT_CONTAINS(espalier({"prune-db", "results/tiny.db", "--yes"}).out, "results/tiny.db: 2 cells removed, ");
}

TEST_F(Results, OfTwoDatabasesAreComparedCellByCell) {
  std::filesystem::copy_file(folder_ / "results/tiny.db", folder_ / "other.db");
  const auto same = espalier({"diff", "results/tiny.db", "other.db"});
  write_experiment("tiny.toml", "tiny", "[0, 1, 2, 7]");
  ASSERT_EQ(espalier({"run", "tiny.toml", "--db", "other.db", "--only", "seed=7"}).exit_code, 0);

  const auto more = espalier({"diff", "tiny.toml", "other.db"});
  const auto document = json(espalier({"diff", "tiny.toml", "other.db", "--json"}));
  const auto absent = espalier({"diff", "tiny.toml", "nowhere.db"});
  const auto negative = espalier({"diff", "tiny.toml", "other.db", "--tolerance", "-1"});

  EXPECT_EQ(same.exit_code, 0);
  EXPECT_EQ(same.out,
            "A: results/tiny.db, 3 cells\nB: other.db, 3 cells\n"
            "in both: 3 cells, 3 equal (1 done in neither), 0 differ\nonly in A: 0, only in B: 0\n");
  EXPECT_EQ(more.exit_code, 1);
  EXPECT_CONTAINS(more.out, "only in A: 0, only in B: 1\n");
  EXPECT_EQ(document.at("only_in_b").size(), 1U);
  EXPECT_EQ(document.at("matched"), 3);
  EXPECT_EQ(absent.exit_code, 4);
  EXPECT_CONTAINS(absent.err, "nowhere.db: does not exist");
  EXPECT_EQ(negative.exit_code, 2);
}

TEST_F(Results, SayWhereTheDiskWent) {
  folder_.write("cache/scores/a.safetensors", std::string(2000, 'x'));

  const auto text = espalier({"status", "tiny.toml"});
  const auto document = json(espalier({"status", "tiny.toml", "--json"}));

  EXPECT_CONTAINS(text.out, "disk: database ");
  EXPECT_CONTAINS(text.out, "cache/scores 2.0 kB");
  EXPECT_EQ(document.at("bytes").at("cache/scores"), 2000);
}

TEST_F(Results, AreNotThereBeforeARun) {
  write_experiment("new.toml", "new", "0");

  const auto by_file = espalier({"status", "new.toml"});
  const auto by_database = espalier({"table", "results/new.db"});

  EXPECT_EQ(by_file.exit_code, 4);
  EXPECT_EQ(by_file.err, "results/new.db: there is no such database yet\n    looked for in " + folder_.path().string() +
                             "\n    run: espalier run new.toml\n");
  EXPECT_EQ(by_database.exit_code, 4);
  EXPECT_CONTAINS(by_database.err, "results/new.db");
}

}  // namespace
}  // namespace espalier::cli
