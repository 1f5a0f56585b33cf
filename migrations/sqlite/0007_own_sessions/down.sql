DROP INDEX refresh_families_by_owner;
