DROP INDEX ix_runs_with_log;
CREATE TABLE run_log_whole (LIKE run_log, PRIMARY KEY (tenant_id, run_id, last_id));
INSERT INTO run_log_whole SELECT * FROM run_log;
DROP TABLE run_log;
ALTER TABLE run_log_whole RENAME TO run_log;
ALTER INDEX run_log_whole_pkey RENAME TO run_log_pkey;
