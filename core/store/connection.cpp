#include "connection.h"

#include <SQLiteCpp/Backup.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include "coded/scan.h"
#include "file_system.h"
#include "schema.h"
#include "store/worker_name.h"
#include "views.h"

namespace espalier::store {
namespace {

namespace fs = std::filesystem;

constexpr int busy_timeout_milliseconds = 30000;
constexpr int oldest_sqlite = 3037000;  // STRICT tables

// Waits before a lock that another process holds is tried again, for the `times`-th time; 0: no longer. Transactions take a
// fraction of a millisecond, and SQLite's own waiting begins with a whole one.
int wait_for_lock(void*, int times) {
  constexpr int quick = 20, slower = 100, most = slower + busy_timeout_milliseconds / 10;
  if (times >= most) return 0;
  ::usleep(times < quick ? 100 : times < slower ? 1000 : 10000);
  return 1;
}

// After a commit: brings the log into the database whenever it has grown by so many pages. SQLite's own way does so after every
// commit once the log is that long, which beside other workers it stays: two syncs of the disk a cell. What cannot be brought
// home now, or fails, is tried again later; the commit stands.
int bring_home_now_and_then(void*, sqlite3* database, const char* name, int pages) {
  constexpr int every_pages = 4000;
  static std::mutex lock;
  static std::map<sqlite3*, int> brought_home;  // by connection: how long the log was then
  {
    const std::lock_guard guard(lock);
    auto& before = brought_home[database];
    if (pages < before) before = 0;  // the log began anew
    if (pages - before < every_pages) return SQLITE_OK;
    before = pages;
  }
  sqlite3_wal_checkpoint_v2(database, name, SQLITE_CHECKPOINT_PASSIVE, nullptr, nullptr);
  return SQLITE_OK;
}

// What SQLite is told to open. It may take a name that begins with "file:" for a URI, and ":memory:" or nothing for no
// file at all; a relative path that says where it starts is a path.
std::string name_for_sqlite(const fs::path& file) {
  return file.is_absolute() ? file.string() : std::string("./").append(file.string());
}

std::int64_t pragma(SQLite::Database& database, const char* name) {
  return database.execAndGet(std::string("PRAGMA ") + name).getInt64();
}

void refuse_foreign(SQLite::Database& database, const fs::path& file) {
  // Both in one snapshot: between the two another process may make the schema.
  SQLite::Transaction snapshot(database);
  const auto id = pragma(database, "application_id");
  const auto tables = database.execAndGet("SELECT count(*) FROM sqlite_master").getInt64();
  if (id == application_id || (id == 0 && tables == 0)) return;
  throw StoreError(file.string() + ": is a database of another program (application id " + std::to_string(id) +
                   ", expected " + std::to_string(application_id) + ")\n    choose another file with --db");
}

void refuse_newer(SQLite::Database& database, const fs::path& file) {
  const auto found = pragma(database, "user_version");
  const auto known = static_cast<std::int64_t>(migrations().size());
  if (found <= known) return;
  throw StoreError(file.string() + ": has schema version " + std::to_string(found) +
                   ", this program knows versions up to " + std::to_string(known) +
                   "\n    use the Espalier that wrote it, or a newer one");
}

void bring_views_up_to_date(SQLite::Database& database) {
  if (has_current_views(database)) return;
  SQLite::Transaction transaction(database, SQLite::TransactionBehavior::IMMEDIATE);
  make_views(database);
  transaction.commit();
}

// Each step in a transaction of its own; whoever comes second finds the work done.
void apply_migrations(SQLite::Database& database) {
  const auto known = static_cast<std::int64_t>(migrations().size());
  while (true) {
    SQLite::Transaction transaction(database, SQLite::TransactionBehavior::IMMEDIATE);
    const auto version = pragma(database, "user_version");
    if (version >= known) break;
    database.exec(migrations()[static_cast<std::size_t>(version)].sql);
    database.exec("PRAGMA user_version = " + std::to_string(version + 1));
    database.exec("PRAGMA application_id = " + std::to_string(application_id));
    transaction.commit();
  }
  bring_views_up_to_date(database);
}

void migrate(SQLite::Database& database, const fs::path& file) {
  const auto before = pragma(database, "user_version");
  if (before > 0 && before < static_cast<std::int64_t>(migrations().size())) {
    const auto backup = file.string() + ".version-" + std::to_string(before);
    std::error_code ignored;
    if (!fs::exists(backup, ignored)) {
      SQLite::Statement copy(database, "VACUUM INTO ?");
      const auto part = backup + ".part";
      fs::remove(part, ignored);
      copy.bind(1, name_for_sqlite(part));
      copy.exec();
      fs::rename(part, backup, ignored);
    }
  }
  apply_migrations(database);
}

bool is_up_to_date(SQLite::Database& database) {
  return pragma(database, "user_version") == static_cast<std::int64_t>(migrations().size()) &&
         has_current_views(database);
}

// A database of an earlier version, or with earlier views, that is only read stays as it is: what is read is a copy in
// memory, brought up to date.
std::unique_ptr<SQLite::Database> up_to_date_copy(SQLite::Database& database) {
  auto copy = std::make_unique<SQLite::Database>(":memory:", SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE);
  SQLite::Backup backup(*copy, database);
  backup.executeStep();
  copy->exec("PRAGMA trusted_schema = OFF");
  apply_migrations(*copy);
  return copy;
}

std::unique_ptr<SQLite::Database> open_to_read(const fs::path& file) {
  const auto check = [](SQLite::Database& database) {
    database.exec("PRAGMA trusted_schema = OFF");
    database.execAndGet("SELECT count(*) FROM sqlite_master");
  };
  // Who reads does so in one thread; SQLite's lock around every look at a column would take as long as the look.
  const int how = SQLite::OPEN_READONLY | SQLite::OPEN_NOMUTEX;
  try {
    auto database = std::make_unique<SQLite::Database>(name_for_sqlite(file), how, busy_timeout_milliseconds);
    check(*database);
    return database;
  } catch (const SQLite::Exception& error) {
    const bool cannot_make_log = error.getErrorCode() == SQLITE_CANTOPEN || error.getErrorCode() == SQLITE_READONLY;
    if (!cannot_make_log) throw;
  }
  // A folder that may not be written has no place for the shared memory of the write-ahead log, and no writer either.
  // What a killed writer left in the log could then not be seen: better no answer than half of one.
  const auto log = file.string() + "-wal";
  std::error_code absent;
  if (const auto bytes = fs::file_size(log, absent); !absent && bytes > 0) {
    throw StoreError(file.string() + ": cannot be read here: '" + fs::path(log).filename().string() +
                     "' holds results that are not in it yet, and the folder is read-only\n    copy both files to a "
                     "folder that can be written, and read them there");
  }
  // An absolute path follows an empty authority: without one, a path that begins with // would be read as a host.
  std::string uri = file.is_absolute() ? "file://" : "file:";
  for (const char c : name_for_sqlite(file)) {
    if (c == '%' || c == '?' || c == '#') {
      constexpr char digits[] = "0123456789ABCDEF";
      const auto byte = static_cast<unsigned char>(c);
      uri += {'%', digits[byte >> 4], digits[byte & 15]};
    } else {
      uri += c;
    }
  }
  auto database = std::make_unique<SQLite::Database>(uri + "?mode=ro&immutable=1", how | SQLite::OPEN_URI,
                                                     busy_timeout_milliseconds);
  check(*database);
  return database;
}

// Turning the log on needs the file for oneself for a moment, and SQLite does not wait for that on its own.
std::string write_ahead_log(SQLite::Database& database) {
  for (int waited_milliseconds = 0;; waited_milliseconds += 10) {
    try {
      return database.execAndGet("PRAGMA journal_mode = WAL").getString();
    } catch (const SQLite::Exception& error) {
      if (error.getErrorCode() != SQLITE_BUSY || waited_milliseconds >= busy_timeout_milliseconds) throw;
    }
    usleep(10000);
  }
}

void refuse_network(const fs::path& file) {
  const auto network = network_file_system(file.parent_path());
  if (network.empty()) return;
  throw StoreError(
      file.string() + ": lies on a network file system (" + network +
      "), where several writers corrupt a database\n    put it on a local disk with --db, or have each task write a "
      "shard of its own:\n    'espalier submit FILE' plans them, 'espalier worker PLAN --shard I/N' "
      "computes one, and 'espalier merge DB SHARD...' brings them home");
}

void use_write_ahead_log(SQLite::Database& database, const fs::path& file) {
  const auto journal = write_ahead_log(database);
  if (journal != "wal") {
    throw StoreError(file.string() + ": cannot be used by several processes here (journal mode '" + journal +
                     "', expected 'wal')\n    put it on a local disk with --db");
  }
  // What was said to be finished is on the disk: the log is synced with each commit, and so outlives a power cut too.
  database.exec("PRAGMA synchronous = FULL");
  sqlite3_wal_hook(database.getHandle(), bring_home_now_and_then, nullptr);
  database.exec("PRAGMA foreign_keys = ON");
  database.exec("PRAGMA trusted_schema = OFF");
  database.exec("PRAGMA cache_size = -65536");  // kB, taken as it is needed: keys lie all over an index
}

std::string aside_prefix(const fs::path& file) {
  return std::string(".").append(file.filename().string()).append(".new-");
}

// What processes that were killed while they made this database left beside it.
void remove_abandoned(const fs::path& file) {
  const auto prefix = aside_prefix(file);
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(file.has_parent_path() ? file.parent_path() : ".", ignored)) {
    const auto name = entry.path().filename().string();
    if (!name.starts_with(prefix)) continue;
    const auto maker = name.substr(prefix.size(), name.find('~', prefix.size()) - prefix.size());
    if (whereabouts(maker) == Whereabouts::Gone) fs::remove(entry.path(), ignored);
  }
}

// Gives `aside` its name unless something has it already: somebody else was faster, and theirs is as good.
void put_in_place(const fs::path& aside, const fs::path& file) {
  std::error_code ignored;
  if (::link(aside.c_str(), file.c_str()) == 0 || errno == EEXIST) {
    fs::remove(aside, ignored);
    return;
  }
  // No hard links here: a rename that does not replace.
  if (::renameat2(AT_FDCWD, aside.c_str(), AT_FDCWD, file.c_str(), RENAME_NOREPLACE) == 0) return;
  const auto reason = errno;
  if (reason == EINVAL && !fs::exists(file, ignored)) fs::rename(aside, file, ignored);
  fs::remove(aside, ignored);
  if (fs::exists(file, ignored)) return;
  throw StoreError(file.string() + ": cannot be made: " + std::strerror(reason) +
                   "\n    choose another file with --db");
}

// Made under another name with all of its schema, then given its own: killed at any moment, this leaves no database or a
// whole one.
void make_aside(const fs::path& file) {
  static std::atomic<int> made{0};
  const fs::path aside =
      file.parent_path() / (aside_prefix(file) + this_worker_name() + "~" + std::to_string(made.fetch_add(1)));
  try {
    {
      SQLite::Database database(name_for_sqlite(aside), SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE,
                                busy_timeout_milliseconds);
      use_write_ahead_log(database, file);
      apply_migrations(database);
    }
    put_in_place(aside, file);
  } catch (...) {
    std::error_code ignored;
    for (const auto* suffix : {"", "-wal", "-shm", "-journal"}) fs::remove(aside.string() + suffix, ignored);
    throw;
  }
}

std::unique_ptr<SQLite::Database> open_to_write(const fs::path& file, bool may_create) {
  refuse_network(file);
  std::error_code ignored;
  if (may_create) {
    remove_abandoned(file);
    if (!fs::exists(file, ignored)) make_aside(file);
  }
  auto database = std::make_unique<SQLite::Database>(name_for_sqlite(file),
                                                     SQLite::OPEN_READWRITE | (may_create ? SQLite::OPEN_CREATE : 0),
                                                     busy_timeout_milliseconds);
  sqlite3_busy_handler(database->getHandle(), wait_for_lock, nullptr);
  refuse_foreign(*database, file);
  refuse_newer(*database, file);
  use_write_ahead_log(*database, file);
  migrate(*database, file);
  return database;
}

}  // namespace

