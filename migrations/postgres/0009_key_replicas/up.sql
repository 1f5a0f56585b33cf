-- What each replica publishes beside the key that signs, and since when: a spare may sign only when all of them published it.
CREATE TABLE key_replicas (
    name    text        NOT NULL CHECK (name IN ('api', 'trust')),
    replica uuid        NOT NULL,
    kid     text        NOT NULL,
    since   timestamptz NOT NULL,
    seen_at timestamptz NOT NULL,
    PRIMARY KEY (name, replica)
);
