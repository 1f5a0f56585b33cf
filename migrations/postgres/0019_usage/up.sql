-- While a run is live: what it has used so far, for whoever ends it in its owner's place.
ALTER TABLE runs ADD COLUMN used jsonb;

-- One row for each turn of a model (call 0) and each call of a tool, by the place it has in its run.
CREATE TABLE usage_records (
    tenant_id uuid NOT NULL,
    run_id uuid NOT NULL,
    step smallint NOT NULL,
    call smallint NOT NULL,
    -- Days since the beginning of 1970, UTC.
    day integer NOT NULL,
    input_tokens integer NOT NULL,
    output_tokens integer NOT NULL,
    cached_input_tokens integer NOT NULL,
    reasoning_output_tokens integer NOT NULL,
    PRIMARY KEY (tenant_id, run_id, step, call)
);
-- For forgetting the old ones.
CREATE INDEX ix_usage_records_day ON usage_records (day);

-- What the records of a day add up to: of one person, and of the whole tenant under the id that is all zeros.
CREATE TABLE usage_days (
    tenant_id uuid NOT NULL,
    person_id uuid NOT NULL,
    day integer NOT NULL,
    input_tokens bigint NOT NULL,
    output_tokens bigint NOT NULL,
    cached_input_tokens bigint NOT NULL,
    reasoning_output_tokens bigint NOT NULL,
    requests bigint NOT NULL,
    tool_calls bigint NOT NULL,
    PRIMARY KEY (tenant_id, person_id, day)
);
