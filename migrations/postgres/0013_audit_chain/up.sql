-- Each entry of a tenant's record carries a hash over itself and the entry before it, so that nobody changes, removes or inserts one
-- without it showing. Numbers begin anew each day; a day begins with the hash that the day before ended with. Entries of before are
-- in no chain.
ALTER TABLE audit_events ADD COLUMN day    bigint;
ALTER TABLE audit_events ADD COLUMN number bigint;
ALTER TABLE audit_events ADD COLUMN hash   bytea CHECK (octet_length(hash) = 32);
CREATE UNIQUE INDEX audit_events_in_order ON audit_events (tenant_id, day, number);

-- The newest entry of each tenant. Whoever appends locks its row.
CREATE TABLE audit_tails (
    tenant_id uuid   PRIMARY KEY,
    day       bigint NOT NULL,
    number    bigint NOT NULL,
    head      bytea  NOT NULL CHECK (octet_length(head) = 32)
);

-- How each day before ended.
CREATE TABLE audit_days (
    tenant_id uuid   NOT NULL,
    day       bigint NOT NULL,
    number    bigint NOT NULL,
    head      bytea  NOT NULL CHECK (octet_length(head) = 32),
    PRIMARY KEY (tenant_id, day)
);

CREATE FUNCTION audit_events_only_grow() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'audit_events only grows';
END $$;
CREATE TRIGGER audit_events_only_grow BEFORE UPDATE OR DELETE ON audit_events
    FOR EACH ROW EXECUTE FUNCTION audit_events_only_grow();
