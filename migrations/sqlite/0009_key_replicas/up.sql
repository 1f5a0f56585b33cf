-- What each replica publishes beside the key that signs, and since when: a spare may sign only when all of them published it.
CREATE TABLE key_replicas (
    name    TEXT    NOT NULL CHECK (name IN ('api', 'trust')),
    replica BLOB    NOT NULL CHECK (length(replica) = 16),
    kid     TEXT    NOT NULL,
    since   INTEGER NOT NULL,
    seen_at INTEGER NOT NULL,
    PRIMARY KEY (name, replica)
) STRICT, WITHOUT ROWID;
