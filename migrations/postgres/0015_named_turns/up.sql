-- What clients call their requests, and the id of what each request made; never its body. Kept for a day.
CREATE TABLE idempotency_keys (
    tenant_id uuid NOT NULL,
    principal text NOT NULL,
    route text NOT NULL,
    key text NOT NULL,
    request_digest bytea NOT NULL,
    result_id uuid NOT NULL,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, principal, route, key)
);
CREATE INDEX ix_idempotency_keys_age ON idempotency_keys (created_at);

-- Asked several times a second by every process: a run that was asked to stop is here until it has.
CREATE INDEX ix_runs_to_stop ON runs (tenant_id, id) WHERE cancel_requested AND ended_at IS NULL;
