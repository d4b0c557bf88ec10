-- Periods: a tenant's key is wrapped under the master key and, around that, under the key of the
-- present period, which is in no database and is forgotten when its period is over. What an old
-- copy of these tables holds opens nothing then (see the program's `vault/period.rs`).
--
-- Which period a tenant's key is under stands in its wrapped bytes.

SET LOCAL ROLE plantao_keys;

-- The present one: its number, and a name that tells its key from others. No secret.
CREATE TABLE plantao_keys.period (
    one      boolean PRIMARY KEY DEFAULT true CHECK (one),
    number   bigint NOT NULL CHECK (number > 0),
    name     bytea NOT NULL CHECK (octet_length(name) = 8),
    begun_at timestamptz NOT NULL DEFAULT now()
);
ALTER TABLE plantao_keys.period ENABLE ROW LEVEL SECURITY;
ALTER TABLE plantao_keys.period FORCE ROW LEVEL SECURITY;
CREATE POLICY period_shared ON plantao_keys.period TO plantao_app USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE ON plantao_keys.period TO plantao_app;

ALTER TABLE plantao_keys.rotation DROP CONSTRAINT rotation_level_check;
ALTER TABLE plantao_keys.rotation ADD CONSTRAINT rotation_level_check
    CHECK (level IN ('master', 'tenant', 'period', 'data'));

-- What comes after a migration is written as the owner of the schema.
SET LOCAL ROLE plantao_owner;
