-- What a run waits for. One that waits is live, and its lease lasts as long as it may wait.
ALTER TABLE runs ADD COLUMN approval_id BLOB;

-- Calls that a person is asked about. While one is pending it holds all that its run needs to go on.
CREATE TABLE approvals (
    tenant_id BLOB NOT NULL,
    id BLOB NOT NULL,
    owner_id BLOB NOT NULL,
    run_id BLOB NOT NULL,
    conversation_key TEXT NOT NULL,
    agent TEXT NOT NULL,
    tool TEXT NOT NULL,
    call_id TEXT NOT NULL,
    arguments TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('pending', 'approved', 'denied', 'expired', 'withdrawn')),
    asked_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    settled_at INTEGER,
    reason TEXT,
    checkpoint TEXT,
    PRIMARY KEY (tenant_id, id),
    CHECK ((state = 'pending') = (checkpoint IS NOT NULL)),
    CHECK ((state = 'pending') = (settled_at IS NULL))
) STRICT, WITHOUT ROWID;
-- A person's list, and nothing of what was settled.
CREATE INDEX ix_approvals_pending ON approvals (tenant_id, owner_id, id) WHERE state = 'pending';
-- For deleting a conversation.
CREATE INDEX ix_approvals_run ON approvals (tenant_id, run_id);
