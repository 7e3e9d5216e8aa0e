// One open database: the settings every connection needs, the schema brought up to date, errors in our words.
#pragma once

#include <SQLiteCpp/SQLiteCpp.h>
#include <espalier/error.h>

#include <filesystem>
#include <map>
#include <memory>
#include <string>

#include "store/result_store.h"

namespace espalier::store {

struct ResultStore::State {
  std::filesystem::path file;
  std::unique_ptr<SQLite::Database> database;
  std::map<std::string, std::unique_ptr<SQLite::Statement>> statements;

  // A prepared statement, reset and without bindings. Made once.
  SQLite::Statement& statement(const std::string& sql);
};

// Seconds since 1970, as leases and times of attempts are kept.
double now_seconds();

// What SQLite says, as a sentence with the file and what to do.
[[noreturn]] void throw_translated(const std::filesystem::path& file, const SQLite::Exception& error);

// Runs `call`, with SQLite's errors in our words.
template <typename Call>
auto translated(const std::filesystem::path& file, const Call& call) {
  try {
    return call();
  } catch (const SQLite::Exception& error) {
    throw_translated(file, error);
  }
}

std::unique_ptr<SQLite::Database> open_database(const std::filesystem::path& file, Mode mode);

}  // namespace espalier::store
