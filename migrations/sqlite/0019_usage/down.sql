DROP TABLE usage_days;
DROP TABLE usage_records;
ALTER TABLE runs DROP COLUMN used;
