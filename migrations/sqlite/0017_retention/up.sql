-- Of runs that ended long ago the log is forgotten; the run itself, its usage and its messages stay.
ALTER TABLE runs ADD COLUMN log_forgotten INTEGER NOT NULL DEFAULT 0 CHECK (log_forgotten IN (0, 1));
CREATE INDEX ix_runs_logs ON runs (ended_at) WHERE ended_at IS NOT NULL AND NOT log_forgotten;

-- Work that one process does for all: who does it, and until when.
CREATE TABLE leases (
    name TEXT NOT NULL PRIMARY KEY,
    holder BLOB NOT NULL CHECK (length(holder) = 16),
    until INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
