/**
 * Schema of `pratique.db`, oldest version first. A released entry is never edited: a change is a
 * new entry, and migration runs all missing ones in one transaction.
 *
 * Times are milliseconds since the epoch; columns with structure hold JSON.
 */
const VERSION_1 = `
CREATE TABLE meta (
  key TEXT PRIMARY KEY,
  value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE runs (
  id TEXT PRIMARY KEY,
  kind TEXT NOT NULL,
  host TEXT NOT NULL,
  dry_run INTEGER NOT NULL,
  started_at_ms INTEGER NOT NULL,
  ended_at_ms INTEGER,
  exit_code INTEGER,
  interrupted TEXT,
  report TEXT CHECK (report IS NULL OR json_valid(report))
) STRICT;
CREATE INDEX runs_by_start ON runs (started_at_ms);

CREATE TABLE operations (
  id TEXT PRIMARY KEY,
  run_id TEXT NOT NULL REFERENCES runs (id),
  kind TEXT NOT NULL CHECK (kind IN ('update', 'rollback')),
  containers TEXT NOT NULL CHECK (json_valid(containers)),
  plan TEXT NOT NULL CHECK (json_valid(plan)),
  opened_at_ms INTEGER NOT NULL,
  closed_at_ms INTEGER,
  end TEXT CHECK (end IN ('committed', 'rolled-back', 'rollback-failed', 'abandoned')),
  recovery_attempts INTEGER NOT NULL DEFAULT 0,
  CHECK ((closed_at_ms IS NULL) = (end IS NULL))
) STRICT;
CREATE INDEX operations_by_run ON operations (run_id);

CREATE TABLE steps (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  operation_id TEXT NOT NULL REFERENCES operations (id) ON DELETE CASCADE,
  phase TEXT NOT NULL,
  container TEXT,
  detail TEXT CHECK (detail IS NULL OR json_valid(detail)),
  at_ms INTEGER NOT NULL
) STRICT;
CREATE INDEX steps_by_operation ON steps (operation_id, id);

CREATE TABLE updates (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  run_id TEXT NOT NULL REFERENCES runs (id),
  container TEXT NOT NULL,
  service TEXT NOT NULL,
  reference TEXT NOT NULL,
  outcome_kind TEXT NOT NULL,
  outcome TEXT NOT NULL CHECK (json_valid(outcome)),
  from_digest TEXT,
  from_image_id TEXT,
  to_digest TEXT,
  to_image_id TEXT,
  decision TEXT CHECK (decision IS NULL OR json_valid(decision)),
  database_updated_at_ms INTEGER,
  scanner_version TEXT,
  policy TEXT CHECK (policy IS NULL OR json_valid(policy)),
  phases TEXT NOT NULL CHECK (json_valid(phases)),
  downtime_ms REAL,
  fixed TEXT NOT NULL CHECK (json_valid(fixed)),
  new TEXT NOT NULL CHECK (json_valid(new)),
  at_ms INTEGER NOT NULL,
  UNIQUE (run_id, container)
) STRICT;
CREATE INDEX updates_by_container ON updates (container, id);

CREATE TABLE scans (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  digest TEXT NOT NULL,
  reference TEXT NOT NULL,
  database_updated_at_ms INTEGER,
  scanner_version TEXT,
  scanned_at_ms INTEGER NOT NULL,
  os TEXT,
  end_of_life INTEGER NOT NULL,
  package_count INTEGER NOT NULL,
  counts TEXT NOT NULL CHECK (json_valid(counts))
) STRICT;
CREATE UNIQUE INDEX scans_by_digest ON scans (digest, ifnull(database_updated_at_ms, -1));

CREATE TABLE findings (
  scan_id INTEGER NOT NULL REFERENCES scans (id) ON DELETE CASCADE,
  position INTEGER NOT NULL,
  id TEXT NOT NULL,
  severity TEXT NOT NULL,
  package TEXT NOT NULL,
  installed_version TEXT NOT NULL,
  fixed_version TEXT,
  status TEXT NOT NULL,
  title TEXT NOT NULL,
  url TEXT,
  PRIMARY KEY (scan_id, position)
) STRICT, WITHOUT ROWID;

CREATE TABLE backups (
  container TEXT NOT NULL,
  slot INTEGER NOT NULL CHECK (slot >= 1),
  tag TEXT NOT NULL UNIQUE,
  image_id TEXT NOT NULL,
  digest TEXT,
  reference TEXT NOT NULL,
  created_at_ms INTEGER NOT NULL,
  inspect TEXT NOT NULL CHECK (json_valid(inspect)),
  PRIMARY KEY (container, slot)
) STRICT, WITHOUT ROWID;

CREATE TABLE queue (
  container TEXT PRIMARY KEY,
  reference TEXT NOT NULL,
  digest TEXT,
  reason TEXT NOT NULL CHECK (json_valid(reason)),
  ids TEXT NOT NULL CHECK (json_valid(ids)),
  since_ms INTEGER NOT NULL,
  attempts INTEGER NOT NULL,
  last_try_ms INTEGER NOT NULL,
  next_try_ms INTEGER,
  notified_key TEXT
) STRICT, WITHOUT ROWID;

CREATE TABLE quarantine (
  container TEXT NOT NULL,
  digest TEXT NOT NULL,
  failed_attempts INTEGER NOT NULL,
  quarantined_at_ms INTEGER,
  reason TEXT NOT NULL,
  last_failure_at_ms INTEGER NOT NULL,
  PRIMARY KEY (container, digest)
) STRICT, WITHOUT ROWID;

CREATE TABLE approvals (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  container TEXT NOT NULL,
  digest TEXT,
  ids TEXT NOT NULL CHECK (json_valid(ids)),
  reason TEXT NOT NULL CHECK (length(reason) > 0),
  approved_by TEXT NOT NULL,
  approved_at_ms INTEGER NOT NULL,
  expires_at_ms INTEGER,
  CHECK (digest IS NOT NULL OR json_array_length(ids) > 0)
) STRICT;
CREATE INDEX approvals_by_container ON approvals (container);

CREATE TABLE first_seen (
  reference TEXT NOT NULL,
  digest TEXT NOT NULL,
  at_ms INTEGER NOT NULL,
  PRIMARY KEY (reference, digest)
) STRICT, WITHOUT ROWID;

CREATE TABLE candidates (
  container TEXT PRIMARY KEY,
  reference TEXT NOT NULL,
  running_image_id TEXT,
  running_digest TEXT,
  candidate TEXT,
  outcome TEXT NOT NULL CHECK (json_valid(outcome)),
  decision TEXT CHECK (decision IS NULL OR json_valid(decision)),
  at_ms INTEGER NOT NULL,
  notified_digest TEXT
) STRICT, WITHOUT ROWID;

CREATE TABLE outbox (
  position INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL,
  channel TEXT NOT NULL CHECK (channel IN ('main', 'fallback')),
  key TEXT,
  event TEXT NOT NULL,
  container TEXT,
  message TEXT NOT NULL CHECK (json_valid(message)),
  created_at_ms INTEGER NOT NULL,
  attempts INTEGER NOT NULL DEFAULT 0,
  next_attempt_ms INTEGER NOT NULL,
  refused INTEGER NOT NULL DEFAULT 0,
  last_error TEXT,
  delivered_at_ms INTEGER,
  server_id TEXT,
  given_up_at_ms INTEGER,
  UNIQUE (id, channel),
  UNIQUE (key, channel),
  CHECK (delivered_at_ms IS NULL OR given_up_at_ms IS NULL)
) STRICT;
CREATE INDEX outbox_pending ON outbox (channel, position)
  WHERE delivered_at_ms IS NULL AND given_up_at_ms IS NULL;
`;

/** Entry `n` brings a database from version `n` to `n + 1`. */
export const MIGRATIONS: readonly string[] = [VERSION_1];

/** Version that this program writes (`PRAGMA user_version`). */
export const SCHEMA_VERSION = MIGRATIONS.length;

/** Marks the file as ours (`PRAGMA application_id`): "PRAT". */
export const APPLICATION_ID = 0x50524154;

/** Tables that a database of the present version must have. */
export const TABLES: readonly string[] = [
  "meta",
  "runs",
  "operations",
  "steps",
  "updates",
  "scans",
  "findings",
  "backups",
  "queue",
  "quarantine",
  "approvals",
  "first_seen",
  "candidates",
  "outbox",
];
