DROP TABLE leases;
DROP INDEX ix_runs_logs;
ALTER TABLE runs DROP COLUMN log_forgotten;
