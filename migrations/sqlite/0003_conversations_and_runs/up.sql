-- No foreign keys among these tables: each would be a look-up for every message and every flush. The statements that write
-- them hold the write lock, and deleting takes all of it in one transaction.

-- Threads. One is made with its first message.
CREATE TABLE conversations (
    tenant_id BLOB NOT NULL,
    id BLOB NOT NULL,
    owner_id BLOB NOT NULL,
    key TEXT NOT NULL,
    display_name TEXT CHECK (length(display_name) <= 200),
    agent_entrypoint TEXT NOT NULL,
    active_agent TEXT NOT NULL,
    message_count INTEGER NOT NULL CHECK (message_count > 0),
    last_message_preview TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, id)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX uq_conversations_key ON conversations (tenant_id, owner_id, key);
CREATE INDEX ix_conversations_list ON conversations (tenant_id, owner_id, updated_at DESC, id DESC);

-- What was said. Positions count from 0 without gaps.
CREATE TABLE messages (
    tenant_id BLOB NOT NULL,
    conversation_id BLOB NOT NULL,
    position INTEGER NOT NULL,
    id BLOB NOT NULL,
    owner_id BLOB NOT NULL,
    role TEXT NOT NULL CHECK (role IN ('user', 'assistant')),
    content TEXT NOT NULL,
    agent TEXT,
    run_id BLOB NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('pending', 'completed', 'incomplete')),
    created_at INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, conversation_id, position)
) STRICT, WITHOUT ROWID;

-- The words of the messages, written with them. `scope` holds two words of its own, whose message it is and of which
-- conversation: the index finds those of one person, or of one conversation, without meeting others.
CREATE VIRTUAL TABLE message_search USING fts5 (
    scope,
    content,
    conversation_id UNINDEXED,
    position UNINDEXED,
    tokenize = 'porter unicode61'
);

-- One turn of a hosted agent. A run without an end is live.
CREATE TABLE runs (
    tenant_id BLOB NOT NULL,
    id BLOB NOT NULL,
    owner_id BLOB NOT NULL,
    conversation_id BLOB NOT NULL,
    conversation_key TEXT NOT NULL,
    user_position INTEGER NOT NULL,
    entry_agent TEXT NOT NULL,
    active_agent TEXT NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('running', 'completed', 'failed', 'cancelled')),
    epoch INTEGER NOT NULL,
    lease_until INTEGER NOT NULL,
    ids_until INTEGER NOT NULL,
    cancel_requested INTEGER NOT NULL CHECK (cancel_requested IN (0, 1)),
    usage TEXT CHECK (json_valid(usage)),
    started_at INTEGER NOT NULL,
    ended_at INTEGER,
    PRIMARY KEY (tenant_id, id),
    CHECK ((status = 'running') = (ended_at IS NULL))
) STRICT, WITHOUT ROWID;
-- At most one run of a conversation is live. The live ones are few: this finds those whose lease is over too, and a lease can
-- be renewed without touching an index.
CREATE UNIQUE INDEX uq_runs_live ON runs (tenant_id, conversation_id) WHERE ended_at IS NULL;
CREATE UNIQUE INDEX uq_runs_position ON runs (tenant_id, conversation_id, user_position);

-- The events of runs, a row a flush.
CREATE TABLE run_log (
    tenant_id BLOB NOT NULL,
    run_id BLOB NOT NULL,
    last_id INTEGER NOT NULL,
    events TEXT NOT NULL CHECK (json_valid(events)),
    PRIMARY KEY (tenant_id, run_id, last_id)
) STRICT, WITHOUT ROWID;
