-- What a run waits for. One that waits is live, and its lease lasts as long as it may wait.
ALTER TABLE runs ADD COLUMN approval_id uuid;

-- Calls that a person is asked about. While one is pending it holds all that its run needs to go on.
CREATE TABLE approvals (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    owner_id uuid NOT NULL,
    run_id uuid NOT NULL,
    conversation_key text NOT NULL,
    agent text NOT NULL,
    tool text NOT NULL,
    call_id text NOT NULL,
    arguments text NOT NULL,
    state text NOT NULL CHECK (state IN ('pending', 'approved', 'denied', 'expired', 'withdrawn')),
    asked_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    settled_at timestamptz,
    reason text,
    checkpoint text,
    PRIMARY KEY (tenant_id, id),
    CHECK ((state = 'pending') = (checkpoint IS NOT NULL)),
    CHECK ((state = 'pending') = (settled_at IS NULL))
);
-- A person's list, and nothing of what was settled.
CREATE INDEX ix_approvals_pending ON approvals (tenant_id, owner_id, id) WHERE state = 'pending';
-- For deleting a conversation.
CREATE INDEX ix_approvals_run ON approvals (tenant_id, run_id);
