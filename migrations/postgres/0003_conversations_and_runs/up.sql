-- No foreign keys among these tables: each would be a look-up for every message and every flush. The statements that write
-- them hold the conversation's row, and deleting takes all of it in one transaction.

-- Threads. One is made with its first message.
CREATE TABLE conversations (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    owner_id uuid NOT NULL,
    key text NOT NULL,
    -- Bounded because the list's index holds it.
    display_name text CHECK (char_length(display_name) <= 200),
    agent_entrypoint text NOT NULL,
    active_agent text NOT NULL,
    message_count bigint NOT NULL CHECK (message_count > 0),
    last_message_preview text NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id)
);
CREATE UNIQUE INDEX uq_conversations_key ON conversations (tenant_id, owner_id, key);
-- The list reads this alone, so that a page is a handful of buffers whatever the size of the table.
CREATE INDEX ix_conversations_list ON conversations (tenant_id, owner_id, updated_at DESC, id DESC)
    INCLUDE (key, display_name, agent_entrypoint, active_agent, message_count, last_message_preview, created_at);

-- What was said. Positions count from 0 without gaps. Half of the rows change once, when their turn ends: room in the page
-- spares the indexes that.
CREATE TABLE messages (
    tenant_id uuid NOT NULL,
    conversation_id uuid NOT NULL,
    position bigint NOT NULL,
    id uuid NOT NULL,
    owner_id uuid NOT NULL,
    role text NOT NULL CHECK (role IN ('user', 'assistant')),
    content text NOT NULL,
    agent text,
    run_id uuid NOT NULL,
    status text NOT NULL CHECK (status IN ('pending', 'completed', 'incomplete')),
    created_at timestamptz NOT NULL,
    -- The stems, and one word that says whose message it is, in capitals, which no stem has: the index finds a word among
    -- the messages of one person without meeting those of others. A vector has at most a megabyte, so a longer text is
    -- searched by its beginning.
    search tsvector NOT NULL GENERATED ALWAYS AS (
        to_tsvector('english', left(content, 100000))
        || array_to_tsvector(ARRAY[upper(replace(tenant_id::text || owner_id::text, '-', ''))])
    ) STORED,
    PRIMARY KEY (tenant_id, conversation_id, position)
) WITH (fillfactor = 90);
CREATE INDEX ix_messages_search ON messages USING gin (search);

-- One turn of a hosted agent. A run without an end is live. Rows change with every flush, none of which touches an index
-- while there is room in the page.
CREATE TABLE runs (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    owner_id uuid NOT NULL,
    conversation_id uuid NOT NULL,
    conversation_key text NOT NULL,
    user_position bigint NOT NULL,
    entry_agent text NOT NULL,
    active_agent text NOT NULL,
    status text NOT NULL CHECK (status IN ('running', 'completed', 'failed', 'cancelled')),
    epoch bigint NOT NULL,
    lease_until timestamptz NOT NULL,
    ids_until bigint NOT NULL,
    cancel_requested boolean NOT NULL,
    usage jsonb,
    started_at timestamptz NOT NULL,
    ended_at timestamptz,
    PRIMARY KEY (tenant_id, id),
    CHECK ((status = 'running') = (ended_at IS NULL))
) WITH (fillfactor = 80);
-- At most one run of a conversation is live. The live ones are few: this finds those whose lease is over too, and a lease can
-- be renewed without touching an index.
CREATE UNIQUE INDEX uq_runs_live ON runs (tenant_id, conversation_id) WHERE ended_at IS NULL;
CREATE UNIQUE INDEX uq_runs_position ON runs (tenant_id, conversation_id, user_position);

-- The events of runs, a row a flush. `json`, not `jsonb`: nothing looks inside, and a NUL that a model wrote must survive.
CREATE TABLE run_log (
    tenant_id uuid NOT NULL,
    run_id uuid NOT NULL,
    last_id bigint NOT NULL,
    events json NOT NULL,
    PRIMARY KEY (tenant_id, run_id, last_id)
);
