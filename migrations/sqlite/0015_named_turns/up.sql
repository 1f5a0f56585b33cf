-- What clients call their requests, and the id of what each request made; never its body. Kept for a day.
CREATE TABLE idempotency_keys (
    tenant_id BLOB NOT NULL,
    principal TEXT NOT NULL,
    route TEXT NOT NULL,
    key TEXT NOT NULL,
    request_digest BLOB NOT NULL,
    result_id BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, principal, route, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX ix_idempotency_keys_age ON idempotency_keys (created_at);

-- Asked several times a second by every process: a run that was asked to stop is here until it has.
CREATE INDEX ix_runs_to_stop ON runs (tenant_id, id) WHERE cancel_requested AND ended_at IS NULL;
