DROP INDEX ix_runs_to_stop;
DROP TABLE idempotency_keys;
