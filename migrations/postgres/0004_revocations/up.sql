-- What ends access tokens before their time. Every process holds all of it in memory and reads what is new four times a second.
-- position is the transaction that wrote the row. Readers go on from the oldest transaction that was still open when they
-- last read, so one that commits late is not passed over, as it would be with numbers of a sequence.
CREATE TABLE revocations (
    position   bigint      NOT NULL DEFAULT (pg_current_xact_id()::text::bigint),
    id         uuid        NOT NULL,
    kind       text        NOT NULL CHECK (kind IN ('token', 'session', 'subject', 'tenant', 'key')),
    target     text        NOT NULL,
    epoch      bigint      CHECK (epoch > 0),
    at         timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    PRIMARY KEY (position, id),
    CHECK ((kind IN ('subject', 'tenant')) = (epoch IS NOT NULL))
);
-- A process whose set is too old asks here for each token.
CREATE INDEX revocations_by_target ON revocations (kind, target);

-- Sessions can now also end because their tokens or their key were revoked, all of a subject's or a tenant's at once.
ALTER TABLE refresh_families
    DROP CONSTRAINT refresh_families_end_reason_check,
    ADD CONSTRAINT refresh_families_end_reason_check
        CHECK (end_reason IN ('logout', 'reuse', 'revoked', 'compromise'));
CREATE INDEX refresh_families_live_by_subject ON refresh_families (subject) WHERE ended_at IS NULL;
CREATE INDEX refresh_families_live_by_tenant ON refresh_families (tenant_id) WHERE ended_at IS NULL;
