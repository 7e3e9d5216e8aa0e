#include "content.h"

#include <fmt/format.h>
#include <sqlite3.h>

#include <cstring>
#include <string_view>

#include "words/atomic_file.h"
#include "words/digest.h"

namespace espalier::store {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view magic("SQLite format 3\0", 16);
constexpr std::size_t header_bytes = 100, page_size_at = 16, versions_at = 18, page_count_at = 28;

// Which way of writing the file was used last: 2 means a log beside it, and memory has none.
void forget_log(std::string& bytes) {
  if (bytes.size() >= header_bytes) bytes[versions_at] = bytes[versions_at + 1] = 1;
}

std::uint64_t number_at(const std::string& bytes, std::size_t place, std::size_t length) {
  std::uint64_t number = 0;
  for (std::size_t i = 0; i < length; ++i) number = number << 8 | static_cast<unsigned char>(bytes[place + i]);
  return number;
}

constexpr const char* once_more =
    "\n    it may be on its way still, or its task was killed while it wrote: bring it home again from where it was "
    "written";

void refuse_parts(const std::string& bytes, const fs::path& file) {
  if (bytes.empty()) throw StoreError(fmt::format("{}: is empty, expected a shard{}", file.string(), once_more));
  if (bytes.size() < header_bytes || !bytes.starts_with(magic)) {
    throw StoreError(
        fmt::format("{}: is no SQLite database, expected a shard that 'espalier worker' wrote", file.string()));
  }
  const auto page = number_at(bytes, page_size_at, 2);
  const auto whole = (page == 1 ? 65536 : page) * number_at(bytes, page_count_at, 4);
  if (bytes.size() >= whole) return;
  throw StoreError(fmt::format("{}: is cut off: {} bytes of {}{}", file.string(), bytes.size(), whole, once_more));
}

void load(SQLite::Database& database, const char* name, const std::string& bytes, unsigned flags) {
  auto* copy = static_cast<unsigned char*>(sqlite3_malloc64(bytes.size()));
  if (copy == nullptr) throw StoreError("out of memory: a shard does not fit");
  std::memcpy(copy, bytes.data(), bytes.size());
  const auto size = static_cast<sqlite3_int64>(bytes.size());
  if (sqlite3_deserialize(database.getHandle(), name, copy, size, size, SQLITE_DESERIALIZE_FREEONCLOSE | flags) !=
      SQLITE_OK)
    throw SQLite::Exception(database.getHandle());
}

std::string read_bytes(const fs::path& file) {
  std::error_code absent;
  const auto log = file.string() + "-wal";
  if (const auto size = fs::file_size(log, absent); !absent && size > 0) {
    // Its last words are in the log beside it, which only SQLite can read.
    return bytes_of(*open_database(file, Mode::ReadOnly));
  }
  try {
    return read_file(file);
  } catch (const InputError& error) {
    throw StoreError(error.what());
  }
}

}  // namespace

std::string bytes_of(SQLite::Database& database) {
  SQLite::Transaction one_snapshot(database);
  database.execAndGet("SELECT count(*) FROM sqlite_master");
  sqlite3_int64 size = 0;
  auto* copy = sqlite3_serialize(database.getHandle(), "main", &size, 0);
  if (copy == nullptr) throw StoreError("out of memory: a database does not fit");
  std::string bytes(reinterpret_cast<const char*>(copy), static_cast<std::size_t>(size));
  sqlite3_free(copy);
  forget_log(bytes);
  return bytes;
}

ShardContent read_shard(const fs::path& file) {
  ShardContent content{read_bytes(file), ""};
  content.digest = sha256_hex(content.bytes);
  return content;
}

void check(ShardContent& content, const fs::path& file) {
  refuse_parts(content.bytes, file);
  forget_log(content.bytes);
  translated(file, [&] {
    SQLite::Database memory(":memory:", SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE);
    load(memory, "main", content.bytes, SQLITE_DESERIALIZE_RESIZEABLE);
    memory.exec("PRAGMA trusted_schema = OFF");
    refuse_other_schemas(memory, file);
    if (const auto verdict = memory.execAndGet("PRAGMA quick_check(1)").getString(); verdict != "ok")
      throw StoreError(fmt::format("{}: is damaged ({}){}", file.string(), verdict, once_more));
    if (bring_up_to_date(memory)) content.bytes = bytes_of(memory);
  });
}

Attached::Attached(ResultStore::State& state, const std::string& bytes) : state_(state) {
  state_.database->exec("ATTACH ':memory:' AS theirs");
  try {
    // Not as read-only: a transaction that is to write begins with a lock of every database of the connection.
    load(*state_.database, "theirs", bytes, 0);
  } catch (...) {
    state_.database->tryExec("DETACH theirs");
    throw;
  }
}

Attached::~Attached() {
  state_.statements.clear();  // a statement that is at work would hold on to it
  state_.database->tryExec("DETACH theirs");
}

}  // namespace espalier::store
