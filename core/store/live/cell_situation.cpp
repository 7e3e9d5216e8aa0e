// Where one cell stands: before whom, and with whom.
#include "connection.h"

namespace espalier::store {
namespace {

std::vector<CellPlace> places_of(ResultStore::State& state, const std::string& key) {
  auto& select = state.statement(R"sql(
SELECT experiment.name, joined.current, joined.asked, experiment.paused,
       (SELECT count(*) FROM experiment_cell AS other
        WHERE other.experiment_id = joined.experiment_id AND other.asked = 1 AND other.state = 'waiting'
          AND (other.rank, other.position) < (joined.rank, joined.position)),
       (SELECT count(DISTINCT holding.worker) FROM cell AS holding JOIN experiment_cell AS held ON held.cell_id = holding.id
        WHERE holding.state = 'running' AND held.experiment_id = joined.experiment_id)
FROM cell JOIN experiment_cell AS joined ON joined.cell_id = cell.id
JOIN experiment ON experiment.id = joined.experiment_id
WHERE cell.key = ? ORDER BY experiment.id)sql");
  select.bind(1, key);
  std::vector<CellPlace> places;
  while (select.executeStep()) {
    auto& place = places.emplace_back();
    read_row(select, place.experiment, place.is_current, place.is_asked, place.is_paused, place.ahead, place.workers);
  }
  return places;
}

std::optional<CellHolder> holder_of(ResultStore::State& state, const std::string& key) {
  auto& select = state.statement(R"sql(
SELECT cell.worker, attempt.started, cell.lease_until
FROM cell JOIN attempt ON attempt.cell_id = cell.id AND attempt.number = cell.attempts
WHERE cell.key = ? AND cell.state = 'running')sql");
  select.bind(1, key);
  if (!select.executeStep()) return std::nullopt;
  CellHolder holder;
  double began = 0, lease_until = 0;
  read_row(select, holder.worker, began, lease_until);
  select.reset();
  holder.held_seconds = state.now() - began;
  holder.lease_seconds = lease_until - state.now();
  holder.where = state.around.whereabouts(holder.worker);
  return holder;
}

}  // namespace

CellSituation ResultStore::situation(const std::string& key) const {
  return translated(state_->file, [&]() -> CellSituation {
    const SQLite::Transaction one_snapshot(*state_->database);
    return {places_of(*state_, key), holder_of(*state_, key)};
  });
}

}  // namespace espalier::store
