DROP TRIGGER audit_events_only_grow ON audit_events;
DROP FUNCTION audit_events_only_grow();
DROP TABLE audit_days;
DROP TABLE audit_tails;
DROP INDEX audit_events_in_order;
ALTER TABLE audit_events DROP COLUMN hash;
ALTER TABLE audit_events DROP COLUMN number;
ALTER TABLE audit_events DROP COLUMN day;
