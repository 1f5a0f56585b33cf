-- Signing keys, each set whole and sealed: its name and version are part of what the seal proves.
CREATE TABLE key_sets (
    name    TEXT    NOT NULL PRIMARY KEY CHECK (name IN ('api', 'trust')),
    version INTEGER NOT NULL CHECK (version > 0),
    sealed  BLOB    NOT NULL
) STRICT, WITHOUT ROWID;

-- The newest version of each set that anybody has used, wherever the set is kept. An older one that turns up is a copy that
-- somebody put back, and another one of the same version was made by somebody who did not see ours.
CREATE TABLE key_set_witnesses (
    name    TEXT    NOT NULL PRIMARY KEY CHECK (name IN ('api', 'trust')),
    version INTEGER NOT NULL CHECK (version > 0),
    digest  BLOB    NOT NULL CHECK (length(digest) = 32)
) STRICT, WITHOUT ROWID;
