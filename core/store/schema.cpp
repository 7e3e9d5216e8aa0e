#include "schema.h"

namespace espalier::store {
namespace {

constexpr const char* version_1 = R"sql(
CREATE TABLE experiment (
  id          INTEGER PRIMARY KEY,
  name        TEXT NOT NULL UNIQUE CHECK (name <> ''),
  question    TEXT NOT NULL,
  file        TEXT NOT NULL,
  file_digest TEXT NOT NULL,
  created     REAL NOT NULL
) STRICT;

-- Texts that are JSON are checked by the writer: until 3.41 SQLite takes json_valid in a schema for unsafe, and refuses it
-- where the schema is not trusted.

-- Environments repeat from attempt to attempt, so each is kept once, by the digest of its text.
CREATE TABLE environment (
  id      INTEGER PRIMARY KEY,
  digest  TEXT NOT NULL UNIQUE,
  content TEXT NOT NULL
) STRICT;

-- The settings are unpacked into columns when a cell is inserted: reading them back from JSON is what would be slow.
CREATE TABLE cell (
  id              INTEGER PRIMARY KEY,
  key             TEXT NOT NULL UNIQUE CHECK (key <> ''),
  family          TEXT,
  format          TEXT,
  granularity     TEXT,
  sites           TEXT,
  scorer_plugin   TEXT,
  searcher_plugin TEXT,
  recovery_plugin TEXT,
  scope           TEXT,
  budget          TEXT,
  requested       REAL,
  schedule        TEXT,
  rounding        TEXT,
  softmax_scale   TEXT,
  compute         TEXT,
  seed            INTEGER,
  base_seed       INTEGER,
  state           TEXT NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'running', 'done', 'failed')),
  attempts        INTEGER NOT NULL DEFAULT 0,
  lost            INTEGER NOT NULL DEFAULT 0,
  worker          TEXT,
  lease_until     REAL,
  attempt_id      INTEGER REFERENCES attempt (id),
  point_id        INTEGER REFERENCES point (id),
  seconds         REAL,
  finished        REAL,
  message         TEXT NOT NULL DEFAULT '',
  settings        TEXT NOT NULL,
  CHECK ((state = 'running') = (worker IS NOT NULL)),
  CHECK ((state = 'running') = (lease_until IS NOT NULL))
) STRICT;
CREATE INDEX cell_running ON cell (lease_until) WHERE state = 'running';

