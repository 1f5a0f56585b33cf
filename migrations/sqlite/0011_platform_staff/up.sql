-- Who runs the platform, whatever they are in a tenant. Set by a command, never over HTTP.
ALTER TABLE users ADD COLUMN platform_role text CHECK (platform_role IN ('operator'));
