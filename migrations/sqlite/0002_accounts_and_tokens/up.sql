CREATE TABLE tenants (
    id          BLOB    NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    slug        TEXT    NOT NULL UNIQUE,
    name        TEXT    NOT NULL,
    state       TEXT    NOT NULL CHECK (state IN ('active', 'suspended')),
    token_epoch INTEGER NOT NULL DEFAULT 0 CHECK (token_epoch >= 0),
    created_at  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- People. The address is kept as it was written, and compared in lower case.
CREATE TABLE users (
    id                BLOB    NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    email             TEXT    NOT NULL,
    email_canonical   TEXT    NOT NULL UNIQUE,
    email_verified_at INTEGER,
    password_hash     TEXT,
    state             TEXT    NOT NULL CHECK (state IN ('pending', 'active', 'disabled')),
    token_epoch       INTEGER NOT NULL DEFAULT 0 CHECK (token_epoch >= 0),
    created_at        INTEGER NOT NULL,
    updated_at        INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE memberships (
    tenant_id  BLOB    NOT NULL REFERENCES tenants (id),
    user_id    BLOB    NOT NULL REFERENCES users (id),
    role       TEXT    NOT NULL CHECK (role IN ('viewer', 'member', 'admin', 'owner')),
    created_at INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, user_id)
) STRICT, WITHOUT ROWID;
-- Login asks for the tenants of a person, oldest membership first.
CREATE INDEX memberships_by_user ON memberships (user_id, created_at, tenant_id);

-- At most one row: whoever writes it makes the first tenant and its owner.
CREATE TABLE first_owner (
    singleton  INTEGER NOT NULL PRIMARY KEY CHECK (singleton = 1),
    tenant_id  BLOB    NOT NULL REFERENCES tenants (id) DEFERRABLE INITIALLY DEFERRED,
    user_id    BLOB    NOT NULL REFERENCES users (id) DEFERRABLE INITIALLY DEFERRED,
    created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Login sessions, one row each, found by sid alone. No foreign keys: the hot path pays for none, and a session may outlive its
-- tenant's row.
CREATE TABLE refresh_families (
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
    end_reason         TEXT    CHECK (end_reason IN ('logout', 'reuse')),
    CHECK ((binding = 'none') = (binding_digest IS NULL)),
    CHECK ((previous_pepper_id IS NULL) = (previous_mac IS NULL)),
    CHECK ((ended_at IS NULL) = (end_reason IS NULL))
) STRICT, WITHOUT ROWID;
