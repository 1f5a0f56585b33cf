ALTER TABLE refresh_families DROP COLUMN seen_user_agent;
ALTER TABLE refresh_families DROP COLUMN seen_network;
