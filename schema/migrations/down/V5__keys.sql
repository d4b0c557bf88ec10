-- Destroys: the record of rotations, and the tombstones in the database (their file keeps them).
--
-- Undoes V5. Keys wrapped by a tenant's key go along under names that only V5 reads: the program
-- before it opens what was wrapped under the master key and refuses the rest, and nothing is lost.
-- Tombstones stay in their file outside of the database and are replayed after V5 is applied again.

DROP INDEX fhir_resource_of_directory;
REVOKE UPDATE (sealed, key_version) ON fhir_resource_history FROM plantao_app;
DROP TRIGGER fhir_resource_keeps_history ON fhir_resource;
CREATE TRIGGER fhir_resource_keeps_history BEFORE UPDATE ON fhir_resource
    FOR EACH ROW EXECUTE FUNCTION fhir_resource_keeps_history();

CREATE TABLE vault_master_key (
    one        boolean PRIMARY KEY DEFAULT true CHECK (one),
    name       bytea NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE vault_data_key (
    tenant     text NOT NULL CHECK (tenant <> ''),
    subject    text NOT NULL,
    version    integer NOT NULL CHECK (version > 0),
    wrapped    bytea NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant, subject, version)
);

SET LOCAL ROLE plantao_keys;
ALTER TABLE plantao_keys.master_key NO FORCE ROW LEVEL SECURITY;
ALTER TABLE plantao_keys.tenant_key NO FORCE ROW LEVEL SECURITY;
ALTER TABLE plantao_keys.data_key NO FORCE ROW LEVEL SECURITY;
GRANT SELECT ON plantao_keys.master_key, plantao_keys.tenant_key, plantao_keys.data_key
    TO plantao_owner;
CREATE POLICY master_key_leaves ON plantao_keys.master_key TO plantao_owner USING (true);
CREATE POLICY tenant_key_leaves ON plantao_keys.tenant_key TO plantao_owner USING (true);
CREATE POLICY data_key_leaves ON plantao_keys.data_key TO plantao_owner USING (true);

SET LOCAL ROLE plantao_owner;
INSERT INTO vault_master_key (name, created_at)
    SELECT name, created_at FROM plantao_keys.master_key WHERE state = 'current';
INSERT INTO vault_data_key (tenant, subject, version, wrapped, created_at)
    SELECT tenant, 'tenant-key', version, master || wrapped, created_at
    FROM plantao_keys.tenant_key
    UNION ALL
    SELECT tenant, coalesce('under-' || tenant_version || ':', '') || subject, version, wrapped,
        created_at
    FROM plantao_keys.data_key;

ALTER TABLE vault_master_key ENABLE ROW LEVEL SECURITY;
ALTER TABLE vault_master_key FORCE ROW LEVEL SECURITY;
CREATE POLICY vault_master_key_shared ON vault_master_key TO plantao_app
    USING (true) WITH CHECK (true);
GRANT SELECT, INSERT ON vault_master_key TO plantao_app;
ALTER TABLE vault_data_key ENABLE ROW LEVEL SECURITY;
ALTER TABLE vault_data_key FORCE ROW LEVEL SECURITY;
CREATE POLICY vault_data_key_of_tenant ON vault_data_key TO plantao_app
    USING (tenant = current_setting('plantao.tenant', true))
    WITH CHECK (tenant = current_setting('plantao.tenant', true));
GRANT SELECT, INSERT ON vault_data_key TO plantao_app;

SET LOCAL ROLE plantao_keys;
DROP TABLE plantao_keys.rotation, plantao_keys.tombstone, plantao_keys.data_key,
    plantao_keys.tenant_key, plantao_keys.key_tenant, plantao_keys.master_key;
REVOKE USAGE ON SCHEMA plantao_keys FROM plantao_app, plantao_owner;
SET LOCAL ROLE plantao_owner;
