DROP INDEX ix_refresh_families_ends;
DROP INDEX ix_refresh_families_ended;
DROP INDEX ix_conversations_age;
