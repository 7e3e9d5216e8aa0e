#include "runner/plan.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "commands.h"
#include "experiment_file.h"
#include "output.h"
#include "runner/changed_plugins.h"
#include "store/result_store.h"
#include "words/names.h"
#include "words/texts/durations.h"
#include "words/texts/shell_word.h"

namespace espalier::cli {
namespace {

// Done cells of plugin files that have changed since.
std::vector<runner::ChangedPlugin> changed_plugins_of(const grid::Experiment& experiment,
                                                      const std::filesystem::path& database) {
  std::error_code absent;
  if (!std::filesystem::exists(database, absent)) return {};
  std::vector<std::string> keys;
  for (std::size_t cell = 0; cell < experiment.cells.size(); ++cell) keys.push_back(experiment.cells.key(cell));
  return runner::changed_plugins(store::ResultStore(database, store::Mode::ReadOnly), keys, experiment.plugins);
}

nlohmann::json as_json(const std::vector<runner::ChangedPlugin>& changed) {
  auto list = nlohmann::json::array();
  for (const auto& plugin : changed) {
    list.push_back({{"role", plugin.role},
                    {"name", plugin.name},
                    {"version", plugin.version},
                    {"file_digest", plugin.digest_now},
                    {"file_digest_of_results", plugin.digest_then},
                    {"cells", plugin.keys.size()}});
  }
  return list;
}

nlohmann::json as_json(const runner::Plan& plan, const grid::Experiment& experiment, const DatabasePlace& database) {
  nlohmann::json axes = nlohmann::json::object();
  for (const auto& axis : plan.axes) axes[axis.name] = axis.values;
  nlohmann::json document{{"name", experiment.name},
                          {"question", experiment.question},
                          {"database", database.path.string()},
                          {"database_exists", database.exists},
                          {"cells", plan.cells},
                          {"done", plan.done},
                          {"to_run", plan.to_run},
                          {"missing", plan.missing},
                          {"problems", plan.problems},
                          {"warnings", plan.warnings},
                          {"notes", plan.notes},
                          {"axes", axes},
                          {"estimated_seconds", nullptr},
                          {"estimated_memory_bytes", nullptr}};
  document["priorities"] = nlohmann::json::array();
  for (const auto& share : experiment.priorities)
    document["priorities"].push_back({{"priority", share.priority}, {"cells", share.cells}});
  if (database.elsewhere) document["database_elsewhere"] = database.elsewhere->string();
  if (plan.seconds) document["estimated_seconds"] = *plan.seconds;
  if (plan.memory_bytes) document["estimated_memory_bytes"] = *plan.memory_bytes;
  return document;
}

std::string time_text(const runner::Plan& plan) {
  if (plan.to_run == 0) return "nothing to run";
  if (!plan.seconds) return "unknown until the first cells are done";
  std::string text = "about " + duration_text(*plan.seconds) + " one cell after the other";
  if (plan.estimated_from < plan.to_run) {
    text += fmt::format(" ({} of {} {} by the mean of all)", plan.to_run - plan.estimated_from, plan.to_run,
                        plan.to_run == 1 ? "cell" : "cells");
  }
  return text;
}

std::string memory_text(const runner::Plan& plan) {
  if (!plan.memory_bytes) return "unknown";
  return fmt::format("about {:.1f} GB a worker, and its batches", static_cast<double>(*plan.memory_bytes) / 1e9);
}

std::string values_text(const runner::Axis& axis) {
  constexpr std::size_t shown = 8;
  auto values = axis.values;
  if (values.size() > shown) values.resize(shown);
  return fmt::format("{}: {}{}", axis.values.size(), join(values), axis.values.size() > shown ? ", ..." : "");
}

// "4 cells of priority 2, then 12 of 0"; of one priority there is nothing to say.
std::string priorities_text(const std::vector<grid::PriorityShare>& priorities) {
  std::string text;
  for (const auto& share : priorities) {
    text += text.empty()
                ? fmt::format("{} {} of priority {}", share.cells, share.cells == 1 ? "cell" : "cells", share.priority)
                : fmt::format(", then {} of {}", share.cells, share.priority);
  }
  return text;
}

std::string database_text(const DatabasePlace& database) {
  if (database.exists) return database.path.string();
  std::string text = database.path.string() + ", which is not there yet";
  if (database.path.is_relative()) text += " (in " + working_folder() + ")";
  if (database.elsewhere) {
    text += fmt::format("\n  {:<13}there is one at {}: --db {} goes on with it", "", database.elsewhere->string(),
                        shell_path(database.elsewhere->string()));
  }
  return text;
}

std::string as_text(const runner::Plan& plan, const grid::Experiment& experiment, const DatabasePlace& database) {
  std::string text = experiment.name + "\n";
  if (!experiment.question.empty()) text += experiment.question + "\n";
  text += "\n";
  for (const auto& axis : plan.axes) text += fmt::format("  {:<13}{}\n", axis.name, values_text(axis));
  if (!plan.axes.empty()) text += "\n";
  text += fmt::format("  {:<13}{} {}, {} done, {} to run\n", "grid", plan.cells, plan.cells == 1 ? "cell" : "cells",
                      plan.done, plan.to_run);
  if (experiment.priorities.size() > 1)
    text += fmt::format("  {:<13}{}\n", "order", priorities_text(experiment.priorities));
  text += fmt::format("  {:<13}{}\n", "time", time_text(plan));
  if (plan.to_run > 0) text += fmt::format("  {:<13}{}\n", "memory", memory_text(plan));
  text += fmt::format("  {:<13}{}\n", "database", database_text(database));
  for (const auto& note : plan.notes) text += fmt::format("  {:<13}{}\n", "note", note);
  if (!plan.missing.empty()) {
    text += "\nmissing, and refused by run:\n";
    for (const auto& path : plan.missing) text += "  " + path + "\n";
    text += "  real data are made by: espalier data prepare NAME; ESPALIER_DATA says where they are\n";
  }
  if (!plan.problems.empty()) {
    text += "\nwrong, and refused by run:\n";
    for (const auto& problem : plan.problems) text += problem + "\n";
  }
  return text;
}

}  // namespace

ExitCode plan(const PlanArguments& arguments) {
  const auto experiment = read(arguments.experiment);
  const auto database = place_of_database(arguments.experiment.file, experiment.name, arguments.experiment.database);
  const auto plan = runner::make_plan(experiment, database.path);
  const auto changed = changed_plugins_of(experiment, database.path);
  if (arguments.json) {
    auto document = as_json(plan, experiment, database);
    document["changed_plugins"] = as_json(changed);
    print_json(document);
  } else {
    print(as_text(plan, experiment, database));
    for (const auto& warning : plan.warnings) say("warning: " + warning);
    for (const auto& plugin : changed) say("warning: " + plugin.in_words() + runner::advice_on_changed_plugins);
  }
  return plan.problems.empty() ? ExitCode::Done : ExitCode::Input;
}

}  // namespace espalier::cli
