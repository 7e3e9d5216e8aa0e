// The commands verify and published: tables that papers printed, beside what was measured here.
#pragma once

#include <espalier/error.h>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "commands.h"

namespace espalier::cli {

struct VerifyArguments {
  DatabaseArguments database;
  std::string reference;                      // a file or the name of a table that ships; empty: the database alone
  std::vector<std::string> models, datasets;  // THEIRS=OURS
  double tolerance = -1;                      // below 0: calculated
  double distance = 0.5;
  bool json = false;
  std::string format = "terminal";
  // Of a bundle: cells that are computed again, chosen by the seed, and how long that may take.
  int reruns = 0;
  std::string time_limit;
  std::uint64_t seed = 0;
};
ExitCode verify(const VerifyArguments& arguments);

// A published table's file, and what `verify DB TABLE --json` prints of it, for the page. Of the arguments it takes database,
// reference, models and datasets.
struct JudgedTable {
  std::string file, json;
};
JudgedTable judged_table(const VerifyArguments& arguments);

struct PublishedArguments {
  std::string name;  // empty: all that ship are listed
  std::vector<std::string> only;
  bool check = false;
  bool json = false;
};
ExitCode published(const PublishedArguments& arguments);

// What the models and data sets of a published table are called here, as THEIRS=OURS.
void add_own_names(CLI::App& app, std::vector<std::string>& models, std::vector<std::string>& datasets);

Deed add_verify(CLI::App& app);
Deed add_published(CLI::App& app);

}  // namespace espalier::cli
