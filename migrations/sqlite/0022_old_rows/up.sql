-- For forgetting what nobody has touched for long.
-- Every conversation has a message: the condition only keeps this index out of the reach of lists, which cost more with it. The
-- statement that wants it says the same.
CREATE INDEX ix_conversations_age ON conversations (updated_at) WHERE message_count > 0;
-- A rotation changes none of these columns.
CREATE INDEX ix_refresh_families_ended ON refresh_families (ended_at) WHERE ended_at IS NOT NULL;
CREATE INDEX ix_refresh_families_ends ON refresh_families (ends_at);
