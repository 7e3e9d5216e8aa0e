#include "order/companions.h"

#include <set>

namespace espalier::store {
namespace {

// A grid has few scorers; where it has many, a pass for some of them is enough.
constexpr std::size_t most_companions = 32;

std::set<std::int64_t> score_groups_of_others(ResultStore::State& state, const std::string& worker) {
  auto& select = state.statement(
      "SELECT score_group FROM cell WHERE state = 'running' AND worker <> ? AND score_group IS NOT NULL");
  select.bind(1, worker);
  std::set<std::int64_t> groups;
  while (select.executeStep()) groups.insert(select.getColumn(0).getInt64());
  select.reset();
  return groups;
}

}  // namespace

std::vector<std::string> companions_of(ResultStore::State& state, const ChosenCell& chosen, const std::string& worker) {
  std::vector<std::string> companions;
  if (chosen.groups.base == 0 || chosen.groups.scores == 0) return companions;
  const auto taken = score_groups_of_others(state, worker);
  // Group by group: each is one step in the index, however many cells it has.
  auto& select = state.statement(R"sql(
SELECT joined.score_group, (SELECT settings FROM cell WHERE id = joined.cell_id)
FROM experiment_cell AS joined
WHERE joined.experiment_id = ? AND joined.rank = ? AND joined.asked = 1 AND joined.state = 'waiting'
      AND joined.base_group = ? AND joined.score_group > ?
ORDER BY joined.score_group, joined.position LIMIT 1)sql");
  for (std::int64_t group = 0; companions.size() < most_companions;) {
    bind_from(select, 1, chosen.experiment, chosen.rank, chosen.groups.base, group);
    std::string settings;
    const bool found = select.executeStep();
    if (found) read_row(select, group, settings);
    select.reset();
    if (!found) break;
    if (group != chosen.groups.scores && !taken.contains(group)) companions.push_back(std::move(settings));
  }
  return companions;
}

}  // namespace espalier::store
