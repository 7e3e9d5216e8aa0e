// A database with all that is needed to believe and to repeat it, as one archive, and such an archive looked at again.
#pragma once

#include <espalier/error.h>

#include <cstdint>
#include <string>
#include <vector>

#include "bundle/bundle.h"
#include "commands.h"

namespace espalier::cli {

struct BundleArguments {
  DatabaseArguments database;
  std::string output;
  std::vector<std::string> experiments, references;  // files
  std::string verdicts;                              // a file of JSON, as 'verify --json' prints
  std::string license;
  bool json = false;
};
ExitCode bundle_results(const BundleArguments& arguments);

struct CheckBundleArguments {
  std::string file;
  int reruns = 0;
  std::string time_limit;
  std::uint64_t seed = 0;
  std::vector<std::string> plugins;
  bool json = false;
};
ExitCode check_bundle_file(const CheckBundleArguments& arguments);

Deed add_bundle(CLI::App& app);
Deed add_check_bundle(CLI::App& app);

// --- what both make of a database

// Tables of each experiment, its cells one by one, and every cell's settings: what the database alone decides, so that it can
// be made again and compared.
std::vector<bundle::BundleFile> derived_files(const std::filesystem::path& database,
                                              const store::DatabaseSummary& summary);

}  // namespace espalier::cli
