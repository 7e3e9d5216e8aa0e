// The questions that readers of whole databases ask, each in one place: this program, and the page in a browser.
#pragma once

#include <string>
#include <string_view>

namespace espalier::store {

// A row an experiment: name, question, file, file_digest, cells, done, failed, attempts, seconds, started, ended.
inline constexpr const char* select_experiments = R"sql(
SELECT experiment.name, experiment.question, experiment.file, experiment.file_digest,
       count(*), sum(cell.state = 'done'), sum(cell.state = 'failed'), coalesce(sum(made.attempts), 0),
       coalesce(sum(made.seconds), 0.0),
       strftime('%Y-%m-%dT%H:%M:%SZ', min(made.started), 'unixepoch'),
       strftime('%Y-%m-%dT%H:%M:%SZ', max(made.ended), 'unixepoch')
FROM experiment
JOIN experiment_cell AS joined ON joined.experiment_id = experiment.id
JOIN cell ON cell.id = joined.cell_id
LEFT JOIN (SELECT cell_id, count(*) AS attempts, sum(seconds) AS seconds, min(started) AS started, max(ended) AS ended
           FROM attempt GROUP BY cell_id) AS made ON made.cell_id = cell.id
GROUP BY experiment.id ORDER BY experiment.id)sql";

// A row an environment: content (JSON), attempts.
inline constexpr const char* select_environments =
    "SELECT environment.content, count(*) FROM attempt JOIN environment ON environment.id = attempt.environment_id "
    "GROUP BY environment.id ORDER BY environment.id";

// A row a plugin: role, name, version, file_digest.
inline constexpr const char* select_plugins = "SELECT role, name, version, file_digest FROM plugin ORDER BY id";

// A row a point that has details: key, step, kind, last, mask_digest, details (JSON).
inline constexpr const char* select_details = R"sql(
SELECT cell.key, point.step, point.kind, point.id = cell.point_id, coalesce(point.mask_digest, ''), point.details
FROM cell JOIN point ON point.attempt_id = cell.attempt_id
WHERE point.details IS NOT NULL AND point.details <> ''
ORDER BY cell.id, point.number)sql";

// All of one of open_tables() but `examples`, in an order that is always the same.
std::string select_of(std::string_view table);

}  // namespace espalier::store
