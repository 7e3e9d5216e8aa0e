// How long the rest takes: by what cells of each kind took, since one mean over quick and slow cells is wrong for both.
#include <algorithm>

#include "connection.h"

namespace espalier::store {
namespace {

bool is_same(const KindOfCells& a, const KindOfCells& b) {
  return a.granularity == b.granularity && a.scorer == b.scorer && a.searcher == b.searcher &&
         a.recovery == b.recovery && a.model == b.model;
}
bool differs_in_model(const KindOfCells& a, const KindOfCells& b) {
  return a.granularity == b.granularity && a.scorer == b.scorer && a.searcher == b.searcher && a.recovery == b.recovery;
}
// What repairs and searches takes far longer than what scores.
bool works_alike(const KindOfCells& a, const KindOfCells& b) {
  return a.searcher == b.searcher && a.recovery == b.recovery && a.model == b.model;
}
bool works_alike_elsewhere(const KindOfCells& a, const KindOfCells& b) {
  return a.searcher == b.searcher && a.recovery == b.recovery;
}
bool is_any(const KindOfCells&, const KindOfCells&) { return true; }

std::optional<double> expected_seconds(const std::vector<KindOfCells>& kinds, const KindOfCells& kind) {
  for (const auto is_near : {is_same, differs_in_model, works_alike, works_alike_elsewhere, is_any}) {
    double seconds = 0, cells = 0;
    for (const auto& other : kinds) {
      if (other.finished == 0 || !is_near(kind, other)) continue;
      seconds += other.mean_seconds * static_cast<double>(other.finished);
      cells += static_cast<double>(other.finished);
    }
    if (cells > 0) return seconds / cells;
  }
  return std::nullopt;
}

// Of a cell of several experiments one place counts: one that is asked for, if there is any.
constexpr const char* by_kind = R"sql(
SELECT coalesce(cell.granularity, ''), coalesce(cell.scorer_plugin, ''), coalesce(cell.searcher_plugin, ''),
       coalesce(cell.recovery_plugin, ''), coalesce(joined.model, ''),
       sum(joined.state = 'waiting' AND joined.asked), sum(joined.state = 'running'),
       coalesce(sum(CASE joined.state WHEN 'running' THEN
                      (SELECT ?2 - started FROM attempt WHERE cell_id = cell.id AND number = cell.attempts) END), 0),
       coalesce(sum(joined.state = 'done' AND cell.seconds IS NOT NULL), 0),
       coalesce(avg(CASE joined.state WHEN 'done' THEN cell.seconds END), 0)
FROM experiment_cell AS joined JOIN cell ON cell.id = joined.cell_id
WHERE joined.experiment_id = CASE ?1 WHEN '' THEN (SELECT experiment_id FROM experiment_cell WHERE cell_id = cell.id
                                                   ORDER BY asked DESC, experiment_id LIMIT 1)
                                     ELSE (SELECT id FROM experiment WHERE name = ?1) END
GROUP BY 1, 2, 3, 4, 5)sql";

}  // namespace

std::vector<KindOfCells> ResultStore::kinds(const std::string& experiment) const {
  return translated(state_->file, [&] {
    auto& select = state_->statement(by_kind);
    select.bind(1, experiment);
    select.bind(2, state_->now());
    std::vector<KindOfCells> kinds;
    while (select.executeStep()) {
      auto& kind = kinds.emplace_back();
      read_row(select, kind.granularity, kind.scorer, kind.searcher, kind.recovery, kind.model, kind.waiting,
               kind.running, kind.running_seconds, kind.finished, kind.mean_seconds);
    }
    return kinds;
  });
}

std::optional<double> seconds_of_work(const std::vector<KindOfCells>& kinds) {
  double work = 0;
  for (const auto& kind : kinds) {
    if (kind.waiting + kind.running == 0) continue;
    const auto each = expected_seconds(kinds, kind);
    if (!each) return std::nullopt;
    work += *each * static_cast<double>(kind.waiting);
    work += std::max(0.0, *each * static_cast<double>(kind.running) - kind.running_seconds);
  }
  return work;
}

std::optional<double> seconds_left(const std::vector<KindOfCells>& kinds, std::int64_t workers) {
  const auto work = seconds_of_work(kinds);
  if (!work) return std::nullopt;
  std::int64_t cells = 0;
  double longest = 0;
  for (const auto& kind : kinds) {
    cells += kind.waiting + kind.running;
    if (kind.waiting > 0) longest = std::max(longest, *expected_seconds(kinds, kind));
  }
  const auto sharing = std::max<std::int64_t>(1, std::min(workers, cells));
  // The last cell is not shared.
  return std::max(longest, *work / static_cast<double>(sharing));
}

}  // namespace espalier::store
