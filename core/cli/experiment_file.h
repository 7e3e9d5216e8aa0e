// From what a command was given to an experiment or a database.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "commands.h"
#include "grid/experiment.h"
#include "store/result_store.h"

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
  std::string experiment;                            // empty: all that the database holds
  std::optional<std::vector<store::NewCell>> cells;  // of an experiment file, as it is now

  const std::vector<store::NewCell>* cells_of_file() const { return cells ? &*cells : nullptr; }
};

// Of a database or an experiment file. Throws StoreError when there is no database yet.
Source source_of(const DatabaseArguments& arguments);

// The same with the cells that an experiment file holds now. Where they cannot be told here, because plugins or data are
// missing, and the file is the one that last ran: those that it held then, which is said.
Source source_with_cells(const DatabaseArguments& arguments);
std::vector<store::NewCell> cells_of(const grid::Cells& cells);

}  // namespace espalier::cli
