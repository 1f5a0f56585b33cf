-- What ends access tokens before their time. Every process holds all of it in memory and reads what is new four times a second.
-- position counts writes: one writer, so what comes later has a higher one. The newest row is kept, or its position would be
-- given again.
CREATE TABLE revocations (
    position   INTEGER NOT NULL,
    id         BLOB    NOT NULL CHECK (length(id) = 16),
    kind       TEXT    NOT NULL CHECK (kind IN ('token', 'session', 'subject', 'tenant', 'key')),
    target     TEXT    NOT NULL,
    epoch      INTEGER CHECK (epoch > 0),
    at         INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    PRIMARY KEY (position, id),
    CHECK ((kind IN ('subject', 'tenant')) = (epoch IS NOT NULL))
) STRICT, WITHOUT ROWID;
CREATE INDEX revocations_by_target ON revocations (kind, target);

-- Sessions can now also end because their tokens or their key were revoked. SQLite changes a check by making the table anew.
CREATE TABLE refresh_families_new (
    sid                BLOB    NOT NULL PRIMARY KEY CHECK (length(sid) = 16),
    tenant_id          BLOB    NOT NULL CHECK (length(tenant_id) = 16),
    subject            TEXT    NOT NULL,
    client_id          TEXT    NOT NULL,
    scopes             TEXT    NOT NULL,
    binding            TEXT    NOT NULL CHECK (binding IN ('none', 'device')),
    binding_digest     BLOB    CHECK (length(binding_digest) = 32),
    generation         INTEGER NOT NULL CHECK (generation >= 1),
    current_pepper_id  TEXT    NOT NULL,
    current_mac        BLOB    NOT NULL CHECK (length(current_mac) = 32),
    previous_pepper_id TEXT,
    previous_mac       BLOB    CHECK (length(previous_mac) = 32),
    sealed             BLOB    NOT NULL,
    signing_kid        TEXT    NOT NULL,
    created_at         INTEGER NOT NULL,
    rotated_at         INTEGER NOT NULL,
    expires_at         INTEGER NOT NULL,
    ends_at            INTEGER NOT NULL,
    ended_at           INTEGER,
    end_reason         TEXT    CHECK (end_reason IN ('logout', 'reuse', 'revoked', 'compromise')),
    CHECK ((binding = 'none') = (binding_digest IS NULL)),
    CHECK ((previous_pepper_id IS NULL) = (previous_mac IS NULL)),
    CHECK ((ended_at IS NULL) = (end_reason IS NULL))
) STRICT, WITHOUT ROWID;
INSERT INTO refresh_families_new (
    sid, tenant_id, subject, client_id, scopes, binding, binding_digest, generation, current_pepper_id, current_mac,
    previous_pepper_id, previous_mac, sealed, signing_kid, created_at, rotated_at, expires_at, ends_at, ended_at,
    end_reason
)
SELECT
    sid, tenant_id, subject, client_id, scopes, binding, binding_digest, generation, current_pepper_id, current_mac,
    previous_pepper_id, previous_mac, sealed, signing_kid, created_at, rotated_at, expires_at, ends_at, ended_at,
    end_reason
FROM refresh_families;
DROP TABLE refresh_families;
ALTER TABLE refresh_families_new RENAME TO refresh_families;
CREATE INDEX refresh_families_live_by_subject ON refresh_families (subject) WHERE ended_at IS NULL;
CREATE INDEX refresh_families_live_by_tenant ON refresh_families (tenant_id) WHERE ended_at IS NULL;
