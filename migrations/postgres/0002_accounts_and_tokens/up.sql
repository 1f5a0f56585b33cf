CREATE TABLE tenants (
    id          uuid        PRIMARY KEY,
    slug        text        NOT NULL UNIQUE,
    name        text        NOT NULL,
    state       text        NOT NULL CHECK (state IN ('active', 'suspended')),
    token_epoch bigint      NOT NULL DEFAULT 0 CHECK (token_epoch >= 0),
    created_at  timestamptz NOT NULL
);

-- People. The address is kept as it was written, and compared in lower case.
CREATE TABLE users (
    id                uuid        PRIMARY KEY,
    email             text        NOT NULL,
    email_canonical   text        NOT NULL UNIQUE,
    email_verified_at timestamptz,
    password_hash     text,
    state             text        NOT NULL CHECK (state IN ('pending', 'active', 'disabled')),
    token_epoch       bigint      NOT NULL DEFAULT 0 CHECK (token_epoch >= 0),
    created_at        timestamptz NOT NULL,
    updated_at        timestamptz NOT NULL
);

CREATE TABLE memberships (
    tenant_id  uuid        NOT NULL REFERENCES tenants (id),
    user_id    uuid        NOT NULL REFERENCES users (id),
    role       text        NOT NULL CHECK (role IN ('viewer', 'member', 'admin', 'owner')),
    created_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, user_id)
);
-- Login asks for the tenants of a person, oldest membership first.
CREATE INDEX memberships_by_user ON memberships (user_id, created_at, tenant_id);

-- At most one row: whoever writes it makes the first tenant and its owner.
CREATE TABLE first_owner (
    singleton  smallint    PRIMARY KEY CHECK (singleton = 1),
    tenant_id  uuid        NOT NULL REFERENCES tenants (id) DEFERRABLE INITIALLY DEFERRED,
    user_id    uuid        NOT NULL REFERENCES users (id) DEFERRABLE INITIALLY DEFERRED,
    created_at timestamptz NOT NULL
);

-- Login sessions, one row each, found by sid alone. A rotation changes no indexed column and finds room on its page, so that
-- it is an update in place (HOT). No foreign keys: the hot path pays for none, and a session may outlive its tenant's row.
CREATE TABLE refresh_families (
    sid                uuid        PRIMARY KEY,
    tenant_id          uuid        NOT NULL,
    subject            text        NOT NULL,
    client_id          text        NOT NULL,
    scopes             text        NOT NULL,
    binding            text        NOT NULL CHECK (binding IN ('none', 'device')),
    binding_digest     bytea       CHECK (octet_length(binding_digest) = 32),
    generation         bigint      NOT NULL CHECK (generation >= 1),
    current_pepper_id  text        NOT NULL,
    current_mac        bytea       NOT NULL CHECK (octet_length(current_mac) = 32),
    previous_pepper_id text,
    previous_mac       bytea       CHECK (octet_length(previous_mac) = 32),
    sealed             bytea       NOT NULL,
    signing_kid        text        NOT NULL,
    created_at         timestamptz NOT NULL,
    rotated_at         timestamptz NOT NULL,
    expires_at         timestamptz NOT NULL,
    ends_at            timestamptz NOT NULL,
    ended_at           timestamptz,
    end_reason         text        CHECK (end_reason IN ('logout', 'reuse')),
    CHECK ((binding = 'none') = (binding_digest IS NULL)),
    CHECK ((previous_pepper_id IS NULL) = (previous_mac IS NULL)),
    CHECK ((ended_at IS NULL) = (end_reason IS NULL))
) WITH (fillfactor = 70);
