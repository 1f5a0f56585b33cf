-- Events that wait for their consumers, written in the transaction of the change they announce.
-- Workers take the oldest first, and position is that order: ids of one millisecond, or of two clocks, have none.
CREATE TABLE outbox (
    position      INTEGER PRIMARY KEY,
    id            BLOB    NOT NULL UNIQUE CHECK (length(id) = 16),
    tenant_id     BLOB    NOT NULL CHECK (length(tenant_id) = 16),
    kind          TEXT    NOT NULL,
    subject       TEXT    NOT NULL,
    at            INTEGER NOT NULL,
    payload       TEXT    NOT NULL CHECK (json_type(payload) = 'object'),
    claimed_until INTEGER
) STRICT;

-- What happened, by tenant, newest found by the end of the key.
CREATE TABLE audit_events (
    tenant_id BLOB    NOT NULL CHECK (length(tenant_id) = 16),
    id        BLOB    NOT NULL CHECK (length(id) = 16),
    kind      TEXT    NOT NULL,
    subject   TEXT    NOT NULL,
    at        INTEGER NOT NULL,
    payload   TEXT    NOT NULL CHECK (json_type(payload) = 'object'),
    PRIMARY KEY (tenant_id, id)
) STRICT, WITHOUT ROWID;
