// Several runs over one database, what limits hold for whom, and databases that are not Espalier's.
#include <SQLiteCpp/SQLiteCpp.h>

#include <chrono>
#include <set>
#include <thread>

#include "cli_fixture.h"

namespace espalier::cli {
namespace {

namespace fs = std::filesystem;

class SharingTest : public CliTest {
 protected:
  // What workers were told: seconds, bytes, attempts; each once.
  std::set<std::string> limits_of_workers() const {
    std::ifstream lines(folder_ / "journal.limits");
    std::set<std::string> found;
    for (std::string line; std::getline(lines, line);) found.insert(line);
    return found;
  }
  std::set<std::string> limits_of_run(const std::string& in_file, std::vector<std::string> options) const {
    write_experiment("limited.toml", "limited", "[0]", "[limits]\n" + in_file);
    fs::remove(folder_ / "results/limited.db");
    fs::remove(folder_ / "journal.limits");
    options.insert(options.begin(), {"run", "limited.toml"});
    const auto ran = espalier(options);
    EXPECT_EQ(ran.exit_code, 0) << ran.err;
    return limits_of_workers();
  }
};

TEST_F(SharingTest, ARunBesideAnotherSaysSoAndEachKeepsItsOwnLimits) {
  write_experiment("tiny.toml", "tiny", "\"0..5\"");
  test::Ran first;
  std::thread beside([&] {
    first = espalier({"run", "tiny.toml", "--only", "seed=0..2", "--cell-timeout", "50min"}, {"FAKE_SLEEP=0.5"});
  });
  while (!fs::exists(folder_ / "journal.limits")) std::this_thread::sleep_for(std::chrono::milliseconds(5));
  const auto second = espalier({"run", "tiny.toml", "--only", "seed=3..5", "--cell-timeout", "1h"}, {"FAKE_SLEEP=0.5"});
  beside.join();
  EXPECT_EQ(first.exit_code, 0) << first.err;
  EXPECT_EQ(second.exit_code, 0) << second.err;
  const std::string note =
      "another run is at work on this experiment: each computes what either was asked for, with its own limits, "
      "threads "
      "and devices";
  EXPECT_CONTAINS(second.err, note);
  EXPECT_EQ(first.err.find(note), std::string::npos) << first.err;
  EXPECT_EQ(limits_of_workers(), (std::set<std::string>{"3000  2", "3600  2"}));
  EXPECT_EQ(json(espalier({"status", "tiny.toml", "--json"})).at("done"), 6);
}

TEST_F(SharingTest, TwoExperimentsOfOneDatabaseComputeACommonCellOnce) {
  write_experiment("other.toml", "other", "[1, 2, 3]");
  test::Ran first;
  std::thread beside([&] { first = espalier({"run", "tiny.toml", "--db", "both.db"}, {"FAKE_SLEEP=0.3"}); });
  while (!fs::exists(folder_ / "both.db")) std::this_thread::sleep_for(std::chrono::milliseconds(5));
  const auto second = espalier({"run", "other.toml", "--db", "both.db"}, {"FAKE_SLEEP=0.3"});
  beside.join();
  EXPECT_EQ(first.exit_code, 0) << first.err;
  EXPECT_EQ(second.exit_code, 0) << second.err;
  SQLite::Database database((folder_ / "both.db").string());
  EXPECT_EQ(database.execAndGet("SELECT count(*) FROM cell").getInt(), 4);
  EXPECT_EQ(database.execAndGet("SELECT count(*) FROM attempt WHERE outcome = 'done'").getInt(), 4);
}

TEST_F(SharingTest, TheCommandsLimitCountsWhetherLaxerOrStricter) {
  const std::string in_file = "cell_timeout = \"10min\"\nattempts = 3\n";
  EXPECT_EQ(limits_of_run(in_file, {}), (std::set<std::string>{"600  3"}));
  EXPECT_EQ(limits_of_run(in_file, {"--cell-timeout", "1h"}), (std::set<std::string>{"3600  3"}));
  EXPECT_EQ(limits_of_run(in_file, {"--cell-timeout", "90s", "--attempts", "5"}), (std::set<std::string>{"90  5"}));
  EXPECT_EQ(limits_of_run(in_file, {"--cell-memory", "1GiB"}), (std::set<std::string>{"600 1073741824 3"}));
}

TEST_F(SharingTest, PruneDbRefusesWhatIsNoDatabaseOfEspaliersAndLeavesItAlone) {
  SQLite::Database((folder_ / "foreign.db").string(), SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE)
      .exec("CREATE TABLE cell (key TEXT); INSERT INTO cell VALUES ('mine')");
  folder_.write("text.db", "no database at all");
  for (const auto* option : {"--yes", "--dry-run"}) {
    const auto foreign = espalier({"prune-db", "foreign.db", option}), text = espalier({"prune-db", "text.db", option});
    EXPECT_EQ(foreign.exit_code, 4);
    EXPECT_TRUE(foreign.err.starts_with("foreign.db: is a database of another program (application id 0, expected "))
        << foreign.err;
    EXPECT_EQ(text.exit_code, 4);
    EXPECT_TRUE(text.err.starts_with("text.db: is no SQLite database\n")) << text.err;
  }
  const auto of_file = espalier({"prune-db", "tiny.toml", "--db", "foreign.db", "--yes"});
  EXPECT_EQ(of_file.exit_code, 4);
  EXPECT_CONTAINS(of_file.err, "foreign.db: is a database of another program");
  SQLite::Database kept((folder_ / "foreign.db").string());
  EXPECT_EQ(kept.execAndGet("SELECT key FROM cell").getString(), "mine");
}

}  // namespace
}  // namespace espalier::cli
