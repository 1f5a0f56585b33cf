-- Login asks whether a device has logged in before. A rotation changes neither column.
CREATE INDEX refresh_families_by_device ON refresh_families (subject, binding_digest) WHERE binding_digest IS NOT NULL;
