-- Each entry of a tenant's record carries a hash over itself and the entry before it, so that nobody changes, removes or inserts one
-- without it showing. Numbers begin anew each day; a day begins with the hash that the day before ended with. Entries of before are
-- in no chain.
ALTER TABLE audit_events ADD COLUMN day    INTEGER;
ALTER TABLE audit_events ADD COLUMN number INTEGER;
ALTER TABLE audit_events ADD COLUMN hash   BLOB CHECK (length(hash) = 32);
CREATE UNIQUE INDEX audit_events_in_order ON audit_events (tenant_id, day, number);

-- The newest entry of each tenant.
CREATE TABLE audit_tails (
    tenant_id BLOB    PRIMARY KEY NOT NULL CHECK (length(tenant_id) = 16),
    day       INTEGER NOT NULL,
    number    INTEGER NOT NULL,
    head      BLOB    NOT NULL CHECK (length(head) = 32)
) STRICT, WITHOUT ROWID;

-- How each day before ended.
CREATE TABLE audit_days (
    tenant_id BLOB    NOT NULL CHECK (length(tenant_id) = 16),
    day       INTEGER NOT NULL,
    number    INTEGER NOT NULL,
    head      BLOB    NOT NULL CHECK (length(head) = 32),
    PRIMARY KEY (tenant_id, day)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER audit_events_never_change BEFORE UPDATE ON audit_events
BEGIN
    SELECT RAISE(ABORT, 'audit_events only grows');
END;
CREATE TRIGGER audit_events_never_go BEFORE DELETE ON audit_events
BEGIN
    SELECT RAISE(ABORT, 'audit_events only grows');
END;
