-- One live token for an account, its tenant and its scopes. A global account's tenant is the nil id, not null: nulls would all
-- differ.
CREATE UNIQUE INDEX refresh_families_one_service_token ON refresh_families (tenant_id, subject, scopes)
    WHERE ended_at IS NULL AND substr(subject, 1, 16) = 'service-account:';

-- Signed requests that were used, until they are refused for their age.
CREATE TABLE service_account_nonces (
    account TEXT    NOT NULL,
    digest  BLOB    NOT NULL CHECK (length(digest) = 32),
    until   INTEGER NOT NULL,
    PRIMARY KEY (account, digest)
) STRICT, WITHOUT ROWID;
CREATE INDEX service_account_nonces_by_end ON service_account_nonces (until);

-- Accounts are in the catalogue; here are the epochs of those whose tokens were ever revoked.
CREATE TABLE service_account_epochs (
    account     TEXT    NOT NULL PRIMARY KEY,
    token_epoch INTEGER NOT NULL CHECK (token_epoch > 0)
) STRICT, WITHOUT ROWID;

-- API clients of tenants. A removed one keeps its row, so that its id and its epoch are never given again.
CREATE TABLE apps (
    id            TEXT    NOT NULL PRIMARY KEY,
    tenant_id     BLOB    NOT NULL REFERENCES tenants (id) CHECK (length(tenant_id) = 16),
    name          TEXT    NOT NULL,
    scopes        TEXT    NOT NULL,
    auth_method   TEXT    NOT NULL CHECK (auth_method IN ('client_secret', 'private_key_jwt')),
    secret_digest BLOB    CHECK (length(secret_digest) = 32),
    jwks          TEXT    CHECK (json_valid(jwks)),
    token_epoch   INTEGER NOT NULL DEFAULT 0 CHECK (token_epoch >= 0),
    created_by    TEXT    NOT NULL,
    created_at    INTEGER NOT NULL,
    removed_at    INTEGER,
    CHECK ((auth_method = 'client_secret') = (secret_digest IS NOT NULL)),
    CHECK ((auth_method = 'private_key_jwt') = (jwks IS NOT NULL))
) STRICT, WITHOUT ROWID;
CREATE INDEX apps_by_tenant ON apps (tenant_id, created_at, id);
