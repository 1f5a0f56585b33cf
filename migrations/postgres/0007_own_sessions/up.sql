-- People list their own sessions, newest first. A rotation changes none of these columns.
CREATE INDEX refresh_families_by_owner ON refresh_families (tenant_id, subject, created_at, sid);
