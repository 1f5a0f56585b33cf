-- The events of runs, apart by the month in which their run began: the id of a run is a UUIDv7, which begins with milliseconds since
-- 1970. The primary key holds the id, so it holds for the whole table. The server makes a partition for each month ahead of its time
-- and drops those whose logs are all forgotten.
ALTER TABLE run_log RENAME TO run_log_before;
ALTER INDEX run_log_pkey RENAME TO run_log_before_pkey;
CREATE TABLE run_log (
    LIKE run_log_before,
    PRIMARY KEY (tenant_id, run_id, last_id)
) PARTITION BY RANGE (run_id);
-- For ids of a month that has no partition.
CREATE TABLE run_log_rest PARTITION OF run_log DEFAULT;

-- All there is, and what is yet to come this month, stays where it is.
DO $$
DECLARE
    next_month timestamp := date_trunc('month', now() AT TIME ZONE 'UTC') + interval '1 month';
    first_id uuid := (lpad(to_hex((extract(epoch FROM next_month) * 1000)::bigint), 12, '0') || repeat('0', 20))::uuid;
BEGIN
    -- Nothing, unless a clock was far ahead.
    WITH ahead AS (DELETE FROM run_log_before WHERE run_id >= first_id RETURNING *)
    INSERT INTO run_log SELECT * FROM ahead;
    EXECUTE format('ALTER TABLE run_log ATTACH PARTITION run_log_before FOR VALUES FROM (MINVALUE) TO (%L)', first_id);
END $$;

-- Whether a run of some month has a log yet.
CREATE INDEX ix_runs_with_log ON runs (id) WHERE NOT log_forgotten;
