// Parent and child of a worker, with a child that computes nothing: what becomes of cells however it ends.
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <limits>
#include <sstream>
#include <thread>
#include <vector>

#include "apart.h"
#include "cell_process.h"
#include "commands.h"
#include "sample_cells.h"
#include "store/result_store.h"
#include "support/temp_dir.h"

namespace espalier::worker {
namespace {

std::atomic<int> asked_to_stop{0};

}  // namespace

// What the program's own main says and hears.
bool interrupted() { return asked_to_stop != 0; }
int interrupts() { return asked_to_stop; }
void say(const std::string& line) { std::fprintf(stderr, "%s\n", line.c_str()); }

// Ends each cell as its key says.
int compute_cells(const CellsWords&, std::int64_t batch_halvings, Shared& shared, int requests) {
  say_to_parent(shared, Ready);
  std::string line;
  char byte = 0;
  while (::read(requests, &byte, 1) == 1) {
    if (byte != '\n') {
      line += byte;
      continue;
    }
    const auto claim = claim_from(line);
    line.clear();
    loader::note_stage("scores");
    const loader::AtWork scoring("scorer 'x'", "was scoring");
    if (claim.key == "exits") ::_exit(0);
    if (claim.key == "dies") std::raise(SIGSEGV);
    if (claim.key == "hangs") {
      std::signal(SIGTERM, SIG_IGN);
      while (true) ::pause();
    }
    // For another process, in all longer than a cell may take; the one that is stuck says so for a moment only.
    if (claim.key == "waits" || claim.key == "is stuck") {
      for (int i = 0; i < 15; ++i) {
        ::usleep(100'000);
        loader::note_waited(0.1);
        if (claim.key == "is stuck" && i == 3) ::pause();
      }
    }
    if (claim.key.starts_with("says")) {
      std::fprintf(stderr, "one\ntwo\n");
      std::fflush(stderr);
      ::_exit(3);
    }
    // Takes a share of 1 GiB.
    if (claim.key.starts_with("takes")) {
      std::vector<char> taken((std::size_t{1} << 30) >> batch_halvings, 1);
      for (int i = 0; i < 200 && taken[static_cast<std::size_t>(i)] == 1; ++i) ::usleep(10'000);
    }
    if (claim.key == "lacks memory" || claim.key == "breaks its device") {
      Attempt lacking;
      lacking.outcome = Outcome::Failed;
      lacking.reason = claim.key == "lacks memory" ? FailureReason::OutOfMemory : FailureReason::Device;
      lacking.message = "it " + claim.key;
      answer_parent(shared, bytes_of(lacking));
      say_to_parent(shared, CellFinished);
      continue;
    }
    if (claim.key == "spoils") {
      std::strcpy(shared.note.verdict, "scorer 'x' closed what is not its own");
      say_to_parent(shared, Spoilt);
      return 1;
    }
    if (claim.key == "prints") {
      const std::string noise(1023, 'n');
      for (int i = 0; i < 20 * 1024; ++i) std::fprintf(stdout, "%s\n", noise.c_str());
      std::fflush(stdout);
    }
    answer_parent(shared, claim.key == "garbles" ? "no attempt" : bytes_of(Attempt()));
    say_to_parent(shared, CellFinished);
  }
  return 0;
}

namespace {

constexpr const char* settings =
    R"({"base_seed":0,"budget":{"kind":"sparsity","value":0.5},"compute":"float32","count_output_bias":false,)"
    R"("dataset":{"format":"text-classification","name":"d","split":{}},"granularity":"head",)"
    R"("model":{"checkpoint":"m","family":"bert","name":"m","train":null},)"
    R"("recovery":{"name":"none","plugin":"none","settings":{},"version":""},"rounding":"nearest","schedule":null,)"
    R"("scope":"global","scorer":{"name":"x","plugin":"x","settings":{},"version":"1"},)"
    R"("searcher":{"name":"ranking","plugin":"ranking","settings":{},"version":"1"},"seed":0,"sites":"all",)"
    R"("softmax_scale":"original"})";

class Processes : public ::testing::Test {
 protected:
  void SetUp() override { asked_to_stop = 0; }
  void TearDown() override { asked_to_stop = 0; }

  void insert(const std::vector<std::string>& keys) {
    store::ResultStore store(words.database, store::Mode::Create);
    std::vector<store::NewCell> cells;
    for (const auto& key : keys) cells.push_back({key, settings});
    store.insert({"e", "", "e.toml", "0"}, cells, false);
  }
  // The state and the message of a cell.
  std::pair<std::string, std::string> cell(const std::string& key) const {
    const store::ResultStore store(words.database, store::Mode::ReadOnly);
    const auto rows = store.cells("e");
    std::string found_key, state, message;
    for (const auto& row : rows.rows) {
      for (std::size_t i = 0; i < rows.columns.size(); ++i) {
        if (rows.columns[i] == "key") found_key = row[i].text;
        if (rows.columns[i] == "state") state = row[i].text;
        if (rows.columns[i] == "message") message = row[i].text;
      }
      if (found_key == key) return {state, message};
    }
    return {};
  }
  // Runs the cells with standard error in a file, and gives the exit code.
  ExitCode run() {
    std::fflush(stderr);
    const int kept = ::dup(2);
    std::FILE* log = std::fopen((folder / "log").c_str(), "ae");
    ::dup2(::fileno(log), 2);
    std::fclose(log);
    const auto code = run_cells(words);
    ::dup2(kept, 2);
    ::close(kept);
    return code;
  }

  const test::TempDir folder;
  CellsWords words = [this] {
    CellsWords made;
    made.database = (folder / "e.db").string();
    made.experiment = "e";
    return made;
  }();
};

TEST_F(Processes, ComputeEveryCellInOneChild) {
  insert({"a", "b", "c"});

  EXPECT_EQ(run(), ExitCode::Done);

  for (const char* key : {"a", "b", "c"}) EXPECT_EQ(cell(key).first, "done");
}

TEST_F(Processes, FailACellWhoseChildEndsByItselfAtOnce) {
  insert({"exits", "after"});

  EXPECT_EQ(run(), ExitCode::Done);

  EXPECT_EQ(cell("exits").first, "failed");
  EXPECT_EQ(cell("exits").second.substr(0, cell("exits").second.find('\n')),
            "the process that computes ended with exit code 0 while scorer 'x' was scoring (stage: scores)");
  EXPECT_NE(cell("exits").second.find("\n    its last words stand in "), std::string::npos);
  EXPECT_EQ(cell("after").first, "done");
}

TEST_F(Processes, TryACellOnceMoreWhenItsChildDied) {
  insert({"dies", "after"});

  EXPECT_EQ(run(), ExitCode::Done);

  EXPECT_EQ(cell("dies").first, "failed");
  EXPECT_TRUE(
      cell("dies").second.starts_with("the process that computes died by signal 11 (Segmentation fault) while "
                                      "scorer 'x' was scoring"));
  std::ostringstream log;
  log << std::ifstream(folder / "log").rdbuf();
  EXPECT_NE(log.str().find("cell dies: attempt 2"), std::string::npos) << log.str();
  EXPECT_EQ(log.str().find("cell dies: attempt 3"), std::string::npos) << log.str();
  EXPECT_EQ(cell("after").first, "done");
}

TEST_F(Processes, KeepTheLastWordsOfAChildWithItsCell) {
  insert({"says something"});

  run();

  EXPECT_NE(cell("says something").second.find("(stage: scores)\n    | one\n    | two\n    its last words stand in "),
            std::string::npos)
      << cell("says something").second;
}

TEST_F(Processes, EndAnAttemptThatTakesTooLong) {
  insert({"hangs", "after"});
  words.limits.timeout_seconds = 0.6;

  EXPECT_EQ(run(), ExitCode::Done);

  EXPECT_EQ(cell("hangs").first, "failed");
  EXPECT_TRUE(cell("hangs").second.starts_with(
      "the attempt took longer than its limit of 0.6 s, and was ended while scorer 'x' was scoring (stage: scores)\n"
      "    raise it with --cell-timeout, or with cell_timeout in [limits]"))
      << cell("hangs").second;
  EXPECT_EQ(cell("after").first, "done");
  const store::ResultStore store(words.database, store::Mode::ReadOnly);
  const auto attempts = store.read("hangs").attempts;
  ASSERT_EQ(attempts.size(), 1U);
  EXPECT_EQ(attempts[0].reason, FailureReason::TimeLimit);
  EXPECT_GE(attempts[0].seconds, 0.6);
}

TEST_F(Processes, DoNotTakeWaitingForAnotherProcessForTheCellsOwnTime) {
  insert({"waits", "is stuck", "after"});
  words.limits.timeout_seconds = 0.6;

  EXPECT_EQ(run(), ExitCode::Done);

  EXPECT_EQ(cell("waits").first, "done") << cell("waits").second;
  EXPECT_EQ(cell("is stuck").first, "failed");
  EXPECT_TRUE(cell("is stuck").second.starts_with("the attempt took longer than its limit of 0.6 s"))
      << cell("is stuck").second;
  EXPECT_EQ(cell("after").first, "done");
  const store::ResultStore store(words.database, store::Mode::ReadOnly);
  const auto attempts = store.read("waits").attempts;
  ASSERT_EQ(attempts.size(), 1U);
  EXPECT_EQ(attempts[0].outcome, Outcome::Done);
}

TEST_F(Processes, HalveTheBatchOfAnAttemptThatTakesTooMuchMemory) {
  insert({"takes much", "after"});
  words.limits.memory_bytes = std::int64_t{800} << 20;

  EXPECT_EQ(run(), ExitCode::Done);

  const store::ResultStore store(words.database, store::Mode::ReadOnly);
  const auto attempts = store.read("takes much").attempts;
  ASSERT_EQ(attempts.size(), 2U) << cell("takes much").second;
  EXPECT_EQ(attempts[0].reason, FailureReason::MemoryLimit);
  EXPECT_GT(attempts[0].peak_memory_bytes, std::int64_t{800} << 20);
  EXPECT_TRUE(attempts[0].message.starts_with("the process that computes took ")) << attempts[0].message;
  EXPECT_EQ(attempts[1].outcome, Outcome::Done);
  EXPECT_EQ(attempts[1].batch_halvings, 1);
  EXPECT_EQ(store.read("after").attempts.at(0).batch_halvings, 0);
}

TEST_F(Processes, GiveUpACellWhoseMemoryNeverSuffices) {
  insert({"lacks memory", "after"});

  EXPECT_EQ(run(), ExitCode::Done);

  EXPECT_EQ(cell("lacks memory").first, "failed");
  EXPECT_EQ(cell("lacks memory").second,
            "it lacks memory\n    batches were halved 3 times, and it did not suffice\n    batches of training stay as "
            "they are, "
            "since others train another model: where it was training, give the experiment\n    a smaller 'batch' in "
            "train, or in the recovery (with 'accumulate')");
  const store::ResultStore store(words.database, store::Mode::ReadOnly);
  EXPECT_EQ(store.read("lacks memory").attempts.size(), 4U);
  EXPECT_EQ(cell("after").first, "done");
}

TEST_F(Processes, LeaveADeviceThatFailsThreeTimesInARow) {
  insert({"breaks its device", "after"});
  words.limits.attempts = 5;

  try {
    run();
    ADD_FAILURE() << "it goes on";
  } catch (const Error& error) {
    EXPECT_EQ(static_cast<int>(error.exit_code()), exit_code_of_a_failing_device);
    EXPECT_EQ(std::string(error.what()),
              "3 attempts in a row failed on cpu for reasons that are no cell's: this worker computes on it no more");
  }

  EXPECT_EQ(cell("breaks its device").first, "waiting");
  EXPECT_EQ(cell("after").first, "waiting");
}

TEST_F(Processes, EndAtTheFirstFailureWhereAsked) {
  insert({"before", "exits", "after"});
  words.fail_fast = true;

  EXPECT_EQ(run(), ExitCode::Done);

  EXPECT_EQ(cell("before").first, "done");
  EXPECT_EQ(cell("exits").first, "failed");
  EXPECT_EQ(cell("after").first, "waiting");
}

TEST_F(Processes, ReplaceAChildThatAPluginSpoilt) {
  insert({"spoils", "after"});

  EXPECT_EQ(run(), ExitCode::Done);

  EXPECT_EQ(cell("spoils"), std::pair(std::string("failed"), std::string("scorer 'x' closed what is not its own")));
  EXPECT_EQ(cell("after").first, "done");
}

TEST_F(Processes, FailACellWhoseResultCannotBeRead) {
  insert({"garbles", "after"});

  EXPECT_EQ(run(), ExitCode::Done);

  const auto [state, message] = cell("garbles");
  EXPECT_EQ(state, "failed");
  EXPECT_TRUE(message.starts_with("what the process that computes handed over cannot be read (")) << message;
  EXPECT_TRUE(message.ends_with(")\n    a plugin may have written into memory that is not its own; run the cell again"))
      << message;
  EXPECT_EQ(cell("after").first, "done");
}

TEST_F(Processes, ClaimNoMoreCellsThanTheyAreAskedFor) {
  insert({"a", "b", "c"});
  words.cells_at_most = 2;

  EXPECT_EQ(run(), ExitCode::Done);

  EXPECT_EQ(cell("a").first, "done");
  EXPECT_EQ(cell("b").first, "done");
  EXPECT_EQ(cell("c").first, "waiting");
  EXPECT_TRUE(store::ResultStore(words.database, store::Mode::ReadOnly).read("c").attempts.empty());
}

TEST(HandedOver, AnAttemptIsReadAsItWasWritten) {
  auto attempt = test::done_attempt(0.1);
  attempt.points[1].metrics["wer"] = std::numeric_limits<double>::quiet_NaN();
  attempt.points[1].predictions = std::string("10\xff", 3);
  auto& details = attempt.points[1].details.emplace();
  details.sites = {{"site", 2, 3, 4, std::vector<std::int64_t>{4, 4, 0}, std::vector<std::int64_t>{4, 2, 0}}};
  details.operations = OperationsLeft{7, 1000, 900, 500, 450};
  details.search.emplace().notes = {{"method", std::string("greedy")}, {"gain", 0.1}};
  attempt.points[1].latency = {{8, 12, 2.5, 2, 30, 0.8, 0.7, 0.9, 1, "a processor"}};
  auto failed = test::failed_attempt("the proof failed: by 1e-3\n    and more");

  const auto read = attempt_from(bytes_of(attempt)), read_failed = attempt_from(bytes_of(failed));

  attempt.environment = nullptr;
  EXPECT_EQ(to_json(read), to_json(attempt));
  EXPECT_EQ(read.points[1].predictions, attempt.points[1].predictions);
  EXPECT_EQ(read.points[0].proof, attempt.points[0].proof);
  EXPECT_EQ(read.points[1].proof, attempt.points[1].proof);
  EXPECT_EQ(to_json(read_failed), to_json(failed));
}

TEST(HandedOver, BytesOfAnySizeOneAfterTheOther) {
  const std::string first(3 << 20, 'x'), second = "second";
  Apart child(
      [&](Shared& shared, int requests) {
        char byte = 0;
        for (const auto* answer : {&first, &second}) {
          if (!answer_parent(shared, *answer)) return 1;
          say_to_parent(shared, CellFinished);
          if (::read(requests, &byte, 1) != 1) return 1;
        }
        return 0;
      },
      Apart::Output::Inherited);

  EXPECT_EQ(child.wait(10), Apart::Event::Said);
  EXPECT_EQ(child.answer(), first);
  child.ask("");
  EXPECT_EQ(child.wait(10), Apart::Event::Said);
  EXPECT_EQ(child.answer(), second);
  // What the child says of its own memory is not believed.
  child.shared().answer_bytes = std::size_t{1} << 40;
  EXPECT_EQ(child.answer(), "");
}

TEST_F(Processes, KeepSixteenMebibytesOfWhatACellPrints) {
  insert({"prints", "after"});

  EXPECT_EQ(run(), ExitCode::Done);

  EXPECT_EQ(cell("prints").first, "done");
  EXPECT_LT(std::filesystem::file_size(folder / "log"), 17U << 20);
  EXPECT_GT(std::filesystem::file_size(folder / "log"), 15U << 20);
}

TEST_F(Processes, GiveACellBackWhoseChildDoesNotHear) {
  insert({"hangs"});
  std::thread user([] {
    std::this_thread::sleep_for(std::chrono::seconds(1));
    asked_to_stop = 1;
    std::this_thread::sleep_for(std::chrono::seconds(1));
    asked_to_stop = 2;  // once more: at once
  });
  const auto begun = std::chrono::steady_clock::now();

  EXPECT_EQ(run(), ExitCode::Interrupted);
  user.join();

  EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::seconds(7));
  EXPECT_EQ(cell("hangs").first, "waiting");
}

TEST_F(Processes, EndWithTheParent) {
  const pid_t parent = ::fork();
  if (parent == 0) {
    Apart child(
        [this](Shared&, int) {
          std::ofstream(folder / "pid") << ::getpid() << std::endl;
          std::signal(SIGTERM, SIG_IGN);
          while (true) ::pause();
          return 0;
        },
        Apart::Output::Inherited);
    while (true) ::pause();
  }
  pid_t child = 0;
  for (int i = 0; i < 100 && !(std::ifstream(folder / "pid") >> child); ++i) ::usleep(50'000);
  ASSERT_NE(child, 0);

  ::kill(parent, SIGKILL);
  ::waitpid(parent, nullptr, 0);

  bool gone = false;
  for (int i = 0; i < 100 && !gone; ++i) {
    ::usleep(50'000);
    std::ifstream status("/proc/" + std::to_string(child) + "/stat");
    std::string all{std::istreambuf_iterator<char>(status), {}};
    gone = all.empty() || all.find(") Z ") != std::string::npos;
  }
  EXPECT_TRUE(gone);
}

TEST_F(Processes, OfOneCommandGiveItsExitCodeOrAnErrorThatNamesThePlugin) {
  EXPECT_EQ(carry_out_apart([] { return ExitCode::NegativeVerdict; }), ExitCode::NegativeVerdict);
  try {
    carry_out_apart([]() -> ExitCode {
      const loader::AtWork scoring("scorer 'x'", "was scoring");
      ::_exit(0);
    });
    ADD_FAILURE() << "a command that ended in the middle was taken for done";
  } catch (const PluginError& error) {
    EXPECT_STREQ(error.what(), "the process that computes ended with exit code 0 while scorer 'x' was scoring");
  }
}

}  // namespace
}  // namespace espalier::worker
