-- Signing keys that replicas share, each set whole and sealed: its name and version are part of what the seal proves.
CREATE TABLE key_sets (
    name    text   PRIMARY KEY CHECK (name IN ('api', 'trust')),
    version bigint NOT NULL CHECK (version > 0),
    sealed  bytea  NOT NULL
);

-- The newest version of each set that anybody has used, wherever the set is kept. An older one that turns up is a copy that
-- somebody put back, and another one of the same version was made by somebody who did not see ours.
CREATE TABLE key_set_witnesses (
    name    text   PRIMARY KEY CHECK (name IN ('api', 'trust')),
    version bigint NOT NULL CHECK (version > 0),
    digest  bytea  NOT NULL CHECK (octet_length(digest) = 32)
);
