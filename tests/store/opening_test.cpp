// Files that are no database of ours, folders that cannot be written, disks that are full: a sentence each.
#include <espalier/error.h>
#include <gtest/gtest.h>
#include <sqlite3.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <iostream>

#include "sample_cells.h"
#include "schema.h"
#include "support/message_of.h"
#include "support/temp_dir.h"

namespace espalier::store {
namespace {

using test::message_of;
using test::sample_cells;
using test::sample_experiment;

void run_sql(const std::filesystem::path& file, const std::string& sql) {
  sqlite3* database = nullptr;
  ASSERT_EQ(sqlite3_open(file.c_str(), &database), SQLITE_OK);
  EXPECT_EQ(sqlite3_exec(database, sql.c_str(), nullptr, nullptr, nullptr), SQLITE_OK) << sqlite3_errmsg(database);
  sqlite3_close(database);
}

std::string refusal(const std::filesystem::path& file, Mode mode) {
  auto message = message_of<StoreError>([&] { const ResultStore store(file, mode); });
  EXPECT_TRUE(message.starts_with(file.string() + ": ")) << message;
  return message;
}

TEST(Opening, MakesADatabaseAndItsFolders) {
  const test::TempDir folder;
  const auto file = folder / "a/b/results.db";

  { const ResultStore store(file, Mode::Create); }

  EXPECT_EQ(ResultStore(file, Mode::ReadOnly).counts("").cells, 0);
  EXPECT_EQ(ResultStore(file, Mode::ReadWrite).counts("").cells, 0);
}

TEST(Opening, RefusesAMissingFile) {
  const test::TempDir folder;

  EXPECT_NE(refusal(folder / "none.db", Mode::ReadOnly).find("does not exist"), std::string::npos);
  EXPECT_NE(refusal(folder / "none.db", Mode::ReadWrite).find("does not exist"), std::string::npos);
  EXPECT_FALSE(std::filesystem::exists(folder / "none.db"));
}

TEST(Opening, RefusesAFolder) {
  const test::TempDir folder;

  for (const auto mode : {Mode::ReadOnly, Mode::ReadWrite, Mode::Create}) {
    EXPECT_NE(refusal(folder.path(), mode).find("is a folder"), std::string::npos);
  }
}

TEST(Opening, RefusesWhatIsNoDatabaseAndLeavesItAsItWas) {
  const test::TempDir folder;
  const std::string text =
      "a text file that is longer than the header of a database, so that it is read as one: " + std::string(200, 'x');
  const auto file = folder.write("notes.db", text);

  for (const auto mode : {Mode::ReadOnly, Mode::ReadWrite, Mode::Create}) {
    EXPECT_NE(refusal(file, mode).find("is no SQLite database"), std::string::npos) << refusal(file, mode);
  }
  EXPECT_EQ(std::filesystem::file_size(file), text.size());
}

TEST(Opening, RefusesAnotherProgramsDatabase) {
  const test::TempDir folder;
  const auto file = folder / "other.db";
  run_sql(file, "PRAGMA application_id = 42; CREATE TABLE thing (a)");

  for (const auto mode : {Mode::ReadOnly, Mode::ReadWrite, Mode::Create}) {
    EXPECT_NE(refusal(file, mode).find("another program"), std::string::npos);
  }
}

TEST(Opening, RefusesANewerSchema) {
  const test::TempDir folder;
  const auto file = folder / "results.db";
  { const ResultStore store(file, Mode::Create); }
  run_sql(file, "PRAGMA user_version = 99");

  for (const auto mode : {Mode::ReadOnly, Mode::ReadWrite}) {
    EXPECT_NE(refusal(file, mode).find("schema version 99"), std::string::npos);
  }
}

TEST(Opening, RefusesAFolderThatCannotBeWritten) {
  // Not even root makes files below /proc.
  EXPECT_FALSE(refusal("/proc/x/results.db", Mode::Create).empty());
  EXPECT_FALSE(refusal("/proc/results.db", Mode::Create).empty());
}

TEST(Opening, ReadsFilesWhoseNamesHoldSigns) {
  const test::TempDir folder;
  const auto file = folder / "50%?#'\".db";

  { ResultStore(file, Mode::Create).insert(sample_experiment(), sample_cells(1), false); }

  EXPECT_EQ(ResultStore(file, Mode::ReadOnly).counts("demo").cells, 1);
}

// A limit of the file size stands in for a disk that fills up; in a child, whose limits end with it.
TEST(Opening, OfADatabaseOnAFullDiskStillWorksAfterwards) {
  const test::TempDir folder;
  const auto file = folder / "results.db";
  { ResultStore(file, Mode::Create).insert(sample_experiment(), sample_cells(10), false); }

  const pid_t child = ::fork();
  if (child == 0) {
    ::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{200000, 200000};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    try {
      ResultStore(file, Mode::ReadWrite).insert(sample_experiment("large"), sample_cells(20000), false);
    } catch (const StoreError& error) {
      ::_exit(std::string(error.what()).starts_with(file.string() + ": ") ? 4 : 1);
    }
    ::_exit(0);
  }
  int status = 0;
  ::waitpid(child, &status, 0);

  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 4);
  ResultStore store(file, Mode::ReadWrite);
  EXPECT_EQ(store.counts("").cells, 10);
  EXPECT_EQ(store.insert(sample_experiment("large"), sample_cells(100), false).added, 90);
}

// As nobody, since root writes everywhere; in a child, so that the test stays who it is.
TEST(Opening, RefusesToShowHalfOfADatabaseWhoseLogCannotBeRead) {
  const test::TempDir folder;
  const auto file = folder / "results.db";
  {
    ResultStore store(file, Mode::Create);
    store.insert(sample_experiment(), sample_cells(5), false);
    // Copied while it is open, as it lies after a kill: the log holds what was inserted.
    std::filesystem::create_directory(folder / "killed");
    for (const char* suffix : {"", "-wal"}) {
      std::filesystem::copy(file.string() + suffix, (folder / "killed/results.db").string() + suffix);
    }
  }
  const auto killed = folder / "killed/results.db";
  ASSERT_GT(std::filesystem::file_size(killed.string() + "-wal"), 0U);
  using std::filesystem::perms;
  std::filesystem::permissions(folder.path(), perms(0755));
  std::filesystem::permissions(folder / "killed", perms(0555));

  const pid_t child = ::fork();
  if (child == 0) {
    if (::geteuid() == 0 && ::setuid(65534) != 0) ::_exit(2);
    try {
      const ResultStore store(killed, Mode::ReadOnly);
    } catch (const StoreError& error) {
      ::_exit(std::string(error.what()).find("'results.db-wal' holds results that are not in it yet") ==
                      std::string::npos
                  ? 3
                  : 4);
    }
    ::_exit(0);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  std::filesystem::permissions(folder / "killed", perms(0755));

  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 4);
  EXPECT_EQ(ResultStore(killed, Mode::ReadOnly).counts("demo").cells, 5);
}

// The memory that the killed writer shared with others lies beside the log: then the log can be read, and is.
TEST(Opening, ReadsTheLogOfAKilledWriterInAReadOnlyFolder) {
  const test::TempDir folder;
  const auto file = folder / "results.db";
  {
    ResultStore store(file, Mode::Create);
    store.insert(sample_experiment(), sample_cells(5), false);
    std::filesystem::create_directory(folder / "killed");
    for (const char* suffix : {"", "-wal", "-shm"})
      std::filesystem::copy(file.string() + suffix, (folder / "killed/results.db").string() + suffix);
  }
  const auto killed = folder / "killed/results.db";
  using std::filesystem::perms;
  std::filesystem::permissions(folder.path(), perms(0755));
  std::filesystem::permissions(folder / "killed", perms(0555));

  const pid_t child = ::fork();
  if (child == 0) {
    if (::geteuid() == 0 && ::setuid(65534) != 0) ::_exit(100);
    try {
      ::_exit(static_cast<int>(ResultStore(killed, Mode::ReadOnly).counts("demo").cells));
    } catch (const StoreError&) {
      ::_exit(101);
    }
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  std::filesystem::permissions(folder / "killed", perms(0755));

  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 5);
}

// Any path is a path: nothing in it is a host, a query or a scheme.
TEST(Opening, TakesAnyPathForAPath) {
  const test::TempDir folder;
  const auto before = std::filesystem::current_path();
  std::filesystem::current_path(folder.path());
  std::filesystem::create_directory("file:odd");
  const std::vector<std::string> names = {"file:odd/uri.db", "file:plain.db",
                                          ":memory:",        "a?mode=ro.db",
                                          "b%41#c.db",       "/" + (folder / "two slashes.db").string()};
  for (const auto& name : names) {
    { ResultStore(name, Mode::Create).insert(sample_experiment(), sample_cells(1), false); }
    EXPECT_TRUE(std::filesystem::is_regular_file(name)) << name;
    EXPECT_EQ(ResultStore(name, Mode::ReadOnly).counts("demo").cells, 1) << name;
  }
  std::filesystem::current_path(before);
  EXPECT_FALSE(std::filesystem::exists(folder / "odd"));
  EXPECT_FALSE(std::filesystem::exists(folder / "uri.db"));
}

// As nobody, in a folder that may not be written: then SQLite is given a URI.
TEST(Opening, TakesAnyPathForAPathOnReadOnlyMedia) {
  const test::TempDir folder;
  std::filesystem::create_directory(folder / "ro");
  const auto file = folder / "ro" / "50%?#.db";
  { ResultStore(file, Mode::Create).insert(sample_experiment(), sample_cells(3), false); }
  using std::filesystem::perms;
  std::filesystem::permissions(folder.path(), perms(0755));
  std::filesystem::permissions(file, perms(0444));
  std::filesystem::permissions(folder / "ro", perms(0555));

  const pid_t child = ::fork();
  if (child == 0) {
    if (::geteuid() == 0 && ::setuid(65534) != 0) ::_exit(2);
    for (const auto& path : {file.string(), "/" + file.string(), "//" + file.string()}) {
      try {
        if (ResultStore(path, Mode::ReadOnly).counts("demo").cells != 3) ::_exit(3);
      } catch (const StoreError& error) {
        std::cerr << error.what() << std::endl;
        ::_exit(4);
      }
    }
    ::_exit(0);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  std::filesystem::permissions(folder / "ro", perms(0755));

  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

TEST(Opening, SaysThatAnEmptyFileIsEmpty) {
  const test::TempDir folder;
  const auto file = folder.write("results.db", "");

  EXPECT_NE(refusal(file, Mode::ReadOnly).find("is empty: nothing was ever recorded in it"), std::string::npos);
}

// Whoever looks finds no database or a whole one, whenever its maker is killed; what it left aside goes with the next.
TEST(Opening, OfADatabaseThatIsBeingMadeFindsNoneOrAWholeOne) {
  const test::TempDir folder;
  int found = 0;
  for (int round = 0; round < 40; ++round) {
    const auto file = folder / ("results" + std::to_string(round) + ".db");
    const pid_t child = ::fork();
    if (child == 0) {
      const ResultStore store(file, Mode::Create);
      ::pause();
    }
    ::usleep(static_cast<useconds_t>(4000 * round));
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
    if (std::filesystem::exists(file)) {
      ++found;
      EXPECT_EQ(ResultStore(file, Mode::ReadOnly).counts("").cells, 0) << round;
    }
    { const ResultStore store(file, Mode::Create); }
    for (const auto& entry : std::filesystem::directory_iterator(folder.path()))
      EXPECT_EQ(entry.path().filename().string().find(".new-"), std::string::npos) << entry.path();
  }
  std::cout << found << " of 40 were there when their maker was killed\n";
}

TEST(Migrations, BringAnEmptyFileToTheNewestVersion) {
  const test::TempDir folder;
  const auto file = folder.write("results.db", "");

  const ResultStore store(file, Mode::ReadWrite);

  EXPECT_EQ(store.counts("").cells, 0);
  EXPECT_EQ(migrations().size(), 7U);
}

// Takes back what the fifth, sixth and seventh migration add. Views are made anew by whoever opens the database.
void to_version_4(const std::filesystem::path& file) {
  std::string sql =
      "DROP INDEX experiment_cell_state; CREATE INDEX experiment_cell_state ON experiment_cell (experiment_id, state, "
      "position); DROP VIEW latencies; DROP VIEW ablation; DROP VIEW points; DROP VIEW cells; DROP INDEX "
      "experiment_cell_next; "
      "DROP "
      "INDEX experiment_cell_group; DROP INDEX cell_at_work; DROP TABLE run; DROP TABLE worker; DROP TABLE shard; DROP "
      "TABLE numbers; DROP "
      "TABLE point_numbers;";
  for (const char* column :
       {"experiment_cell DROP COLUMN rank", "experiment_cell DROP COLUMN base_group",
        "experiment_cell DROP COLUMN score_group", "cell DROP COLUMN base_group", "cell DROP COLUMN score_group",
        "cell DROP COLUMN batch_halvings", "attempt DROP COLUMN reason", "attempt DROP COLUMN device",
        "attempt DROP COLUMN batch_halvings", "attempt DROP COLUMN peak_memory_bytes", "experiment DROP COLUMN paused",
        "experiment DROP COLUMN limits", "latency DROP COLUMN dense_joules", "latency DROP COLUMN pruned_joules",
        "latency DROP COLUMN energy_source", "latency DROP COLUMN dense_peak_bytes",
        "latency DROP COLUMN pruned_peak_bytes", "latency DROP COLUMN outliers"})
    sql += std::string("ALTER TABLE ") + column + ";";
  run_sql(file,
          sql +
              "CREATE INDEX experiment_cell_asked ON experiment_cell (experiment_id, position) WHERE asked = 1 AND "
              "state = 'waiting'; DROP INDEX cell_finished; PRAGMA user_version = 4");
}

// And what the third and the fourth migration add: tables and columns; the views of that time are those of the migrations.
void to_version_2(const std::filesystem::path& file) {
  to_version_4(file);
  run_sql(file,
          "DROP INDEX "
          "experiment_cell_asked; ALTER TABLE experiment_cell DROP COLUMN current; ALTER TABLE experiment_cell "
          "DROP COLUMN asked; ALTER TABLE cell DROP COLUMN source_id; DROP TABLE source; ALTER TABLE point DROP COLUMN "
          "heads_kept; "
          "ALTER TABLE point DROP COLUMN evaluations; ALTER TABLE point DROP COLUMN flops; "
          "ALTER TABLE point DROP COLUMN multiply_adds");
  const std::string first = migrations()[0].sql, second = migrations()[1].sql;
  run_sql(file, first.substr(first.find("CREATE VIEW cells")) + second.substr(second.find("CREATE VIEW latencies")) +
                    "PRAGMA user_version = 2");
}

// A database made by the schema of that time, word for word, is read as it is, and brought up to date when it is written.
TEST(Migrations, OpenADatabaseOfVersion2) {
  const test::TempDir folder;
  const auto file = folder / "results.db";
  for (const auto* sql : {migrations()[0].sql, migrations()[1].sql}) run_sql(file, sql);
  run_sql(file,
          "PRAGMA user_version = 2; PRAGMA application_id = 1165193324; PRAGMA journal_mode = WAL;"
          "INSERT INTO experiment VALUES (1, 'demo', 'q', 'demo.toml', 'd', 0);"
          "INSERT INTO cell (id, key, granularity, scorer_plugin, budget, requested, seed, base_seed, state, "
          "settings) VALUES (1, 'k0', 'head', 'magnitude', 'sparsity', 0.5, 0, 0, 'done', '{}'), "
          "(2, 'k1', 'head', 'magnitude', 'sparsity', 0.5, 1, 0, 'waiting', '{}');"
          "INSERT INTO experiment_cell (experiment_id, cell_id, position, state) VALUES (1, 1, 0, 'done'), "
          "(1, 2, 1, 'waiting')");
  const auto bytes = std::filesystem::file_size(file);

  {
    const ResultStore store(file, Mode::ReadOnly);
    EXPECT_EQ(store.counts("demo").done, 1);
    EXPECT_EQ(store.counts("demo").waiting, 1);
    EXPECT_EQ(store.counts("demo").not_asked, 0);
    EXPECT_EQ(store.cells("demo").rows.size(), 2U);
  }
  EXPECT_EQ(std::filesystem::file_size(file), bytes);
  EXPECT_FALSE(std::filesystem::exists(file.string() + ".version-2"));

  ResultStore store(file, Mode::ReadWrite);
  EXPECT_TRUE(std::filesystem::exists(file.string() + ".version-2"));
  EXPECT_EQ(store.claim("demo", "a", 1000)->key, "k1");
}

// A database of version 1 gets its new columns, after a copy, when it is opened for writing.
TEST(Migrations, AddTheColumnsOfLatencyToVersion1) {
  const test::TempDir folder;
  const auto file = folder / "results.db";
  {
    ResultStore store(file, Mode::Create);
    store.insert(sample_experiment(), sample_cells(1), false);
    auto attempt = test::done_attempt(0.8);
    attempt.points[1].latency = {{8, 64, 10.5, 7.25, 50}};
    ASSERT_TRUE(store.finish(*store.claim("demo", "a", 1000), attempt));
  }
  to_version_2(file);
  run_sql(file, "DROP VIEW latencies");
  for (const auto* column : {"ratio", "ratio_low", "ratio_high", "verdict", "threads", "device"})
    run_sql(file, std::string("ALTER TABLE latency DROP COLUMN ") + column);
  run_sql(file, "PRAGMA user_version = 1");

  const auto latency = [](const ResultStore& store) {
    return to_json(store.read("k0"))["attempts"][0]["points"][1]["latency"][0];
  };
  EXPECT_EQ(latency(ResultStore(file, Mode::ReadOnly))["dense_milliseconds"], 10.5);

  const auto migrated = latency(ResultStore(file, Mode::ReadWrite));
  EXPECT_EQ(migrated["dense_milliseconds"], 10.5);
  EXPECT_TRUE(migrated["verdict"].is_null());
  EXPECT_GT(std::distance(std::filesystem::directory_iterator(folder.path()), {}), 1);
  run_sql(file, "SELECT verdict, ratio FROM latencies");
}

}  // namespace
}  // namespace espalier::store
