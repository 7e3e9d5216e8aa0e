// A stranger's plugin is safe to try: what it does to weights, files, descriptors and its process ends with its cell, is
// named, and changes no other cell.
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <thread>

#include "store/result_store.h"
#include "tiny_world.h"

namespace espalier::test {
namespace {

namespace fs = std::filesystem;

std::string broken(const std::string& name) {
  return std::string(ESPALIER_BINARY_DIR) + "/broken_plugins/" + name + ".so";
}

// Rows of the view `cells` of the experiment "tiny": by scorer, one column.
std::map<std::string, std::string> cells(const TinyWorld& world, const std::string& column) {
  const store::ResultStore store(world.folder / "results/tiny.db", store::Mode::ReadOnly);
  const auto rows = store.cells("tiny");
  const auto place = [&](const std::string& name) {
    return std::find(rows.columns.begin(), rows.columns.end(), name) - rows.columns.begin();
  };
  std::map<std::string, std::string> found;
  for (const auto& row : rows.rows)
    found[row.at(static_cast<std::size_t>(place("scorer"))).text] =
        row.at(static_cast<std::size_t>(place(column))).text;
  return found;
}

// What each scorer's pruned point gave: metrics and the digest of its mask.
std::map<std::string, std::string> results(const TinyWorld& world) {
  const store::ResultStore store(world.folder / "results/tiny.db", store::Mode::ReadOnly);
  const auto rows = store.points("tiny");
  std::map<std::string, std::string> found;
  for (const auto& row : rows.rows) {
    std::string scorer, kind, text;
    for (std::size_t i = 0; i < rows.columns.size(); ++i) {
      const auto& name = rows.columns[i];
      if (name == "scorer") scorer = row[i].text;
      if (name == "kind") kind = row[i].text;
      if (name == "accuracy" || name == "cross_entropy") text += std::to_string(row[i].real) + " ";
      if (name == "mask_digest" || name == "predictions_digest") text += row[i].text + " ";
    }
    found[scorer + " " + kind] = text;
  }
  return found;
}

std::string misbehaving(const std::vector<std::string>& deeds) {
  std::string definitions;
  for (const auto& deed : deeds)
    definitions += "[scorer." + deed + "]\nplugin = \"misbehaves\"\nwhat = \"" + deed + "\"\n";
  return definitions;
}

std::string grid_of(const std::vector<std::string>& scorers, const std::string& more = "") {
  std::string list;
  for (const auto& scorer : scorers) list += (list.empty() ? "\"" : ", \"") + scorer + "\"";
  return "granularity = \"head\"\nscorer = [" + list + "]\nsparsity = 0.5\norder = \"as-written\"\n" + more;
}

TEST(Isolation, OfWhatAPluginDoesToItsProcessAndItsModel) {
  const std::vector<std::string> good = {"gate-gradient", "magnitude"};
  const std::vector<std::string> deeds = {"change-weights",
                                          "change-one-weight",
                                          "change-weights-in-destructor",
                                          "change-weights-and-throw",
                                          "move",
                                          "mask",
                                          "close",
                                          "close-streams",
                                          "scribble",
                                          "exit",
                                          "quick-exit",
                                          "exit-three",
                                          "die",
                                          "die-in-constructor",
                                          "die-in-destructor",
                                          "long-words",
                                          "odd-words",
                                          "alarm",
                                          "deaf",
                                          "noise"};
  const TinyWorld clean, world;
  clean.folder.write("tiny.toml", clean.experiment(grid_of(good)));
  auto scorers = deeds;
  scorers.insert(scorers.end(), good.begin(), good.end());
  world.folder.write("tiny.toml", world.experiment(grid_of(scorers)) + misbehaving(deeds));

  ASSERT_EQ(clean.espalier({"run", "tiny.toml"}).exit_code, 0);
  const auto run = world.espalier({"run", "tiny.toml", "--plugins", broken("misbehaves")});

  ASSERT_EQ(run.exit_code, 1) << run.err;
  // Other cells are as if nothing had been.
  const auto expected = results(clean), found = results(world);
  for (const auto& scorer : good) {
    for (const char* kind : {" dense", " pruned"}) EXPECT_EQ(found.at(scorer + kind), expected.at(scorer + kind));
  }
  const auto state = cells(world, "state"), message = cells(world, "message");
  const auto fails = [&](const std::string& deed, const std::string& beginning, const std::string& part = "") {
    EXPECT_EQ(state.at(deed), "failed") << deed;
    EXPECT_TRUE(message.at(deed).starts_with(beginning)) << deed << ": " << message.at(deed);
    EXPECT_NE(message.at(deed).find(part), std::string::npos) << deed << ": " << message.at(deed);
  };
  const std::string changed = "scorer 'misbehaves' changed weights of the model it was shown: bert.encoder.layer.0.";
  fails("change-weights", changed, "weights(...).clone()");
  fails("change-one-weight", changed);
  fails("change-weights-in-destructor", changed);
  fails("change-weights-and-throw", "scorer 'misbehaves' failed: after the deed");
  fails("close", "scorer 'misbehaves' closed or replaced file descriptors that are not its own (");
  for (const char* deed : {"exit", "quick-exit"})
    fails(deed,
          "the process that computes ended with exit code 0 while scorer 'misbehaves' was scoring (stage: scores)",
          "its last words stand in results/tiny.log");
  fails("exit-three", "the process that computes ended with exit code 3 while scorer 'misbehaves' was scoring");
  fails("die",
        "the process that computes died by signal 11 (Segmentation fault) while scorer 'misbehaves' was scoring");
  fails("die-in-constructor",
        "the process that computes died by signal 11 (Segmentation fault) while scorer "
        "'misbehaves' was being constructed");
  fails("die-in-destructor",
        "the process that computes died by signal 11 (Segmentation fault) while scorer "
        "'misbehaves' was being destroyed");
  fails("long-words", "scorer 'misbehaves' failed: xxx", "bytes more");
  EXPECT_LT(message.at("long-words").size(), 5000U);
  fails("odd-words", "scorer 'misbehaves' failed: \\x1b[31mred \\xff\\xfe");
  for (const char* deed : {"move", "mask", "close-streams", "scribble", "alarm", "deaf", "noise"})
    EXPECT_EQ(state.at(deed), "done") << deed << ": " << message.at(deed);
  // A cell whose process ended by itself is not tried again; one that died by a signal once more.
  const auto attempts = [&](const std::string& deed) {
    const auto key = cells(world, "key").at(deed);
    return nlohmann::json::parse(world.espalier({"show", "results/tiny.db", key, "--json"}).out).at("attempts").size();
  };
  EXPECT_EQ(attempts("quick-exit"), 1U);
  EXPECT_EQ(attempts("die"), 2U);
  // Nothing went astray: files lie in the working folder, and can be read.
  EXPECT_FALSE(fs::exists("/results/cache"));
  for (const auto& entry : fs::directory_iterator(world.folder / "results/cache/masks"))
    EXPECT_NE(entry.status().permissions() & fs::perms::owner_read, fs::perms::none) << entry.path();
  // 40 MiB were printed, and 16 are kept.
  EXPECT_LT(fs::file_size(world.folder / "results/tiny.log"), 20U << 20);
  EXPECT_NE(run.err.find("writes more than 16 MiB: the rest of its output is left out"), std::string::npos) << run.err;
}

TEST(Isolation, KeepsNothingThatAChangedModelGave) {
  const TinyWorld world;
  const auto one = world.experiment(grid_of({"change-weights", "gate-gradient"})) + misbehaving({"change-weights"});
  world.folder.write("tiny.toml", one);
  ASSERT_EQ(world.espalier({"run", "tiny.toml", "--plugins", broken("misbehaves")}).exit_code, 1);
  const auto first = results(world);
  std::size_t scores = 0;
  for (const auto& entry : fs::directory_iterator(world.folder / "results/cache/scores"))
    scores += entry.path().extension() == ".safetensors" ? 1 : 0;
  EXPECT_EQ(scores, 1U);  // of gate-gradient alone

  // A new database and the old cache: what comes out of the cache is right.
  fs::remove(world.folder / "results/tiny.db");
  world.folder.write("tiny.toml", world.experiment(grid_of({"gate-gradient"})));
  ASSERT_EQ(world.espalier({"run", "tiny.toml"}).exit_code, 0);
  EXPECT_EQ(results(world).at("gate-gradient pruned"), first.at("gate-gradient pruned"));

  const TinyWorld clean;
  clean.folder.write("tiny.toml", clean.experiment(grid_of({"gate-gradient"})));
  ASSERT_EQ(clean.espalier({"run", "tiny.toml"}).exit_code, 0);
  EXPECT_EQ(results(clean).at("gate-gradient pruned"), first.at("gate-gradient pruned"));
}

// One model at a time: no output is left as if all were well.
TEST(Isolation, OfACommandOfOneModel) {
  const TinyWorld world;
  const auto score = [&](const std::string& deed) {
    return world.espalier({"score", "--model", "model", "--scorer", "misbehaves", "--set", "what=" + deed,
                           "--granularity", "head", "--output", "scores.safetensors", "--plugins",
                           broken("misbehaves")});
  };

  const std::string skipped =
      "model: tensors that the model does not use are skipped: pooler.dense.weight, pooler.dense.bias\n";

  const auto exits = score("quick-exit"), dies = score("die"), changes = score("change-weights");

  EXPECT_EQ(exits.exit_code, 3);
  EXPECT_EQ(exits.err,
            skipped + "the process that computes ended with exit code 0 while scorer 'misbehaves' was scoring\n");
  EXPECT_EQ(dies.exit_code, 3);
  EXPECT_EQ(dies.err,
            skipped +
                "the process that computes died by signal 11 (Segmentation fault) while scorer 'misbehaves' was "
                "scoring\n");
  EXPECT_EQ(changes.exit_code, 3);
  EXPECT_TRUE(changes.err.starts_with(skipped + "scorer 'misbehaves' changed weights of the model it was shown: "))
      << changes.err;
  EXPECT_FALSE(fs::exists(world.folder / "scores.safetensors"));
  const auto moves = score("move");
  EXPECT_EQ(moves.exit_code, 0) << moves.err;
  EXPECT_TRUE(fs::exists(world.folder / "scores.safetensors"));
}

// Waits until it is so, or a minute has passed.
bool comes_true(const std::function<bool()>& condition) {
  for (int i = 0; i < 600; ++i) {
    if (condition()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
  return false;
}

// The run of an experiment whose only cell never ends, and the process in which it does not.
struct EndlessRun {
  EndlessRun() {
    world.folder.write("tiny.toml", world.experiment(grid_of({"hang"})) + misbehaving({"hang"}));
    ::setenv("MISBEHAVES_PID", (world.folder / "pid").c_str(), 1);
    driver = fork();
    if (driver == 0) {
      if (chdir(world.folder.path().c_str()) != 0) _exit(126);
      const int null = open("/dev/null", O_RDWR);
      dup2(null, 1);
      dup2(null, 2);
      execl(program("espalier").c_str(), "espalier", "run", "tiny.toml", "--plugins", broken("misbehaves").c_str(),
            static_cast<char*>(nullptr));
      _exit(127);
    }
    comes_true([&] { return static_cast<bool>(std::ifstream(world.folder / "pid") >> worker); });
    ::unsetenv("MISBEHAVES_PID");
  }
  bool worker_is_gone() const { return ::kill(worker, 0) != 0; }

  TinyWorld world;
  pid_t driver = 0, worker = 0;
};

TEST(Isolation, EndsAWorkerInAnEndlessLoopWhenItIsAskedTo) {
  EndlessRun run;
  ASSERT_NE(run.worker, 0);
  const auto asked = std::chrono::steady_clock::now();

  ::kill(run.driver, SIGTERM);
  int status = 0;
  ::waitpid(run.driver, &status, 0);

  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 130) << status;
  EXPECT_LT(std::chrono::steady_clock::now() - asked, std::chrono::seconds(30));
  EXPECT_TRUE(comes_true([&] { return run.worker_is_gone(); }));
  EXPECT_EQ(cells(run.world, "state").at("hang"), "waiting");
}

TEST(Isolation, EndsAWorkerInAnEndlessLoopWhenItsDriverIsGone) {
  EndlessRun run;
  ASSERT_NE(run.worker, 0);

  ::kill(run.driver, SIGKILL);
  ::waitpid(run.driver, nullptr, 0);

  EXPECT_TRUE(comes_true([&] { return run.worker_is_gone(); }));
}

TEST(Isolation, NamesAFileThatMisbehavesWhenItIsOpenedAndListsTheOthers) {
  const TinyWorld world;
  world.folder.write("tiny.toml", world.experiment(grid_of({"magnitude"})));
  std::vector<std::string> words = {"plugins"}, plan = {"plan", "tiny.toml"};
  for (const char* name : {"crashes_when_opened", "exits_when_opened", "prints_when_opened", "crashes_when_closed"}) {
    for (auto* list : {&words, &plan}) list->insert(list->end(), {"--plugins", broken(name)});
  }

  const auto listed = world.espalier(words);
  const auto planned = world.espalier(plan);

  EXPECT_EQ(listed.exit_code, 3);
  EXPECT_NE(listed.out.find("scorer magnitude"), std::string::npos) << listed.out;
  const auto says = [&](const std::string& sentence) {
    EXPECT_NE(listed.err.find("left out: " + sentence), std::string::npos) << listed.err;
  };
  says(broken("crashes_when_opened") + ": the process that opened it died by signal ");
  says(broken("exits_when_opened") + ": the process that opened it ended with exit code 0\n    code of the file runs");
  says(broken("prints_when_opened") + ": prints as soon as it is opened ('hello from a plugin\\x0a')");
  says(broken("crashes_when_closed") + ": the process that opened it died by signal 6 (Aborted) when it was to end");
  EXPECT_EQ(planned.exit_code, 0) << planned.err;
  EXPECT_NE(planned.out.find("1 cell, 0 done, 1 to run"), std::string::npos) << planned.out;
}

TEST(Isolation, GivesAFileThatHangsItsTimeAndNoMore) {
  const TempDir folder;

  const auto ran = run_program({program("espalier-worker"), "describe", "--file", broken("hangs_when_opened"), "--file",
                                broken("steady"), "--seconds", "2"},
                               folder.path());

  ASSERT_EQ(ran.exit_code, 0) << ran.err;
  std::map<std::string, nlohmann::json> answers;
  const auto document = nlohmann::json::parse(ran.out);
  for (const auto& answer : document.at("files")) answers[answer.at("file")] = answer;
  EXPECT_EQ(answers.at(broken("steady")).at("plugin").at("name"), "steady");
  EXPECT_EQ(
      answers.at(broken("hangs_when_opened")).at("refused"),
      broken("hangs_when_opened") +
          ": was not opened, or did not end, within 2 s\n    what initialises or destroys its static objects hangs");
}

// One that is left out costs only those who use it.
TEST(Isolation, OfAPluginThatIsUsedAndWasLeftOut) {
  const TinyWorld world;
  world.folder.write("tiny.toml", world.experiment(grid_of({"crashes-when-opened"})));

  const auto plan = world.espalier({"plan", "tiny.toml", "--plugins", broken("crashes_when_opened")});

  EXPECT_EQ(plan.exit_code, 3) << plan.err;
  EXPECT_NE(plan.err.find("unknown scorer 'crashes-when-opened'"), std::string::npos) << plan.err;
  EXPECT_NE(plan.err.find("the file of this name was left out\n    " + broken("crashes_when_opened")),
            std::string::npos)
      << plan.err;
}

// What can be known of settings is known before anything is trained.
TEST(Isolation, PlanRefusesSettingsOutOfTheirRange) {
  const TinyWorld world;
  world.folder.write("tiny.toml", world.experiment("granularity = [\"head\", \"head-channel\"]\n"
                                                   "scorer = { plugin = \"fisher\", samples = -5 }\n"
                                                   "recovery = { plugin = \"lora\", rank = 0 }\nsparsity = 0.5\n"));

  const auto plan = world.espalier({"plan", "tiny.toml"});

  EXPECT_EQ(plan.exit_code, 2);
  EXPECT_NE(
      plan.err.find("tiny.toml:18:31: setting 'samples' of scorer 'fisher' is -5, expected an integer of at least "
                    "0 (first rows of the split; 0: all)"),
      std::string::npos)
      << plan.err;
  EXPECT_NE(plan.err.find("tiny.toml:19:31: setting 'rank' of recovery 'lora' is 0, expected an integer of at least 1"),
            std::string::npos)
      << plan.err;
  world.folder.write("tiny.toml", world.experiment("granularity = [\"head\", \"head-channel\"]\nscorer = \"entropy\"\n"
                                                   "sparsity = 0.5\n"));
  const auto heads = world.espalier({"plan", "tiny.toml"});
  EXPECT_EQ(heads.exit_code, 2);
  EXPECT_NE(heads.err.find("scorer 'entropy' scores whole heads, and the grid gives it granularity 'head-channel'"),
            std::string::npos)
      << heads.err;
}

}  // namespace
}  // namespace espalier::test
