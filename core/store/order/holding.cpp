// What is held back from workers, and what they may spend: an experiment as a whole, not one cell.
#include <nlohmann/json.hpp>

#include "order/runs.h"

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

bool ResultStore::is_at_work(const std::string& experiment) const {
  return translated(state_->file, [&] {
    if (experiment.empty()) return others_are_at_work(*state_, 0, "");
    auto& select = state_->statement("SELECT id FROM experiment WHERE name = ?");
    select.bind(1, experiment);
    const auto id = select.executeStep() ? select.getColumn(0).getInt64() : 0;
    select.reset();
    return id != 0 && others_are_at_work(*state_, id, "");
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
