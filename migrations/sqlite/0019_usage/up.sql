-- While a run is live: what it has used so far, for whoever ends it in its owner's place.
ALTER TABLE runs ADD COLUMN used TEXT;

-- One row for each turn of a model (call 0) and each call of a tool, by the place it has in its run.
CREATE TABLE usage_records (
    tenant_id BLOB NOT NULL,
    run_id BLOB NOT NULL,
    step INTEGER NOT NULL,
    call INTEGER NOT NULL,
    -- Days since the beginning of 1970, UTC.
    day INTEGER NOT NULL,
    input_tokens INTEGER NOT NULL,
    output_tokens INTEGER NOT NULL,
    cached_input_tokens INTEGER NOT NULL,
    reasoning_output_tokens INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, run_id, step, call)
) STRICT, WITHOUT ROWID;
-- For forgetting the old ones.
CREATE INDEX ix_usage_records_day ON usage_records (day);

-- What the records of a day add up to: of one person, and of the whole tenant under the id that is all zeros.
CREATE TABLE usage_days (
    tenant_id BLOB NOT NULL,
    person_id BLOB NOT NULL,
    day INTEGER NOT NULL,
    input_tokens INTEGER NOT NULL,
    output_tokens INTEGER NOT NULL,
    cached_input_tokens INTEGER NOT NULL,
    reasoning_output_tokens INTEGER NOT NULL,
    requests INTEGER NOT NULL,
    tool_calls INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, person_id, day)
) STRICT, WITHOUT ROWID;
