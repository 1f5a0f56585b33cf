-- Of runs that ended long ago the log is forgotten; the run itself, its usage and its messages stay.
ALTER TABLE runs ADD COLUMN log_forgotten boolean NOT NULL DEFAULT false;
CREATE INDEX ix_runs_logs ON runs (ended_at) WHERE ended_at IS NOT NULL AND NOT log_forgotten;

-- Work that one replica does for all: who does it, and until when.
CREATE TABLE leases (
    name text NOT NULL PRIMARY KEY,
    holder uuid NOT NULL,
    until timestamptz NOT NULL
);