Unsynced::Unsynced(ResultStore::State& state) : state_(state) { state_.database->exec("PRAGMA synchronous = NORMAL"); }

// Where it cannot be said, which needs no disk, commits stay as they are, and the next opening says it again.
Unsynced::~Unsynced() { state_.database->tryExec("PRAGMA synchronous = FULL"); }

SQLite::Statement& ResultStore::State::statement(const std::string& sql) {
  auto& prepared = statements[sql];
  if (!prepared) prepared = std::make_unique<SQLite::Statement>(*database, sql);
  prepared->tryReset();  // a statement that failed says so again
  prepared->clearBindings();
  return *prepared;
}

void throw_translated(const fs::path& file, const SQLite::Exception& error) {
  const auto name = file.string();
  switch (error.getErrorCode()) {
    case SQLITE_NOTADB:
      throw StoreError(name + ": is no SQLite database\n    choose another file with --db, or move this one away");
    case SQLITE_CORRUPT:
      throw StoreError(name + ": the database is damaged (" + error.what() + ")\n    copy what can be read: sqlite3 " +
                       name + " .recover | sqlite3 recovered.db");
    case SQLITE_FULL:
      throw StoreError(
          name +
          ": cannot be written: the disk is full\n    free some space and run the same command again: what "
          "was recorded is kept");
    case SQLITE_READONLY:
      throw StoreError(name +
                       ": cannot be written: the file or its folder is read-only\n    choose another file with --db");
    case SQLITE_CANTOPEN:
      throw StoreError(
          name +
          ": cannot be opened: the file or its folder cannot be read or written\n    choose another file with --db");
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      throw StoreError(name + ": another program has kept the database locked for " +
                       std::to_string(busy_timeout_milliseconds / 1000) +
                       " s\n    end it and run the same command again");
    case SQLITE_IOERR:
      throw StoreError(name + ": reading or writing failed (" + error.what() +
                       ")\n    check the disk, its space and its limits, then "
                       "run the same command again: what was recorded is kept");
    default: throw StoreError(name + ": the database refused (" + error.what() + ")");
  }
}

