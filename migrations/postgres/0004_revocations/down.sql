DROP INDEX refresh_families_live_by_tenant;
DROP INDEX refresh_families_live_by_subject;
UPDATE refresh_families SET end_reason = 'logout' WHERE end_reason IN ('revoked', 'compromise');
ALTER TABLE refresh_families
    DROP CONSTRAINT refresh_families_end_reason_check,
    ADD CONSTRAINT refresh_families_end_reason_check CHECK (end_reason IN ('logout', 'reuse'));
DROP TABLE revocations;
