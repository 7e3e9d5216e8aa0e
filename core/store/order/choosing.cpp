#include "order/choosing.h"

#include <algorithm>
#include <limits>
#include <map>
#include <vector>

namespace espalier::store {
namespace {

// Of so many one is nearly always free, and a group that few are at will do.
constexpr std::size_t most_groups_looked_at = 64;

struct Candidate {
  std::int64_t cell = 0;
  GroupsOfCell groups;
};

// The waiting cells of one rank, by the index that holds nothing else.
class Rank {
 public:
  Rank(ResultStore::State& state, std::int64_t experiment, std::int64_t rank)
      : state_(state), experiment_(experiment), rank_(rank) {}

  std::optional<Candidate> first_of_score_group(const GroupsOfCell& groups) {
    return first(
        "SELECT cell_id, base_group, score_group FROM experiment_cell WHERE experiment_id = ? AND rank = ? "
        "AND asked = 1 AND state = 'waiting' AND base_group = ? AND score_group = ? ORDER BY position LIMIT 1",
        groups.base, groups.scores);
  }

  // The next base group after this number, where there is one: its number.
  std::optional<std::int64_t> base_group_after(std::int64_t base) {
    return number(
        "SELECT min(base_group) FROM experiment_cell WHERE experiment_id = ? AND rank = ? AND asked = 1 AND "
        "state = 'waiting' AND base_group > ?",
        base);
  }

  std::optional<std::int64_t> score_group_after(std::int64_t base, std::int64_t scores) {
    return number(
        "SELECT min(score_group) FROM experiment_cell WHERE experiment_id = ? AND rank = ? AND asked = 1 AND "
        "state = 'waiting' AND base_group = ? AND score_group > ?",
        base, scores);
  }

 private:
  template <typename... Values>
  SQLite::Statement& bound(const char* sql, const Values&... values) {
    auto& select = state_.statement(sql);
    bind_from(select, 1, experiment_, rank_, values...);
    return select;
  }

  template <typename... Values>
  std::optional<Candidate> first(const char* sql, const Values&... values) {
    auto& select = bound(sql, values...);
    std::optional<Candidate> found;
    if (select.executeStep()) {
      found.emplace();
      read_row(select, found->cell, found->groups.base, found->groups.scores);
    }
    select.reset();
    return found;
  }

  template <typename... Values>
  std::optional<std::int64_t> number(const char* sql, const Values&... values) {
    auto& select = bound(sql, values...);
    std::optional<std::int64_t> found;
    if (select.executeStep()) read_row(select, found);
    select.reset();
    return found;
  }

  ResultStore::State& state_;
  std::int64_t experiment_, rank_;
};

// How many other workers are at each group now.
struct Crowds {
  std::map<std::int64_t, std::size_t> at_base, at_scores;

  static std::size_t at(const std::map<std::int64_t, std::size_t>& crowds, std::int64_t group) {
    const auto found = crowds.find(group);
    return found == crowds.end() ? 0 : found->second;
  }
};

Crowds crowds_of(ResultStore::State& state, const std::string& worker) {
  auto& select = state.statement("SELECT base_group, score_group FROM cell WHERE state = 'running' AND worker <> ?");
  select.bind(1, worker);
  Crowds crowds;
  while (select.executeStep()) {
    std::optional<std::int64_t> base, scores;
    read_row(select, base, scores);
    if (base) ++crowds.at_base[*base];
    if (scores) ++crowds.at_scores[*scores];
  }
  select.reset();
  return crowds;
}

// Of the numbers that `next` gives one after the other, the one that fewest are at: the first that nobody is at.
template <typename Next>
std::optional<std::int64_t> emptiest(const std::map<std::int64_t, std::size_t>& crowds, const Next& next) {
  std::optional<std::int64_t> best;
  auto fewest = std::numeric_limits<std::size_t>::max();
  std::optional<std::int64_t> group = next(std::optional<std::int64_t>());
  for (std::size_t looked_at = 0; group && looked_at <= crowds.size() && looked_at < most_groups_looked_at;
       ++looked_at) {
    const auto crowd = Crowds::at(crowds, *group);
    if (crowd < fewest) best = group;
    fewest = std::min(fewest, crowd);
    if (fewest == 0) break;
    group = next(group);
  }
  return best;
}

// A cell of the base group, of the scores that fewest are at.
std::optional<Candidate> best_of_base_group(Rank& rank, std::int64_t base, const Crowds& crowds) {
  const auto scores = emptiest(crowds.at_scores, [&](const std::optional<std::int64_t>& before) {
    return rank.score_group_after(base, before.value_or(-1));
  });
  return scores ? rank.first_of_score_group({base, *scores}) : std::nullopt;
}

// `first`: the rank's first cell, which is the answer wherever it suits as well as another.
Candidate one_that_suits(Rank& rank, const Candidate& first, ResultStore::State& state, const std::string& worker) {
  const auto& recent = state.recent_groups[worker];
  if (!recent.empty() && recent.front().scores != 0) {
    if (const auto same = rank.first_of_score_group(recent.front())) return *same;
  }
  const auto crowds = crowds_of(state, worker);
  const bool first_is_free = Crowds::at(crowds.at_scores, first.groups.scores) == 0;
  for (const auto& groups : recent) {
    const bool is_free = &groups == &recent.front() || Crowds::at(crowds.at_base, groups.base) == 0;
    if (!is_free) continue;
    if (first.groups.base == groups.base && first_is_free) return first;
    if (const auto near = best_of_base_group(rank, groups.base, crowds)) return *near;
  }
  if (Crowds::at(crowds.at_base, first.groups.base) == 0) return first;
  const auto base = emptiest(crowds.at_base, [&](const std::optional<std::int64_t>& before) {
    return rank.base_group_after(before.value_or(0));
  });
  if (!base || (*base == first.groups.base && first_is_free)) return first;
  return best_of_base_group(rank, *base, crowds).value_or(first);
}

// The engine keeps as many base models in memory (engine/base_model.cpp).
constexpr std::size_t groups_remembered = 3;

void remember(std::vector<GroupsOfCell>& recent, const GroupsOfCell& groups) {
  if (groups.base == 0) return;
  std::erase_if(recent, [&](const GroupsOfCell& known) { return known.base == groups.base; });
  recent.insert(recent.begin(), groups);
  if (recent.size() > groups_remembered) recent.pop_back();
}

}  // namespace

std::optional<ChosenCell> next_cell(ResultStore::State& state, const std::string& experiment,
                                    const std::string& worker) {
  auto& select = state.statement(R"sql(
SELECT joined.experiment_id, joined.rank, joined.cell_id, joined.base_group, joined.score_group
FROM experiment_cell AS joined
WHERE joined.experiment_id = (SELECT id FROM experiment WHERE name = ? AND paused = 0) AND joined.asked = 1
      AND joined.state = 'waiting'
ORDER BY joined.rank, joined.position LIMIT 1)sql");
  select.bind(1, experiment);
  if (!select.executeStep()) return std::nullopt;
  std::int64_t experiment_id = 0, lowest = 0;
  Candidate first;
  read_row(select, experiment_id, lowest, first.cell, first.groups.base, first.groups.scores);
  select.reset();
  Rank rank(state, experiment_id, lowest);
  const auto chosen = one_that_suits(rank, first, state, worker);
  auto& recent = state.recent_groups[worker];
  const bool is_new = recent.empty() || recent.front().scores != chosen.groups.scores;
  remember(recent, chosen.groups);
  return ChosenCell{chosen.cell, experiment_id, lowest, chosen.groups, is_new};
}

}  // namespace espalier::store
