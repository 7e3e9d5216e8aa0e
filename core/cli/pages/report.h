// What `report` is asked: a database as one HTML page.
#pragma once

#include <espalier/error.h>

#include <string>
#include <vector>

#include "commands.h"

namespace espalier::cli {

struct ReportArguments {
  DatabaseArguments database;
  std::string output;                         // -: on stdout
  std::string verdicts;                       // a file
  std::string reference;                      // a published table: a file, or the name of one that ships
  std::vector<std::string> models, datasets;  // of it: THEIRS=OURS
  std::vector<std::string> comparisons;       // files
  bool without_sql = false;
};
ExitCode report(const ReportArguments& arguments);

Deed add_report(CLI::App& app);

}  // namespace espalier::cli
