DROP TABLE apps;
DROP TABLE service_account_epochs;
DROP TABLE service_account_nonces;
DROP INDEX refresh_families_one_service_token;
