// Commands that open a database to whoever works without this program: queries, and files that others read.
#pragma once

#include <espalier/error.h>

#include <cstdint>
#include <string>

#include "commands.h"

namespace espalier::cli {

struct QueryArguments {
  DatabaseArguments database;
  std::string sql;   // -: on stdin
  std::string file;  // instead of it
  std::string format = "terminal";
  double timeout_seconds = 60;  // 0: none
  std::int64_t rows = -1;       // -1: what suits the format; 0: all
};
ExitCode query(const QueryArguments& arguments);

struct ExportArguments {
  DatabaseArguments database;
  std::string csv, parquet;  // folders
  std::string datasette;     // a file
  bool json = false;
};
ExitCode export_files(const ExportArguments& arguments);

Deed add_query(CLI::App& app);
Deed add_export(CLI::App& app);

}  // namespace espalier::cli
