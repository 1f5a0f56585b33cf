DROP TRIGGER audit_events_never_go;
DROP TRIGGER audit_events_never_change;
DROP TABLE audit_days;
DROP TABLE audit_tails;
DROP INDEX audit_events_in_order;
ALTER TABLE audit_events DROP COLUMN hash;
ALTER TABLE audit_events DROP COLUMN number;
ALTER TABLE audit_events DROP COLUMN day;
