#include "cli_fixture.h"
#include "words/digest.h"

namespace espalier::cli {
namespace {

using PlanCommand = CliTest;

TEST_F(PlanCommand, CountsCellsAndChangesNothing) {
  const auto ran = espalier({"plan", "tiny.toml"});

  EXPECT_EQ(ran.exit_code, 0) << ran.err;
  EXPECT_TRUE(ran.out.starts_with("tiny\nDoes it run?\n")) << ran.out;
  EXPECT_CONTAINS(ran.out, "3 cells, 0 done, 3 to run");
  EXPECT_FALSE(std::filesystem::exists(folder_ / "results"));
}

TEST_F(PlanCommand, SaysTheSameAsJson) {
  const auto document = json(espalier({"plan", "tiny.toml", "--json"}));

  EXPECT_EQ(document.at("cells"), 3);
  EXPECT_EQ(document.at("done"), 0);
  EXPECT_EQ(document.at("to_run"), 3);
  EXPECT_TRUE(document.at("missing").empty());
  EXPECT_TRUE(document.at("estimated_seconds").is_null());
}

TEST_F(PlanCommand, NamesMissingPathsAndExitsWithZero) {
  std::filesystem::remove(folder_ / "test.tsv");

  const auto ran = espalier({"plan", "tiny.toml", "--json"});

  EXPECT_EQ(ran.exit_code, 0);
  ASSERT_EQ(json(ran).at("missing").size(), 1U);
  EXPECT_CONTAINS(json(ran)["missing"][0].get<std::string>(), "test.tsv");
  EXPECT_EQ(json(ran).at("to_run"), 3);
}

TEST_F(PlanCommand, CountsOneCellAsOne) {
  EXPECT_CONTAINS(espalier({"plan", "tiny.toml", "--only", "seed=1"}).out, "  grid         1 cell, 0 done, 1 to run\n");
}

TEST_F(PlanCommand, SaysWhichSeedsChangeNothing) {
  const auto notes = json(espalier({"plan", "tiny.toml", "--json"})).at("notes");

  ASSERT_EQ(notes.size(), 2U);
  EXPECT_EQ(notes[0],
            "tiny.toml:16:1: seed changes nothing in 3 of these cells, which draw no random numbers: scorer "
            "magnitude, searcher ranking; the seeds of each share one computation");
  EXPECT_EQ(notes[1], "tiny.toml:16:1: every seed has the same base model; base_seed varies it");
}

TEST_F(PlanCommand, SaysWhereTheDatabaseIsLookedFor) {
  espalier({"run", "tiny.toml"});
  std::filesystem::create_directories(folder_ / "elsewhere");
  const auto in = (folder_ / "elsewhere").string();
  const auto from = [&](std::vector<std::string> words) {
    words.insert(words.begin(), test::program("espalier"));
    return start({"/bin/sh", "-c", "cd " + in + " && exec \"$0\" \"$@\"", words[0], words[1], words[2]});
  };

  const auto here = espalier({"plan", "tiny.toml"});
  const auto there = from({"plan", "../tiny.toml"});
  const auto status = from({"status", "../tiny.toml"});

  EXPECT_CONTAINS(here.out, "  database     results/tiny.db\n");
  EXPECT_CONTAINS(there.out,
                  "  database     results/tiny.db, which is not there yet (in " + in + ")\n" +
                      "               there is one at ../results/tiny.db: --db ../results/tiny.db goes on with it\n");
  EXPECT_EQ(status.exit_code, 4);
  EXPECT_EQ(status.err,
            "results/tiny.db: there is no such database yet\n    looked for in " + in +
                "\n    there is one at ../results/tiny.db: add --db ../results/tiny.db\n    run: espalier run "
                "../tiny.toml\n");
}

// The test split is read after training: what is wrong with it used to be found then.
TEST_F(PlanCommand, NamesWhatIsWrongWithDataAndRunRefusesIt) {
  folder_.write("test.tsv", "sentence\tlabel\nx\ta\n");

  const auto plan = espalier({"plan", "tiny.toml"});
  const auto document = json(espalier({"plan", "tiny.toml", "--json"}));
  const auto run = espalier({"run", "tiny.toml"});

  EXPECT_EQ(plan.exit_code, 5);
  EXPECT_CONTAINS(plan.out, "3 cells, 0 done, 3 to run");
  EXPECT_CONTAINS(plan.out, "\nwrong, and refused by run:\ntest.tsv:1: has no column 'text'");
  EXPECT_EQ(document.at("problems").size(), 1U);
  EXPECT_EQ(run.exit_code, 5);
  EXPECT_TRUE(
      run.err.find("tiny.toml: nothing is run, because of what its checkpoints and data say\ntest.tsv:1: has no "
                   "column 'text'") != std::string::npos)
      << run.err;
  EXPECT_FALSE(std::filesystem::exists(folder_ / "results/tiny.db"));
}

TEST_F(PlanCommand, SaysWhatPrioritiesPutFirst) {
  write_experiment("tiny.toml", "tiny", "[0, 1, 2]",
                   "\n[[grid]]\nmodel = \"small\"\ndataset = \"few\"\ngranularity = \"head\"\nscorer = \"magnitude\"\n"
                   "sparsity = 0.7\npriority = 2\n");

  const auto plan = espalier({"plan", "tiny.toml"});
  const auto document = json(espalier({"plan", "tiny.toml", "--json"}));
  const auto sliced = espalier({"plan", "tiny.toml", "--only", "sparsity=0.5"});

  EXPECT_CONTAINS(plan.out, "\n  order        1 cell of priority 2, then 3 of 0\n");
  EXPECT_EQ(document.at("priorities"),
            nlohmann::json::parse(R"([{"priority": 2, "cells": 1}, {"priority": 0, "cells": 3}])"));
  EXPECT_EQ(sliced.out.find("  order "), std::string::npos) << sliced.out;
}

TEST_F(PlanCommand, TakesOverridesAndSlices) {
  const auto sliced = json(espalier({"plan", "tiny.toml", "--json", "--only", "seed=1"}));
  const auto overridden = json(espalier({"plan", "--set", "name=other", "tiny.toml", "--json"}));

  EXPECT_EQ(sliced.at("cells"), 1);
  EXPECT_EQ(overridden.at("database"), "results/other.db");
}

TEST_F(PlanCommand, AsksTheWorkerForItsPluginsOnce) {
  espalier({"plan", "tiny.toml"});
  espalier({"plan", "tiny.toml"});

  std::ifstream journal(folder_ / "journal");
  std::string line;
  int lines = 0;
  while (std::getline(journal, line)) ++lines;
  EXPECT_EQ(lines, 1);
}

// The key of a cell names a plugin's version, not its file: that the code changed under it is said, and can be mended.
TEST_F(PlanCommand, SaysWhenAPluginChangedUnderAnEqualVersion) {
  ASSERT_EQ(espalier({"run", "tiny.toml"}).exit_code, 0);
  const auto before = espalier({"plan", "tiny.toml"});
  folder_.write("plugins/magnitude.so", "scorer 1.0 and other code");
  const auto changed = espalier({"plan", "tiny.toml"});
  const auto document = json(espalier({"plan", "tiny.toml", "--json"}));
  const auto left = espalier({"run", "tiny.toml"});
  const auto again = espalier({"run", "tiny.toml", "--rerun-changed"});
  const auto after = json(espalier({"plan", "tiny.toml", "--json"}));
  folder_.write("plugins/magnitude.so", "scorer 1.1");
  const auto raised = json(espalier({"plan", "tiny.toml", "--json"}));

  EXPECT_EQ(before.err, "");
  const auto then = sha256_hex("scorer 1.0"), now = sha256_hex("scorer 1.0 and other code");
  EXPECT_CONTAINS(changed.out, "3 cells, 3 done, 0 to run");
  EXPECT_CONTAINS(changed.err,
                  "warning: scorer 'magnitude' 1.0 has changed since 3 done cells were computed with it (file " +
                      then.substr(0, 8) + ", now " + now.substr(0, 8) + ")");
  EXPECT_CONTAINS(changed.err, "raise the plugin's version");
  EXPECT_CONTAINS(changed.err, "espalier run FILE --rerun-changed");
  ASSERT_EQ(document.at("changed_plugins").size(), 1U);
  EXPECT_EQ(document["changed_plugins"][0].at("cells"), 3);
  EXPECT_EQ(document["changed_plugins"][0].at("file_digest"), now);
  EXPECT_EQ(document["changed_plugins"][0].at("file_digest_of_results"), then);
  EXPECT_CONTAINS(left.err, "has changed since 3 done cells");
  EXPECT_CONTAINS(left.err, "nothing to run");
  EXPECT_CONTAINS(again.err, "computed again: scorer 'magnitude' 1.0 has changed");
  EXPECT_CONTAINS(again.err, "3 cells computed");
  EXPECT_TRUE(after.at("changed_plugins").empty());
  EXPECT_EQ(after.at("done"), 3);
  EXPECT_EQ(raised.at("to_run"), 3);  // another version is another cell
}

TEST_F(PlanCommand, LeavesTheWorkingFolderAlone) {
  const auto ran = start(
      {"/bin/sh", "-c",
       "unset ESPALIER_CACHE; export XDG_CACHE_HOME=$PWD/home; exec " + test::program("espalier") + " plan tiny.toml"});

  EXPECT_EQ(ran.exit_code, 0) << ran.err;
  EXPECT_FALSE(std::filesystem::exists(folder_ / "results"));
}

TEST_F(PlanCommand, RefusesWhatIsNoExperiment) {
  folder_.write("wrong.toml", "espalier = 1\nname = \"x\"\n[[grid]]\nmodle = \"y\"\n");

  const auto wrong = espalier({"plan", "wrong.toml"});
  const auto absent = espalier({"plan", "absent.toml"});

  EXPECT_EQ(wrong.exit_code, 2);
  EXPECT_CONTAINS(wrong.err, "wrong.toml:4:1: ");
  EXPECT_EQ(absent.exit_code, 2);
  EXPECT_EQ(absent.err, "absent.toml: there is no such experiment file\n");
}

}  // namespace
}  // namespace espalier::cli
