-- One live token for an account, its tenant and its scopes. A global account's tenant is the nil id, not null: nulls would all
-- differ.
CREATE UNIQUE INDEX refresh_families_one_service_token ON refresh_families (tenant_id, subject, scopes)
    WHERE ended_at IS NULL AND substr(subject, 1, 16) = 'service-account:';

-- Signed requests that were used, until they are refused for their age.
CREATE TABLE service_account_nonces (
    account text        NOT NULL,
    digest  bytea       NOT NULL CHECK (octet_length(digest) = 32),
    until   timestamptz NOT NULL,
    PRIMARY KEY (account, digest)
);
CREATE INDEX service_account_nonces_by_end ON service_account_nonces (until);

-- Accounts are in the catalogue; here are the epochs of those whose tokens were ever revoked.
CREATE TABLE service_account_epochs (
    account     text   PRIMARY KEY,
    token_epoch bigint NOT NULL CHECK (token_epoch > 0)
);

-- API clients of tenants. A removed one keeps its row, so that its id and its epoch are never given again.
CREATE TABLE apps (
    id            text        PRIMARY KEY,
    tenant_id     uuid        NOT NULL REFERENCES tenants (id),
    name          text        NOT NULL,
    scopes        text        NOT NULL,
    auth_method   text        NOT NULL CHECK (auth_method IN ('client_secret', 'private_key_jwt')),
    secret_digest bytea       CHECK (octet_length(secret_digest) = 32),
    jwks          jsonb,
    token_epoch   bigint      NOT NULL DEFAULT 0 CHECK (token_epoch >= 0),
    created_by    text        NOT NULL,
    created_at    timestamptz NOT NULL,
    removed_at    timestamptz,
    CHECK ((auth_method = 'client_secret') = (secret_digest IS NOT NULL)),
    CHECK ((auth_method = 'private_key_jwt') = (jwks IS NOT NULL))
);
CREATE INDEX apps_by_tenant ON apps (tenant_id, created_at, id);
