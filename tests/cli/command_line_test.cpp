#include "cli_fixture.h"

namespace espalier::cli {
namespace {

using CommandLine = CliTest;

TEST_F(CommandLine, NamesTheNearestCommand) {
  const auto ran = espalier({"statsu", "x.db"});

  EXPECT_EQ(ran.exit_code, 2);
  EXPECT_EQ(ran.out, "");
  EXPECT_TRUE(ran.err.starts_with("unknown command 'statsu'\n    did you mean 'status'?\n")) << ran.err;
}

TEST_F(CommandLine, NamesTheNearestOption) {
  const auto ran = espalier({"run", "tiny.toml", "--wrokers", "2"});

  EXPECT_EQ(ran.exit_code, 2);
  EXPECT_EQ(ran.err, "unknown option '--wrokers'\n    did you mean '--workers'?\n    run: espalier run --help\n");
}

TEST_F(CommandLine, RefusesNumbersOutOfRange) {
  const auto ran = espalier({"run", "tiny.toml", "--workers", "0"});

  EXPECT_EQ(ran.exit_code, 2);
  EXPECT_CONTAINS(ran.err, "--workers");
  EXPECT_CONTAINS(ran.err, "'0', expected a number from 1 to 1024, or auto");
}

TEST_F(CommandLine, AsksForWhatIsMissing) {
  const auto without_command = espalier({});
  const auto without_file = espalier({"plan"});

  EXPECT_EQ(without_command.exit_code, 2);
  EXPECT_CONTAINS(without_command.err, "espalier needs a command");
  EXPECT_EQ(without_file.exit_code, 2);
  EXPECT_CONTAINS(without_file.err, "FILE");
}

TEST_F(CommandLine, EveryCommandExplainsItselfWithAnExample) {
  const auto all = espalier({"--help"});
  EXPECT_EQ(all.exit_code, 0);
  for (const char* command :
       {"run", "plan", "status", "table", "cells", "show", "diff", "prune-db", "clean", "plugins"}) {
    const auto ran = espalier({command, "--help"});
    EXPECT_EQ(ran.exit_code, 0) << command;
    EXPECT_CONTAINS(ran.out, std::string("Example: espalier ") + command);
    EXPECT_CONTAINS(all.out, std::string("\n  ") + command + " ");
  }
  for (const char* command : {"train", "score", "prune", "predict", "evaluate", "devices", "import", "data"}) {
    EXPECT_CONTAINS(all.out, std::string("\n  ") + command + " ");
  }
}

TEST_F(CommandLine, SaysItsVersion) {
  const auto ran = espalier({"--version"});

  std::string version;
  std::ifstream(ESPALIER_SOURCE_DIR "/VERSION") >> version;
  EXPECT_EQ(ran.exit_code, 0);
  EXPECT_TRUE(ran.out.starts_with("espalier " + version)) << ran.out;
}

TEST_F(CommandLine, HandsComputingCommandsOver) {
  const auto ran = espalier({"score", "--model", "a b", "--help"});
  const auto device = espalier({"train", "--device", "cuda:1"});
  const auto listed = espalier({"devices", "--json"});
  const auto failed = espalier({"evaluate", "--fail"});

  EXPECT_EQ(ran.exit_code, 0);
  EXPECT_EQ(ran.out, "handed over: score --model a b --help\n");
  EXPECT_EQ(device.out, "handed over: train --device cuda:1\n");
  EXPECT_EQ(listed.out, "handed over: devices --json\n");
  EXPECT_EQ(failed.exit_code, 5);
}

TEST_F(CommandLine, SaysWhenTheWorkerIsNotThere) {
  const auto ran =
      test::run_program({test::program("espalier"), "train", "--help"}, folder_.path(), {"ESPALIER_WORKER=/no/worker"});

  EXPECT_EQ(ran.exit_code, 2);
  EXPECT_TRUE(ran.err.starts_with("/no/worker: the program that computes is not there\n")) << ran.err;
}

TEST_F(CommandLine, ListsPlugins) {
  const auto text = espalier({"plugins"});
  const auto document = json(espalier({"plugins", "--json"}));

  EXPECT_EQ(text.exit_code, 0);
  EXPECT_CONTAINS(text.out, "scorer magnitude  1.0\n    A fake one.\n    norm = 1  which norm\n");
  EXPECT_CONTAINS(text.out, "    A fake one.\n    needs a scorer; budgets sparsity, heads\n");
  ASSERT_EQ(document.at("plugins").size(), 3U);
  for (const char* field : {"name", "role", "version", "settings"}) EXPECT_TRUE(document["plugins"][0].contains(field));
}

TEST_F(CommandLine, LeavesRefusedPluginsOutUnlessTheyAreUsed) {
  folder_.write("salience.so", "scorer 1.0");
  write_experiment("own.toml", "own", "[0]");
  const auto replaced = folder_ / "own.toml";
  std::ofstream(replaced, std::ios::app) << "[scorer.mine]\nplugin = \"salience\"\n";
  const std::vector<std::string> refused{"FAKE_REFUSED=salience"};

  const auto unused = espalier({"plan", "tiny.toml", "--plugins", "salience.so"}, refused);
  const auto listed = espalier({"plugins", "--plugins", "salience.so"}, refused);
  const auto used = espalier({"plan", "own.toml", "--plugins", "salience.so"}, refused);

  EXPECT_EQ(unused.exit_code, 0) << unused.err;
  EXPECT_CONTAINS(unused.err, "left out: ");
  EXPECT_CONTAINS(unused.err, "salience.so: is no plugin");
  EXPECT_EQ(listed.exit_code, 3);
  EXPECT_CONTAINS(listed.out, "scorer magnitude  1.0");
  EXPECT_EQ(used.exit_code, 3);
  EXPECT_CONTAINS(used.err, "own.toml:");
  EXPECT_CONTAINS(used.err, "unknown scorer 'salience'");
  EXPECT_CONTAINS(used.err, "the file of this name was left out\n    salience.so: is no plugin");
}

TEST_F(CommandLine, SaysWhereAnUnknownPluginIsLookedFor) {
  write_experiment("own.toml", "own", "[0]", "[scorer.mine]\nplugin = \"salience\"\n");

  const auto ran = espalier({"plan", "own.toml"});

  EXPECT_EQ(ran.exit_code, 2);
  EXPECT_CONTAINS(ran.err, "unknown scorer 'salience'");
  EXPECT_CONTAINS(ran.err, "--plugins FILE");
  EXPECT_CONTAINS(ran.err, "$ESPALIER_PLUGINS");
}

TEST_F(CommandLine, SaysWhenTheOutputCannotBeWritten) {
  const auto ran = start({"/bin/sh", "-c", test::program("espalier") + " plugins >/dev/full"});

  EXPECT_EQ(ran.exit_code, 4);
  EXPECT_EQ(ran.err, "the output cannot be written: No space left on device\n");
}

TEST_F(CommandLine, IsQuietWhenItsReaderGoesAway) {
  const auto ran = start({"/bin/sh", "-c", test::program("espalier") + " plugins | true"});

  EXPECT_EQ(ran.err, "");
}

}  // namespace
}  // namespace espalier::cli
