// What is held back from workers, and what they may spend: an experiment as a whole, not one cell.
#include <nlohmann/json.hpp>

#include "connection.h"

namespace espalier::store {

void ResultStore::set_paused(const std::string& experiment, bool paused) {
  translated(state_->file, [&] {
    auto& set = state_->statement("UPDATE experiment SET paused = ? WHERE name = ?");
    bind_from(set, 1, paused, experiment);
    set.exec();
  });
}

bool ResultStore::is_paused(const std::string& experiment) const {
  return translated(state_->file, [&] {
    auto& select = state_->statement("SELECT paused FROM experiment WHERE name = ?");
    select.bind(1, experiment);
    const bool paused = select.executeStep() && select.getColumn(0).getInt() != 0;
    select.reset();
    return paused;
  });
}

void ResultStore::ask_for_first(const std::string& experiment, std::int64_t cells) {
  translated(state_->file, [&] {
    auto& leave = state_->statement(R"sql(
UPDATE experiment_cell SET asked = 0
WHERE experiment_id = (SELECT id FROM experiment WHERE name = ?1) AND asked = 1 AND state = 'waiting' AND cell_id NOT IN (
  SELECT cell_id FROM experiment_cell WHERE experiment_id = (SELECT id FROM experiment WHERE name = ?1) AND asked = 1
  AND state = 'waiting' ORDER BY rank, position LIMIT ?2))sql");
    bind_from(leave, 1, experiment, cells);
    leave.exec();
  });
}

void ResultStore::keep_limits(const std::string& experiment, const CellLimits& limits) {
  translated(state_->file, [&] {
    auto& set = state_->statement("UPDATE experiment SET limits = ? WHERE name = ?");
    bind_from(set, 1, json_text(to_json(limits)), experiment);
    set.exec();
  });
}

CellLimits ResultStore::limits(const std::string& experiment) const {
  return translated(state_->file, [&] {
    auto& select = state_->statement("SELECT limits FROM experiment WHERE name = ?");
    select.bind(1, experiment);
    const auto text = select.executeStep() ? select.getColumn(0).getString() : std::string();
    select.reset();
    return limits_from_json(nlohmann::json::parse(text, nullptr, false));
  });
}

}  // namespace espalier::store
