DROP TABLE refresh_families;
DROP TABLE first_owner;
DROP TABLE memberships;
DROP TABLE users;
DROP TABLE tenants;
