-- From where a session was used last, for its owner to see: a network, never a whole address, and what the client calls itself.
ALTER TABLE refresh_families ADD COLUMN seen_network text;
ALTER TABLE refresh_families ADD COLUMN seen_user_agent text;
