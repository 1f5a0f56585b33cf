-- The passwords a person had before, so that none is used again.
CREATE TABLE password_history (
    user_id       BLOB    NOT NULL REFERENCES users (id) CHECK (length(user_id) = 16),
    id            BLOB    NOT NULL CHECK (length(id) = 16),
    password_hash TEXT    NOT NULL,
    replaced_at   INTEGER NOT NULL,
    PRIMARY KEY (user_id, id)
) STRICT, WITHOUT ROWID;

-- Links that are mailed, until they are used or expire. What stands in the mail is made from the id and a secret of the server:
-- nothing here opens anything. A row that is not sent waits for the worker.
CREATE TABLE mailed_links (
    id              BLOB    NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    kind            TEXT    NOT NULL CHECK (kind IN ('password_reset', 'email_verification', 'invitation')),
    user_id         BLOB    REFERENCES users (id) CHECK (length(user_id) = 16),
    tenant_id       BLOB    REFERENCES tenants (id) CHECK (length(tenant_id) = 16),
    role            TEXT    CHECK (role IN ('viewer', 'member', 'admin', 'owner')),
    invited_by      BLOB    REFERENCES users (id) CHECK (length(invited_by) = 16),
    email           TEXT    NOT NULL,
    email_canonical TEXT    NOT NULL,
    created_at      INTEGER NOT NULL,
    expires_at      INTEGER NOT NULL,
    tries           INTEGER NOT NULL DEFAULT 0,
    next_try_at     INTEGER NOT NULL,
    sent_at         INTEGER,
    CHECK ((kind = 'invitation') = (user_id IS NULL)),
    CHECK ((kind = 'invitation') = (tenant_id IS NOT NULL)),
    CHECK ((tenant_id IS NULL) = (role IS NULL)),
    CHECK ((tenant_id IS NULL) = (invited_by IS NULL))
) STRICT, WITHOUT ROWID;
CREATE INDEX mailed_links_by_address ON mailed_links (email_canonical, kind);
CREATE INDEX mailed_links_by_tenant ON mailed_links (tenant_id, created_at) WHERE tenant_id IS NOT NULL;
CREATE INDEX mailed_links_by_user ON mailed_links (user_id) WHERE user_id IS NOT NULL;
CREATE INDEX mailed_links_unsent ON mailed_links (next_try_at) WHERE sent_at IS NULL;
CREATE INDEX mailed_links_by_end ON mailed_links (expires_at);
