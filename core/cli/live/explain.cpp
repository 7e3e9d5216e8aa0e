#include <espalier/error.h>

#include <algorithm>

#include "commands.h"
#include "experiment_file.h"
#include "output.h"
#include "report/live/explanation.h"
#include "store/result_store.h"
#include "words/texts/shell_word.h"

namespace espalier::cli {
namespace {

std::vector<std::string> keys_from(const grid::Cells& cells, const std::string& prefix) {
  std::vector<std::string> keys;
  for (std::size_t i = 0; i < cells.size(); ++i) {
    auto key = cells.key(i);
    if (!key.empty() && key.starts_with(prefix)) keys.push_back(std::move(key));
  }
  return keys;
}

// The file as it is, or as it were without its skips.
grid::Experiment read_file(const DatabaseArguments& file, bool without_skips) {
  ExperimentArguments asked{file.file, "", file.sets, {}, file.plugins};
  if (without_skips) asked.sets.emplace_back("grid.skip=[]");
  return read(asked);
}

void refuse_several(const std::string& prefix, const std::vector<std::string>& keys) {
  if (keys.size() < 2) return;
  std::string message = "several keys begin with '" + prefix + "'; give more of its letters";
  for (std::size_t i = 0; i < std::min<std::size_t>(keys.size(), 6); ++i) message += "\n    " + keys[i];
  throw SettingsError(message);
}

// What the file says of the cell; gives the database's place, empty where there is none.
std::filesystem::path ask_file(const ExplainArguments& arguments, report::CellQuestion& question) {
  const auto experiment = read_file(arguments.database, false);
  question.file = arguments.database.file;
  question.missing = experiment.missing;
  auto keys = keys_from(experiment.cells, arguments.key);
  question.is_in_file = !keys.empty();
  if (keys.empty()) keys = keys_from(read_file(arguments.database, true).cells, arguments.key);
  question.is_skipped = !question.is_in_file && !keys.empty();
  refuse_several(arguments.key, keys);
  if (!keys.empty()) question.key = keys.front();
  const auto place = place_of_database(question.file, experiment.name, arguments.database.other);
  if (place.exists) return place.path;
  if (!question.key.empty()) return {};
  std::string message = question.file + ": none of its cells, skipped ones included, has a key that begins with '" +
                        arguments.key + "', and it has no database yet\n    its keys: espalier cells " +
                        shell_path(question.file) + ", after a run";
  for (const auto& path : question.missing) message += "\n    some have no key yet, as this is missing: " + path;
  throw SettingsError(message);
}

void ask_database(const std::filesystem::path& database, const std::string& prefix, report::CellQuestion& question) {
  const store::ResultStore store(database, store::Mode::ReadOnly);
  try {
    question.recorded = store.read(question.key.empty() ? prefix : question.key);
  } catch (const StoreError&) {
    if (question.key.empty()) throw;
    return;  // a cell of the file that no run has met
  }
  question.key = question.recorded->key;
  question.situation = store.situation(question.key);
}

}  // namespace

ExitCode explain(const ExplainArguments& arguments) {
  report::CellQuestion question;
  std::filesystem::path database = arguments.database.file;
  if (is_experiment_file(arguments.database.file)) database = ask_file(arguments, question);
  if (!database.empty()) ask_database(database, arguments.key, question);
  print(arguments.json ? report::explanation_json(question) : report::explanation_text(question));
  return ExitCode::Done;
}

}  // namespace espalier::cli
