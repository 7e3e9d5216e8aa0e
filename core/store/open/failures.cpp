// Why failed cells failed, in words for programs.
#include "connection.h"

namespace espalier::store {

Rows ResultStore::failures(const std::string& experiment) const {
  return translated(state_->file, [&] {
    auto& select = state_->statement(R"sql(
SELECT DISTINCT cell.key, attempt.outcome, attempt.reason
FROM experiment_cell
CROSS JOIN cell ON cell.id = experiment_cell.cell_id
JOIN experiment ON experiment.id = experiment_cell.experiment_id
JOIN attempt ON attempt.id = cell.attempt_id
WHERE experiment_cell.state = 'failed' AND cell.state = 'failed' AND (?1 = '' OR experiment.name = ?1)
ORDER BY cell.id)sql");
    select.bind(1, experiment);
    return rows_of(select);
  });
}

}  // namespace espalier::store
