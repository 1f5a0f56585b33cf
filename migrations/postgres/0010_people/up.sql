-- The passwords a person had before, so that none is used again.
CREATE TABLE password_history (
    user_id       uuid        NOT NULL REFERENCES users (id),
    id            uuid        NOT NULL,
    password_hash text        NOT NULL,
    replaced_at   timestamptz NOT NULL,
    PRIMARY KEY (user_id, id)
);

-- Links that are mailed, until they are used or expire. What stands in the mail is made from the id and a secret of the server:
-- nothing here opens anything. A row that is not sent waits for the worker.
CREATE TABLE mailed_links (
    id              uuid        PRIMARY KEY,
    kind            text        NOT NULL CHECK (kind IN ('password_reset', 'email_verification', 'invitation')),
    user_id         uuid        REFERENCES users (id),
    tenant_id       uuid        REFERENCES tenants (id),
    role            text        CHECK (role IN ('viewer', 'member', 'admin', 'owner')),
    invited_by      uuid        REFERENCES users (id),
    email           text        NOT NULL,
    email_canonical text        NOT NULL,
    created_at      timestamptz NOT NULL,
    expires_at      timestamptz NOT NULL,
    tries           smallint    NOT NULL DEFAULT 0,
    next_try_at     timestamptz NOT NULL,
    sent_at         timestamptz,
    CHECK ((kind = 'invitation') = (user_id IS NULL)),
    CHECK ((kind = 'invitation') = (tenant_id IS NOT NULL)),
    CHECK ((tenant_id IS NULL) = (role IS NULL)),
    CHECK ((tenant_id IS NULL) = (invited_by IS NULL))
);
CREATE INDEX mailed_links_by_address ON mailed_links (email_canonical, kind);
CREATE INDEX mailed_links_by_tenant ON mailed_links (tenant_id, created_at) WHERE tenant_id IS NOT NULL;
CREATE INDEX mailed_links_by_user ON mailed_links (user_id) WHERE user_id IS NOT NULL;
CREATE INDEX mailed_links_unsent ON mailed_links (next_try_at) WHERE sent_at IS NULL;
CREATE INDEX mailed_links_by_end ON mailed_links (expires_at);
