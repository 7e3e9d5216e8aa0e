// The catalogue keeps refusals until they are asked for; calls restore, name and check.
#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>
#include <c10/core/DefaultDtype.h>
#include <c10/core/InferenceMode.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>

#include "loader/at_work.h"
#include "loader/plugin_fixture.h"
#include "loader/visit.h"
#include "sdk/fake_search.h"
#include "support/temp_dir.h"
#include "support/tensor_matchers.h"

namespace espalier::test {
namespace {

using loader::call_scorer;
using loader::call_searcher;
using loader::PluginCatalog;
namespace fs = std::filesystem;

// What a broken scorer's call ends with.
template <typename ExpectedError = PluginError>
std::string failure_of(const std::string& file, const std::string& name) {
  const PluginCatalog catalog({plugin_file(file)});
  const auto scorer = catalog.make_scorer(name, {});
  Task task;
  return message_of<ExpectedError>([&] { call_scorer(name, *scorer, task.scoring); });
}

TEST(Catalog, FindsPluginsByRoleAndName) {
  const PluginCatalog catalog({plugin_file("steady"), plugin_file("wrong_mask")});

  EXPECT_EQ(catalog.plugins().size(), 2u);
  EXPECT_EQ(catalog.find("scorer", "steady").file, plugin_file("steady"));
  EXPECT_TRUE(says(message_of<SettingsError>([&] { catalog.find("searcher", "steady"); }), "unknown searcher 'steady'",
                   {"known: wrong-mask"}));
  EXPECT_TRUE(says(message_of<SettingsError>([&] { catalog.find("scorer", "staedy"); }), "unknown scorer 'staedy'",
                   {"did you mean 'steady'?"}));
}

TEST(Catalog, KeepsRefusalsUntilTheyAreAskedFor) {
  const PluginCatalog catalog({plugin_file("steady"), plugin_file("no_card"), "/nowhere/gone.so"});

  EXPECT_EQ(catalog.plugins().size(), 1u);
  ASSERT_EQ(catalog.refusals().size(), 2u);
  EXPECT_EQ(catalog.refusals()[1].file, plugin_file("no_card"));
  EXPECT_TRUE(
      says(message_of<PluginError>([&] { catalog.find("scorer", "no-card"); }), plugin_file("no_card").string()));
  EXPECT_EQ(message_of<PluginError>([&] { catalog.find("scorer", "gone"); }), "/nowhere/gone.so: no such plugin file");
}

// What is not asked for is not opened: its code would run.
TEST(Catalog, OpensWhatIsAskedForAndNothingElse) {
  const PluginCatalog catalog({plugin_file("steady"), plugin_file("crashes_when_opened"), plugin_file("wrong_mask")});

  EXPECT_EQ(catalog.find("scorer", "steady").file, plugin_file("steady"));
  EXPECT_TRUE(says(message_of<SettingsError>([&] { catalog.find("scorer", "staedy"); }), "unknown scorer 'staedy'",
                   {"did you mean 'steady'?", "known: crashes-when-opened, steady\n",
                    "a plugin of your own is found by --plugins FILE, or in the folders of $ESPALIER_PLUGINS"}));
  EXPECT_TRUE(says(message_of<SettingsError>([&] { catalog.find("searcher", "crashes-when-opened"); }),
                   "unknown searcher 'crashes-when-opened'"));
}

TEST(Catalog, ReadsAFoldersLibrariesOnceAndInOrder) {
  const TempDir folder;
  fs::copy_file(plugin_file("wrong_mask"), folder / "wrong_mask.so");
  fs::copy_file(plugin_file("steady"), folder / "steady.so");
  folder.write("notes.txt", "no plugin");
  folder.write("steady.so.bak", "no plugin");

  const PluginCatalog catalog({folder.path(), folder / "steady.so", folder.path()});

  ASSERT_EQ(catalog.plugins().size(), 2u);
  EXPECT_EQ(catalog.plugins()[0].description.name, "steady");
  EXPECT_TRUE(catalog.refusals().empty());
}

TEST(Catalog, RefusesASecondPluginOfOneName) {
  const TempDir folder;
  fs::copy_file(plugin_file("steady"), folder / "steady.so");

  const PluginCatalog catalog({plugin_file("steady"), folder / "steady.so"});

  ASSERT_EQ(catalog.refusals().size(), 1u);
  EXPECT_TRUE(says(
      catalog.refusals()[0].message,
      (folder / "steady.so").string() + ": scorer 'steady' is already provided by " + plugin_file("steady").string(),
      {"give one of the two another name"}));
  EXPECT_EQ(catalog.find("scorer", "steady").file, plugin_file("steady"));
}

TEST(Catalog, MayBeMadeAgain) {
  const PluginCatalog first({plugin_file("steady")}), second({plugin_file("steady")});

  EXPECT_EQ(first.find("scorer", "steady").card, second.find("scorer", "steady").card);
}

TEST(Catalog, ReadsPluginFoldersFromTheEnvironment) {
  ::setenv("ESPALIER_PLUGINS", "/one::/two:", 1);
  const auto folders = loader::plugin_folders();
  ::unsetenv("ESPALIER_PLUGINS");

  ASSERT_GE(folders.size(), 2u);
  EXPECT_EQ(folders[folders.size() - 2], "/one");
  EXPECT_EQ(folders.back(), "/two");
  EXPECT_NE(std::find(folders.begin(), folders.end(), fs::path(ESPALIER_BINARY_DIR) / "plugins"), folders.end());
}

TEST(Making, ChecksSettingsFirst) {
  const PluginCatalog catalog({plugin_file("steady")});

  EXPECT_TRUE(says(message_of<SettingsError>([&] {
                     catalog.make_scorer("steady", Settings({{"stpe", std::int64_t{1}}}));
                   }),
                   "unknown setting of scorer 'steady': 'stpe'", {"did you mean 'step'?"}));
  EXPECT_TRUE(says(message_of<SettingsError>([&] {
                     catalog.make_scorer("steady", Settings({{"step", std::int64_t{3}}}));
                   }),
                   "unknown value of setting 'step' of scorer 'steady': '3'", {"known: 1, 2"}));
}

TEST(Making, NamesThePluginWhoseConstructorThrows) {
  const PluginCatalog catalog({plugin_file("throws_in_constructor"), plugin_file("null_instance")});

  EXPECT_EQ(message_of<PluginError>([&] { catalog.make_scorer("throws-in-constructor", {}); }),
            "scorer 'throws-in-constructor' (" + plugin_file("throws_in_constructor").string() +
                ") could not be constructed: no licence found");
  EXPECT_TRUE(says(message_of<PluginError>([&] { catalog.make_scorer("null-instance", {}); }),
                   "scorer 'null-instance' (", {"its card's create gave nothing"}));
}

TEST(CallScorer, GivesDoublesInTheUnitsOrder) {
  const PluginCatalog catalog({plugin_file("steady")});
  const auto scorer = catalog.make_scorer("steady", {});
  Task task;

  EXPECT_TRUE(is_close(call_scorer("steady", *scorer, task.scoring), at::arange(5, at::kDouble)));
}

TEST(CallScorer, NamesWhoThrew) {
  EXPECT_EQ(failure_of("throws_in_score", "throws-in-score"), "scorer 'throws-in-score' failed: out of ideas");
  EXPECT_EQ(failure_of("throws_int", "throws-int"),
            "scorer 'throws-int' failed: it threw something that is not a std::exception");
}

TEST(CallScorer, ShowsLibTorchsMessageWithoutItsBacktrace) {
  const auto message = failure_of("throws_in_torch", "throws-in-torch");

  EXPECT_TRUE(says(message, "scorer 'throws-in-torch' failed: The size of tensor a (2) must match"));
  EXPECT_EQ(message.find("frame #"), std::string::npos) << message;
}

TEST(CallScorer, BoundsAndCleansWhatAPluginSays) {
  const auto words = [](const char* what) {
    const PluginCatalog catalog({plugin_file("misbehaves")});
    const auto scorer = catalog.make_scorer("misbehaves", Settings({{"what", std::string(what)}}));
    Task task;
    return message_of<PluginError>([&] { call_scorer("misbehaves", *scorer, task.scoring); });
  };

  EXPECT_LT(words("long-words").size(), 5000u);
  EXPECT_TRUE(words("long-words").ends_with("\n    ... and 4995904 bytes more"));
  EXPECT_EQ(words("odd-words"), "scorer 'misbehaves' failed: \\x1b[31mred \\xff\\xfe");
  EXPECT_EQ(words("no-words"), "scorer 'misbehaves' failed: it threw an exception that says nothing");
}

TEST(CallScorer, LeavesOurOwnErrorsAsTheyAre) {
  EXPECT_EQ(failure_of<InputError>("throws_input_error", "throws-input-error"), "the split is empty");
}

TEST(CallScorer, RefusesAnswersThatDoNotFit) {
  const std::string expected = "\n    expected one finite score per unit, in the units' order";

  EXPECT_EQ(failure_of("wrong_length", "wrong-length"),
            "scorer 'wrong-length' returned 4 scores for 5 units" + expected);
  EXPECT_EQ(failure_of("wrong_shape", "wrong-shape"),
            "scorer 'wrong-shape' returned a tensor of 2 dimensions for 5 units" + expected);
  EXPECT_EQ(failure_of("returns_nothing", "returns-nothing"),
            "scorer 'returns-nothing' returned no scores for 5 units" + expected);
  EXPECT_TRUE(says(failure_of("returns_nan", "returns-nan"),
                   "scorer 'returns-nan' returned 1 scores that are not finite, the first (",
                   {"nan) for unit 0 of 5" + expected}));
  EXPECT_TRUE(says(failure_of("returns_no_data", "returns-no-data"),
                   "scorer 'returns-no-data' returned scores that cannot be read: Cannot copy out of meta tensor"));
}

TEST(CallScorer, RestoresWhatBelongsToEveryone) {
  const PluginCatalog catalog({plugin_file("leaves_traces")});
  const auto threads = at::get_num_threads();
  const auto expect_restored = [&] {
    EXPECT_TRUE(at::GradMode::is_enabled());
    EXPECT_FALSE(c10::InferenceMode::is_enabled());
    EXPECT_EQ(c10::get_default_dtype(), caffe2::TypeMeta::Make<float>());
    EXPECT_EQ(at::get_num_threads(), threads);
  };
  Task task;

  const auto scorer = catalog.make_scorer("leaves-traces", {});
  expect_restored();
  const auto scores = call_scorer("leaves-traces", *scorer, task.scoring);
  expect_restored();
  EXPECT_FALSE(scores.is_inference());
}

TEST(CallScorer, TurnsGradientsOnForTheCallAndOffAgain) {
  class NeedsGradients final : public Scorer {
   public:
    at::Tensor score(ScoringTask& task) override {
      auto gates = task.model.open_gates({task.units.count()});
      (gates * gates).sum().backward();
      return gates.grad();
    }
  } scorer;
  Task task;

  const at::NoGradGuard off;

  EXPECT_TRUE(is_close(call_scorer("inner", scorer, task.scoring), at::full({5}, 2.0, at::kDouble)));
  EXPECT_FALSE(at::GradMode::is_enabled());
}

TEST(CallScorer, GivesACopyThatThePluginCannotChange) {
  class KeepsItsAnswer final : public Scorer {
   public:
    at::Tensor score(ScoringTask& task) override { return answer = at::ones({task.units.count()}, at::kDouble); }
    at::Tensor answer;
  } scorer;
  Task task;

  const auto scores = call_scorer("inner", scorer, task.scoring);
  scorer.answer.fill_(7);

  EXPECT_TRUE(is_close(scores, at::ones({5}, at::kDouble)));
}

// Runs a visit of the plugin that misbehaves, and gives what leaving it says.
std::string after_visit(const char* what) {
  const PluginCatalog catalog({plugin_file("misbehaves")});
  Task task;
  loader::Visit<Scorer> visit(catalog, "misbehaves", Settings({{"what", std::string(what)}}));
  call_scorer("misbehaves", *visit, task.scoring);
  try {
    visit.leave();
  } catch (const PluginError& error) {
    return error.what();
  }
  return "";
}

TEST(Visit, PutsTheWorkingFolderAndTheUmaskBack) {
  const auto folder = fs::current_path();
  const auto mask = ::umask(022);

  EXPECT_EQ(after_visit("move"), "");
  EXPECT_EQ(fs::current_path(), folder);
  EXPECT_EQ(after_visit("mask"), "");
  EXPECT_EQ(::umask(mask), 022u);
}

TEST(Visit, PutsSignalsAndTimersBack) {
  struct sigaction before {};
  ::sigaction(SIGTERM, nullptr, &before);

  EXPECT_EQ(after_visit("deaf"), "");
  struct sigaction after {};
  ::sigaction(SIGTERM, nullptr, &after);
  EXPECT_EQ(after.sa_handler, before.sa_handler);
  EXPECT_EQ(after_visit("alarm"), "");
  EXPECT_EQ(::alarm(0), 0u);
}

TEST(Visit, PutsTheStandardStreamsBack) {
  struct stat before {
  }, after{};
  ::fstat(2, &before);

  EXPECT_EQ(after_visit("close-streams"), "");
  ASSERT_EQ(::fstat(2, &after), 0);
  EXPECT_EQ(after.st_ino, before.st_ino);
}

// In a process of its own: afterwards it is spoilt.
TEST(Visit, NamesThePluginThatClosesWhatIsNotItsOwn) {
  EXPECT_EXIT(
      {
        const int file = ::open("/dev/null", O_RDONLY);
        const int kept_for_the_test = ::fcntl(2, F_DUPFD, 2000);
        const auto message = after_visit("close");
        ::dup2(kept_for_the_test, 2);
        const auto expected = "scorer 'misbehaves' closed or replaced file descriptors that are not its own (";
        const bool right = message.starts_with(expected) && message.find(std::to_string(file)) != std::string::npos &&
                           loader::spoilt() == message;
        std::fprintf(stderr, "%s\n", message.c_str());
        ::_exit(right ? 0 : 1);
      },
      ::testing::ExitedWithCode(0), "closed or replaced");
}

TEST(Visit, NotesWhatIsAtWork) {
  loader::WorkNote note;
  loader::write_notes_to(note);
  EXPECT_EQ(note.in_words(", idle"), ", idle");
  {
    loader::note_stage("scores");
    const loader::AtWork scoring("scorer 'hies'", "was scoring");
    EXPECT_EQ(note.in_words(""), " while scorer 'hies' was scoring (stage: scores)");
  }
  EXPECT_EQ(note.in_words(" while it computed"),
            " while it computed, after scorer 'hies' had been called (stage: scores)");
  loader::note_stage("");
  static loader::WorkNote unused;
  loader::write_notes_to(unused);
}

struct SearchParts {
  NoTraining training;
  FunctionEvaluator evaluator{[](const Mask&) { return 0.0; }};
  FunctionCosts costs;
  KeptReport report;
};

TEST(CallSearcher, RefusesAMaskWithAPartLeftOut) {
  class LeavesOut final : public Searcher {
   public:
    Mask search(SearchTask& task) override {
      Mask mask(task.units.sites());
      mask.site(1).of(Projection::V) = at::Tensor();
      return mask;
    }
  } searcher;
  Task task;
  SearchParts parts;
  SearchTask search{
      task.model,           task.units,      {},          {},          {}, Scope::Global, task.random, parts.training,
      task.scoring.batches, parts.evaluator, parts.costs, parts.report};

  EXPECT_TRUE(says(message_of<PluginError>([&] { call_searcher("inner", searcher, search); }),
                   "searcher 'inner' returned a mask whose part '", {".v' does not fit"}));
}

TEST(CallSearcher, RefusesMasksThatDoNotFit) {
  const PluginCatalog catalog({plugin_file("wrong_mask")});
  Task task;
  SearchParts parts;
  SearchTask search{
      task.model,           task.units,      {},          {},          {}, Scope::Global, task.random, parts.training,
      task.scoring.batches, parts.evaluator, parts.costs, parts.report};

  const auto one = catalog.make_searcher("wrong-mask", {});
  EXPECT_EQ(message_of<PluginError>([&] { call_searcher("wrong-mask", *one, search); }),
            "searcher 'wrong-mask' returned a mask of 1 sites for a model of 2");
  const auto two = catalog.make_searcher("wrong-mask", Settings({{"sites", std::int64_t{2}}}));
  EXPECT_EQ(message_of<PluginError>([&] { call_searcher("wrong-mask", *two, search); }),
            "searcher 'wrong-mask' returned a mask whose part 'layer.0.q' does not fit\n    expected BOOL [2, 3], true "
            "= kept");
}

}  // namespace
}  // namespace espalier::test
