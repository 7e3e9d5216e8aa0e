// From what a command was given to an experiment or a database.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "commands.h"
#include "grid/experiment.h"

namespace espalier::cli {

// Reads and expands an experiment file with all plugins there are; says on stderr which plugins were refused. Throws
// PluginError for a refused file that the user named.
grid::Experiment read(const ExperimentArguments& arguments);

// results/<name>.db, unless the user names another.
std::filesystem::path database_of(const std::string& experiment_name, const std::string& given);

// Where an experiment's database is looked for. `results/` starts at the working directory: from another one the same file
// has another database, which is said where one lies beside the file.
struct DatabasePlace {
  std::filesystem::path path;
  bool exists = false;
  std::optional<std::filesystem::path> elsewhere;  // where it is not there: one of this name near the experiment file
};
DatabasePlace place_of_database(const std::string& file, const std::string& experiment_name, const std::string& given);

std::string working_folder();

bool is_experiment_file(const std::string& path);  // by its ending

struct Source {
  std::filesystem::path database;
  std::string experiment;  // empty: all that the database holds
};

// Of a database or an experiment file. Throws StoreError when there is no database yet.
Source source_of(const DatabaseArguments& arguments);

}  // namespace espalier::cli
