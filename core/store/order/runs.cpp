#include "order/runs.h"

#include <algorithm>

#include "store/worker_name.h"

namespace espalier::store {
namespace {

std::vector<std::string> runs_of(ResultStore::State& state, std::int64_t experiment_id) {
  auto& select = state.statement("SELECT DISTINCT name FROM run WHERE ?1 = 0 OR experiment_id = ?1 ORDER BY name");
  select.bind(1, experiment_id);
  std::vector<std::string> names;
  while (select.executeStep()) names.push_back(select.getColumn(0).getString());
  select.reset();
  return names;
}

void remove_run(ResultStore::State& state, const std::string& run) {
  auto& remove = state.statement("DELETE FROM run WHERE name = ?");
  bind_from(remove, 1, run);
  remove.exec();
}

}  // namespace

std::vector<std::string> runs_at_work(ResultStore::State& state, std::int64_t experiment_id) {
  auto names = runs_of(state, experiment_id);
  // Of another host nothing is known. One host writes to a database, so such a row came with a copy.
  std::erase_if(names, [](const std::string& name) { return whereabouts(name) != Whereabouts::Alive; });
  return names;
}

bool others_are_at_work(ResultStore::State& state, std::int64_t experiment_id, const std::string& run) {
  auto& running = state.statement(
      "SELECT 1 FROM experiment_cell WHERE (?1 = 0 OR experiment_id = ?1) AND state = 'running' LIMIT 1");
  running.bind(1, experiment_id);
  const bool computes = running.executeStep();
  running.reset();
  if (computes) return true;
  const auto runs = runs_at_work(state, experiment_id);
  return std::any_of(runs.begin(), runs.end(), [&](const std::string& other) { return other != run; });
}

void register_run(ResultStore::State& state, std::int64_t experiment_id, const std::string& run) {
  for (const auto& known : runs_of(state, 0)) {
    if (whereabouts(known) != Whereabouts::Alive) remove_run(state, known);
  }
  if (run.empty()) return;
  auto& add = state.statement("INSERT OR IGNORE INTO run (name, experiment_id) VALUES (?, ?)");
  bind_from(add, 1, run, experiment_id);
  add.exec();
}

void ResultStore::end_run(const std::string& run) {
  translated(state_->file, [&] { remove_run(*state_, run); });
}

}  // namespace espalier::store