Rows rows_of(SQLite::Statement& statement) {
  Rows rows;
  const int columns = statement.getColumnCount();
  for (int i = 0; i < columns; ++i) rows.columns.push_back(statement.getColumnName(i));
  while (statement.executeStep()) {
    auto& row = rows.rows.emplace_back();
    row.reserve(static_cast<std::size_t>(columns));
    for (int i = 0; i < columns; ++i) row.push_back(value_in(statement.getColumn(i)));
  }
  return rows;
}

std::unique_ptr<SQLite::Database> open_database(const fs::path& file, Mode mode) {
  if (sqlite3_libversion_number() < oldest_sqlite) {
    throw StoreError(std::string("SQLite ") + sqlite3_libversion() + " is too old: 3.37 or newer is needed");
  }
  std::error_code failed;
  if (fs::is_directory(file, failed)) throw StoreError(file.string() + ": is a folder, expected a database file");
  if (mode != Mode::Create && !fs::exists(file, failed)) {
    throw StoreError(file.string() + ": does not exist\n    'espalier run FILE' makes it");
  }
  if (mode == Mode::Create && !file.parent_path().empty()) {
    fs::create_directories(file.parent_path(), failed);
    if (failed) {
      throw StoreError(file.string() + ": its folder cannot be made: " + failed.message() +
                       "\n    choose another file with --db");
    }
  }
  return translated(file, [&] {
    if (mode != Mode::ReadOnly) return open_to_write(file, mode == Mode::Create);
    auto database = open_to_read(file);
    refuse_other_schemas(*database, file);
    return is_up_to_date(*database) ? std::move(database) : up_to_date_copy(*database);
  });
}

void refuse_other_schemas(SQLite::Database& database, const fs::path& file) {
  refuse_foreign(database, file);
  refuse_newer(database, file);
  if (pragma(database, "user_version") != 0) return;
  throw StoreError(file.string() +
                   ": is empty: nothing was ever recorded in it\n    'espalier run FILE' fills it, or remove it");
}

bool bring_up_to_date(SQLite::Database& database) {
  if (is_up_to_date(database)) return false;
  apply_migrations(database);
  return true;
}

}  // namespace espalier::store