-- Names are the experiment's own words and no part of a cell's key, so two experiments may call one cell differently.
CREATE TABLE experiment_cell (
  experiment_id INTEGER NOT NULL REFERENCES experiment (id),
  cell_id       INTEGER NOT NULL REFERENCES cell (id),
  position      INTEGER NOT NULL,
  state         TEXT NOT NULL,
  model         TEXT,
  dataset       TEXT,
  scorer        TEXT,
  searcher      TEXT,
  recovery      TEXT,
  PRIMARY KEY (experiment_id, cell_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX experiment_cell_state ON experiment_cell (experiment_id, state, position);
CREATE INDEX experiment_cell_cell ON experiment_cell (cell_id);

-- A copy of the state beside the position: the next cell to claim and the counts come straight from one index.
CREATE TRIGGER cell_state AFTER UPDATE OF state ON cell WHEN NEW.state <> OLD.state
BEGIN
  UPDATE experiment_cell SET state = NEW.state WHERE cell_id = NEW.id;
END;

CREATE TABLE attempt (
  id             INTEGER PRIMARY KEY,
  cell_id        INTEGER NOT NULL REFERENCES cell (id),
  number         INTEGER NOT NULL CHECK (number > 0),
  worker         TEXT NOT NULL,
  outcome        TEXT NOT NULL DEFAULT 'running' CHECK (outcome IN ('running', 'done', 'failed', 'lost', 'interrupted')),
  started        REAL NOT NULL,
  ended          REAL,
  seconds        REAL,
  message        TEXT NOT NULL DEFAULT '',
  timing         TEXT,
  environment_id INTEGER REFERENCES environment (id),
  UNIQUE (cell_id, number)
) STRICT;
CREATE INDEX attempt_ended ON attempt (ended) WHERE ended IS NOT NULL;
CREATE INDEX attempt_running ON attempt (worker) WHERE outcome = 'running';

CREATE TABLE point (
  id                  INTEGER PRIMARY KEY,
  attempt_id          INTEGER NOT NULL REFERENCES attempt (id),
  number              INTEGER NOT NULL,
  step                INTEGER NOT NULL,
  kind                TEXT NOT NULL CHECK (kind <> ''),
  requested_sparsity  REAL,
  achieved_sparsity   REAL,
  parameters_dense    INTEGER NOT NULL,
  parameters_masked   INTEGER NOT NULL,
  parameters_removed  INTEGER NOT NULL,
  parameters_total    INTEGER NOT NULL,
  multiply_adds_dense INTEGER NOT NULL,
  multiply_adds_done  INTEGER NOT NULL,
  mask_digest         TEXT,
  split               TEXT,
  examples            INTEGER NOT NULL,
  proof_passed        INTEGER CHECK (proof_passed IN (0, 1)),
  proof               TEXT,
  predictions_digest  TEXT,
  details             TEXT,
  UNIQUE (attempt_id, number)
) STRICT;

CREATE TABLE metric (
  point_id INTEGER NOT NULL REFERENCES point (id),
  name     TEXT NOT NULL CHECK (name <> ''),
  value    REAL,
  PRIMARY KEY (point_id, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE latency (
  id                  INTEGER PRIMARY KEY,
  point_id            INTEGER NOT NULL REFERENCES point (id),
  batch               INTEGER NOT NULL,
  length              INTEGER NOT NULL,
  dense_milliseconds  REAL,
  pruned_milliseconds REAL,
  repeats             INTEGER NOT NULL
) STRICT;
CREATE INDEX latency_point ON latency (point_id);

-- Equal predictions (every cell's dense point, for one) are kept once. encoding 'bits': one bit an example, the first
-- in the highest bit, 1 = right; 'bytes': as the writer gave them.
CREATE TABLE predictions (
  digest   TEXT PRIMARY KEY,
  length   INTEGER NOT NULL,
  encoding TEXT NOT NULL CHECK (encoding IN ('bits', 'bytes')),
  outcomes BLOB NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE artifact (
  id         INTEGER PRIMARY KEY,
  attempt_id INTEGER NOT NULL REFERENCES attempt (id),
  kind       TEXT NOT NULL,
  digest     TEXT NOT NULL,
  path       TEXT NOT NULL
) STRICT;
CREATE INDEX artifact_attempt ON artifact (attempt_id);

CREATE TABLE plugin (
  id          INTEGER PRIMARY KEY,
  role        TEXT NOT NULL,
  name        TEXT NOT NULL,
  version     TEXT NOT NULL,
  file_digest TEXT NOT NULL,
  UNIQUE (role, name, version, file_digest)
) STRICT;
CREATE TABLE attempt_plugin (
  attempt_id INTEGER NOT NULL REFERENCES attempt (id),
  plugin_id  INTEGER NOT NULL REFERENCES plugin (id),
  PRIMARY KEY (attempt_id, plugin_id)
) STRICT, WITHOUT ROWID;

CREATE VIEW cells AS
SELECT experiment.name AS experiment, joined.position, cell.key, cell.state,
       joined.model, cell.family, joined.dataset, cell.format, cell.granularity, cell.sites,
       joined.scorer, cell.scorer_plugin, joined.searcher, cell.searcher_plugin, cell.scope,
       cell.budget, cell.requested, CASE cell.budget WHEN 'sparsity' THEN cell.requested END AS sparsity,
       cell.schedule, joined.recovery, cell.recovery_plugin, cell.rounding, cell.softmax_scale, cell.compute,
       cell.seed, cell.base_seed, cell.attempts, cell.message, cell.worker, cell.seconds,
       strftime('%Y-%m-%dT%H:%M:%SZ', cell.finished, 'unixepoch') AS finished
FROM experiment
JOIN experiment_cell AS joined ON joined.experiment_id = experiment.id
JOIN cell ON cell.id = joined.cell_id;

CREATE VIEW points AS
SELECT experiment.name AS experiment, joined.position, cell.key, cell.state,
       joined.model, cell.family, joined.dataset, cell.format, cell.granularity, cell.sites,
       joined.scorer, cell.scorer_plugin, joined.searcher, cell.searcher_plugin, cell.scope,
       cell.budget, cell.requested, CASE cell.budget WHEN 'sparsity' THEN cell.requested END AS sparsity,
       cell.schedule, joined.recovery, cell.recovery_plugin, cell.rounding, cell.softmax_scale, cell.compute,
       cell.seed, cell.base_seed, cell.attempts, cell.message, cell.worker, cell.seconds,
       strftime('%Y-%m-%dT%H:%M:%SZ', cell.finished, 'unixepoch') AS finished,
       point.step, point.kind, point.id = cell.point_id AS last,
       point.requested_sparsity, point.achieved_sparsity,
       point.parameters_dense, point.parameters_masked, point.parameters_removed, point.parameters_total,
       point.multiply_adds_dense, point.multiply_adds_done, point.proof_passed, point.mask_digest,
       point.split, point.examples, point.predictions_digest,
       (SELECT value FROM metric WHERE point_id = point.id AND name = 'accuracy') AS accuracy,
       (SELECT value FROM metric WHERE point_id = point.id AND name = 'macro_f1') AS macro_f1,
       (SELECT value FROM metric WHERE point_id = point.id AND name = 'mcc') AS mcc,
       (SELECT value FROM metric WHERE point_id = point.id AND name = 'cross_entropy') AS cross_entropy,
       (SELECT value FROM metric WHERE point_id = point.id AND name = 'map') AS map,
       (SELECT value FROM metric WHERE point_id = point.id AND name = 'mauc') AS mauc,
       (SELECT value FROM metric WHERE point_id = point.id AND name = 'wer') AS wer,
       (SELECT value FROM metric WHERE point_id = point.id AND name = 'cer') AS cer,
       (SELECT value FROM metric WHERE point_id = point.id AND name = 'bleu') AS bleu
FROM experiment
JOIN experiment_cell AS joined ON joined.experiment_id = experiment.id
JOIN cell ON cell.id = joined.cell_id
JOIN point ON point.attempt_id = cell.attempt_id;

CREATE VIEW ablation AS SELECT * FROM points WHERE last AND state = 'done';
)sql";

// Latency against the dense model with its interval; a view of it beside the cell.
constexpr const char* version_2 = R"sql(
ALTER TABLE latency ADD COLUMN ratio REAL;
ALTER TABLE latency ADD COLUMN ratio_low REAL;
ALTER TABLE latency ADD COLUMN ratio_high REAL;
ALTER TABLE latency ADD COLUMN verdict TEXT;
ALTER TABLE latency ADD COLUMN threads INTEGER;
ALTER TABLE latency ADD COLUMN device TEXT;

CREATE VIEW latencies AS
SELECT points.experiment, points.key, points.model, points.dataset, points.granularity, points.sites, points.scorer,
       points.searcher, points.scope, points.requested, points.step, points.kind, points.achieved_sparsity,
       latency.batch, latency.length, latency.dense_milliseconds, latency.pruned_milliseconds, latency.ratio,
       latency.ratio_low, latency.ratio_high, latency.verdict, latency.repeats, latency.threads, latency.device
FROM points
JOIN cell ON cell.key = points.key
JOIN point ON point.attempt_id = cell.attempt_id AND point.step = points.step AND point.kind = points.kind
JOIN latency ON latency.point_id = point.id;
)sql";

// What a file asks for now, apart from what an earlier state of it asked for and from the slice that is to run; the digests
// behind a cell's key. Views are made from code (views.h), and no longer here.
constexpr const char* version_3 = R"sql(
-- current: the experiment file, as it was when it last ran, holds the cell. asked: its last run, or another one that is
-- still at work, is to compute the cell; only such cells are claimed.
ALTER TABLE experiment_cell ADD COLUMN current INTEGER NOT NULL DEFAULT 1;
ALTER TABLE experiment_cell ADD COLUMN asked INTEGER NOT NULL DEFAULT 1;
CREATE INDEX experiment_cell_asked ON experiment_cell (experiment_id, position) WHERE asked = 1 AND state = 'waiting';

-- What lies behind the paths of a cell's settings: digests of the checkpoint and of the splits, and the engine's
-- results_version. Each text once. A cell that an earlier version inserted has none until it is asked for again.
CREATE TABLE source (
  id      INTEGER PRIMARY KEY,
  digest  TEXT NOT NULL UNIQUE,
  content TEXT NOT NULL
) STRICT;
ALTER TABLE cell ADD COLUMN source_id INTEGER REFERENCES source (id);
)sql";

// What was dug out of a point's details before, as columns. What is no JSON, or of another form, counts as absent.
constexpr const char* version_4 = R"sql(
ALTER TABLE point ADD COLUMN heads_kept INTEGER;
ALTER TABLE point ADD COLUMN evaluations INTEGER;
ALTER TABLE point ADD COLUMN flops INTEGER;
ALTER TABLE point ADD COLUMN multiply_adds INTEGER;

UPDATE point SET
  heads_kept = (SELECT sum(json_extract(site.value, '$.heads')) FROM json_each(point.details, '$.sites') AS site
                WHERE site.type = 'object' AND json_type(site.value, '$.heads') = 'integer'),
  evaluations = CASE json_type(details, '$.search.evaluations')
                WHEN 'integer' THEN json_extract(details, '$.search.evaluations') END,
  flops = CASE json_type(details, '$.operations.flops')
          WHEN 'integer' THEN json_extract(details, '$.operations.flops') END,
  multiply_adds = CASE json_type(details, '$.operations.macs')
                  WHEN 'integer' THEN json_extract(details, '$.operations.macs') END
WHERE json_valid(details);
)sql";

// What many workers and many machines need to know of each other.
constexpr const char* version_5 = R"sql(
-- The order of claims: the lower the rank, the earlier; within a rank by position. Cells of equal, known base_group share a
-- base model and its data, those of equal score_group its scores too.
ALTER TABLE experiment_cell ADD COLUMN rank INTEGER NOT NULL DEFAULT 0;
ALTER TABLE cell ADD COLUMN base_group INTEGER;
ALTER TABLE cell ADD COLUMN score_group INTEGER;
-- Copies of the groups beside rank and position, as of the state, 0 where none is known: whom a cell suits best is found by
-- seeking in one index, however many cells wait.
ALTER TABLE experiment_cell ADD COLUMN base_group INTEGER NOT NULL DEFAULT 0;
ALTER TABLE experiment_cell ADD COLUMN score_group INTEGER NOT NULL DEFAULT 0;
DROP INDEX experiment_cell_asked;
CREATE INDEX experiment_cell_next ON experiment_cell (experiment_id, rank, position)
  WHERE asked = 1 AND state = 'waiting';
CREATE INDEX experiment_cell_group ON experiment_cell (experiment_id, rank, base_group, score_group, position)
  WHERE asked = 1 AND state = 'waiting';
-- Which groups the workers are at, without a look at the cells themselves.
CREATE INDEX cell_at_work ON cell (worker, state, base_group, score_group) WHERE state = 'running';
-- How often the cell's batch is to be halved, because memory did not suffice.
ALTER TABLE cell ADD COLUMN batch_halvings INTEGER NOT NULL DEFAULT 0;

-- reason: why an attempt did not end as done, in one word for programs; the message is for people.
ALTER TABLE attempt ADD COLUMN reason TEXT;
ALTER TABLE attempt ADD COLUMN device TEXT;
ALTER TABLE attempt ADD COLUMN batch_halvings INTEGER NOT NULL DEFAULT 0;
ALTER TABLE attempt ADD COLUMN peak_memory_bytes INTEGER;

-- A run that is paused: its workers claim nothing more. limits: JSON, as the experiment file's [limits] last said.
ALTER TABLE experiment ADD COLUMN paused INTEGER NOT NULL DEFAULT 0;
ALTER TABLE experiment ADD COLUMN limits TEXT;

-- Which runs are at work on which experiment, by the name of their process: what one was asked for stays asked for when
-- another begins, also before its first claim and between two of them.
CREATE TABLE run (
  name          TEXT NOT NULL,
  experiment_id INTEGER NOT NULL REFERENCES experiment (id),
  PRIMARY KEY (name, experiment_id)
) STRICT, WITHOUT ROWID;

-- Who is at work, as each said last. A worker that ends well takes its row away.
CREATE TABLE worker (
  name         TEXT PRIMARY KEY,
  experiment   TEXT NOT NULL,
  device       TEXT NOT NULL,
  threads      INTEGER NOT NULL,
  started      REAL NOT NULL,
  seen         REAL NOT NULL,
  stage        TEXT NOT NULL DEFAULT '',
  memory_bytes INTEGER,
  finished     INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;

-- Shards that were brought home, by the digest of their content.
CREATE TABLE shard (
  digest   TEXT PRIMARY KEY,
  file     TEXT NOT NULL,
  merged   REAL NOT NULL,
  attempts INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
)sql";

// What a model said of each example, for paired tests; what a pass took beside its time.
constexpr const char* version_6 = R"sql(
-- One number an example in file order, little-endian and signed, of `width` bytes each. Equal lists are kept once: the
-- labels of a split, and what every cell's dense model answers.
CREATE TABLE numbers (
  digest  TEXT PRIMARY KEY,
  length  INTEGER NOT NULL,
  width   INTEGER NOT NULL CHECK (width IN (1, 2, 4, 8)),
  content BLOB NOT NULL CHECK (length(content) = length * width)
) STRICT, WITHOUT ROWID;
CREATE TABLE point_numbers (
  point_id INTEGER NOT NULL REFERENCES point (id),
  name     TEXT NOT NULL CHECK (name <> ''),
  digest   TEXT NOT NULL,
  PRIMARY KEY (point_id, name)
) STRICT, WITHOUT ROWID;

ALTER TABLE latency ADD COLUMN dense_joules REAL;
ALTER TABLE latency ADD COLUMN pruned_joules REAL;
ALTER TABLE latency ADD COLUMN energy_source TEXT;
ALTER TABLE latency ADD COLUMN dense_peak_bytes INTEGER;
ALTER TABLE latency ADD COLUMN pruned_peak_bytes INTEGER;
ALTER TABLE latency ADD COLUMN outliers INTEGER;
)sql";

// How large sweeps stand, out of indexes alone.
constexpr const char* version_7 = R"sql(
DROP INDEX experiment_cell_state;
CREATE INDEX experiment_cell_state ON experiment_cell (experiment_id, state, current, asked);
CREATE INDEX cell_finished ON cell (state, finished, seconds) WHERE state IN ('done', 'failed');
)sql";

}  // namespace

const std::vector<Migration>& migrations() {
  static const std::vector<Migration> steps = {{version_1}, {version_2}, {version_3}, {version_4},
                                               {version_5}, {version_6}, {version_7}};
  return steps;
}

}  // namespace espalier::store
