// Files that are no database of ours, folders that cannot be written, disks that are full: a sentence each.
#include <espalier/error.h>
#include <gtest/gtest.h>
#include <sqlite3.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

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
  EXPECT_EQ(store.insert(sample_experiment("large"), sample_cells(100), false), 90);
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

TEST(Migrations, BringAnEmptyFileToTheNewestVersion) {
  const test::TempDir folder;
  const auto file = folder.write("results.db", "");

  const ResultStore store(file, Mode::ReadWrite);

  EXPECT_EQ(store.counts("").cells, 0);
  EXPECT_EQ(migrations().size(), 2U);
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
  run_sql(file, "DROP VIEW latencies");
  for (const auto* column : {"ratio", "ratio_low", "ratio_high", "verdict", "threads", "device"})
    run_sql(file, std::string("ALTER TABLE latency DROP COLUMN ") + column);
  run_sql(file, "PRAGMA user_version = 1");

  const auto latency = [](const ResultStore& store) {
    return nlohmann::json::parse(store.show("k0"))["attempts"][0]["points"][1]["latency"][0];
  };
  EXPECT_NE(refusal(file, Mode::ReadOnly).find("has an older schema"), std::string::npos);

  const auto migrated = latency(ResultStore(file, Mode::ReadWrite));
  EXPECT_EQ(migrated["dense_milliseconds"], 10.5);
  EXPECT_TRUE(migrated["verdict"].is_null());
  EXPECT_GT(std::distance(std::filesystem::directory_iterator(folder.path()), {}), 1);
  run_sql(file, "SELECT verdict, ratio FROM latencies");
}

}  // namespace
}  // namespace espalier::store
