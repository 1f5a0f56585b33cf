DROP TABLE approvals;
ALTER TABLE runs DROP COLUMN approval_id;
