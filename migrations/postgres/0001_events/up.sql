-- Events that wait for their consumers, written in the transaction of the change they announce.
-- Workers take the oldest first, and position is that order: ids of one millisecond, or of two clocks, have none. There is no
-- index on claimed_until, so that claiming is an update in place (HOT), and few rows are claimed at a time.
CREATE TABLE outbox (
    position      bigint      PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    id            uuid        NOT NULL UNIQUE,
    tenant_id     uuid        NOT NULL,
    kind          text        NOT NULL,
    subject       text        NOT NULL,
    at            timestamptz NOT NULL,
    payload       jsonb       NOT NULL CHECK (jsonb_typeof(payload) = 'object'),
    claimed_until timestamptz
) WITH (fillfactor = 70);

-- What happened, by tenant, newest found by the end of the key.
CREATE TABLE audit_events (
    tenant_id uuid        NOT NULL,
    id        uuid        NOT NULL,
    kind      text        NOT NULL,
    subject   text        NOT NULL,
    at        timestamptz NOT NULL,
    payload   jsonb       NOT NULL CHECK (jsonb_typeof(payload) = 'object'),
    PRIMARY KEY (tenant_id, id)
);
