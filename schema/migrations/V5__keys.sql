-- The key store: a schema of its own, owned by a role of its own, so that it can be backed up apart.
--
-- Whoever holds an old copy of these few rows and the master key can open what was erased since. A
-- backup of the whole cluster holds them as well: keep such backups for days, or dump the records
-- alone for the decades (`pg_dump --exclude-schema=plantao_keys`) and this schema beside them. What
-- keeps an erased patient erased after a restore is the tombstone (see `tombstone`).
--
-- Levels: a master key, which is in no database, wraps the tenants' keys; a tenant's key wraps the
-- keys of its patients and directory, which seal rows of the schema `plantao`.

SET LOCAL ROLE plantao_keys;

-- The names of master keys: no secret, no tenant's. One is in use.
CREATE TABLE plantao_keys.master_key (
    name       bytea PRIMARY KEY CHECK (octet_length(name) = 8),
    state      text NOT NULL CHECK (state IN ('current', 'retiring', 'retired')),
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX master_key_in_use ON plantao_keys.master_key (state) WHERE state = 'current';

-- Who has keys: what a rotation of the master key walks over.
CREATE TABLE plantao_keys.key_tenant (
    tenant text PRIMARY KEY CHECK (tenant <> '')
);

CREATE TABLE plantao_keys.tenant_key (
    tenant     text NOT NULL CHECK (tenant <> ''),
    version    integer NOT NULL CHECK (version > 0),
    master     bytea NOT NULL CHECK (octet_length(master) = 8), -- the name of what wraps it
    wrapped    bytea NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant, version)
);

CREATE TABLE plantao_keys.data_key (
    tenant         text NOT NULL CHECK (tenant <> ''),
    subject        text NOT NULL,
    version        integer NOT NULL CHECK (version > 0),
    tenant_version integer, -- the tenant's key that wraps it; none: the master key, as before V5
    wrapped        bytea NOT NULL,
    created_at     timestamptz NOT NULL DEFAULT now(),
    retired_at     timestamptz, -- nothing is sealed under it any more
    PRIMARY KEY (tenant, subject, version),
    -- No tenant's key goes while it wraps anything.
    CONSTRAINT data_key_wrapped_by FOREIGN KEY (tenant, tenant_version)
        REFERENCES plantao_keys.tenant_key (tenant, version)
);
CREATE INDEX data_key_by_wrapper ON plantao_keys.data_key (tenant, tenant_version);

-- Whose keys were destroyed. It holds for ever, and is in a file outside of the database as well.
CREATE TABLE plantao_keys.tombstone (
    tenant    text NOT NULL CHECK (tenant <> ''),
    subject   text NOT NULL,
    erased_at timestamptz NOT NULL,
    reason    text NOT NULL CHECK (reason ~ '^[a-z0-9_]{1,40}$'), -- a code, never a text
    PRIMARY KEY (tenant, subject)
);

-- Rotations: the one under way, and what became of those before it.
CREATE TABLE plantao_keys.rotation (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    level       text NOT NULL CHECK (level IN ('master', 'tenant', 'data')),
    tenant      text NOT NULL CHECK (tenant <> ''), -- of a master key: who asked
    subject     text, -- of data keys: one, or all
    target      bytea NOT NULL DEFAULT '', -- the new master key's name
    done        bigint NOT NULL DEFAULT 0,
    total       bigint NOT NULL DEFAULT 0, -- as counted at the start; 0 where that took too long
    started_at  timestamptz NOT NULL DEFAULT now(),
    updated_at  timestamptz NOT NULL DEFAULT now(),
    finished_at timestamptz
);
-- One at a time.
CREATE UNIQUE INDEX rotation_under_way ON plantao_keys.rotation ((finished_at IS NULL))
    WHERE finished_at IS NULL;

GRANT USAGE ON SCHEMA plantao_keys TO plantao_app, plantao_owner;
GRANT INSERT ON plantao_keys.data_key, plantao_keys.master_key,
    plantao_keys.tenant_key, plantao_keys.key_tenant TO plantao_owner;

-- What the schema `plantao` held of this moves here as it is.
SET LOCAL ROLE plantao_owner;
ALTER TABLE vault_data_key NO FORCE ROW LEVEL SECURITY;
ALTER TABLE vault_master_key NO FORCE ROW LEVEL SECURITY;
INSERT INTO plantao_keys.master_key (name, state, created_at)
    SELECT name, 'current', created_at FROM vault_master_key;
-- Put there by the way back down: `tenant-key`, the master key's name in front, and `under-N:`
-- before the subject of what version N of it wraps.
INSERT INTO plantao_keys.tenant_key (tenant, version, master, wrapped, created_at)
    SELECT tenant, version, substr(wrapped, 1, 8), substr(wrapped, 9), created_at
    FROM vault_data_key WHERE subject = 'tenant-key';
INSERT INTO plantao_keys.data_key (tenant, subject, version, tenant_version, wrapped, created_at)
    SELECT tenant, regexp_replace(subject, '^under-[0-9]+:', ''), version,
        substring(subject FROM '^under-([0-9]+):')::integer, wrapped, created_at
    FROM vault_data_key WHERE subject <> 'tenant-key';
INSERT INTO plantao_keys.key_tenant (tenant) SELECT DISTINCT tenant FROM vault_data_key;
DROP TABLE vault_data_key;
DROP TABLE vault_master_key;

SET LOCAL ROLE plantao_keys;
REVOKE ALL ON plantao_keys.data_key, plantao_keys.master_key, plantao_keys.tenant_key,
    plantao_keys.key_tenant FROM plantao_owner;

-- Three hold nothing that is a tenant's alone: names of keys, of tenants, and the work list.
ALTER TABLE plantao_keys.master_key ENABLE ROW LEVEL SECURITY;
ALTER TABLE plantao_keys.master_key FORCE ROW LEVEL SECURITY;
CREATE POLICY master_key_shared ON plantao_keys.master_key TO plantao_app
    USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE ON plantao_keys.master_key TO plantao_app;

ALTER TABLE plantao_keys.key_tenant ENABLE ROW LEVEL SECURITY;
ALTER TABLE plantao_keys.key_tenant FORCE ROW LEVEL SECURITY;
CREATE POLICY key_tenant_shared ON plantao_keys.key_tenant TO plantao_app
    USING (true) WITH CHECK (true);
GRANT SELECT, INSERT ON plantao_keys.key_tenant TO plantao_app;

ALTER TABLE plantao_keys.rotation ENABLE ROW LEVEL SECURITY;
ALTER TABLE plantao_keys.rotation FORCE ROW LEVEL SECURITY;
CREATE POLICY rotation_shared ON plantao_keys.rotation TO plantao_app
    USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE ON plantao_keys.rotation TO plantao_app;

ALTER TABLE plantao_keys.tenant_key ENABLE ROW LEVEL SECURITY;
ALTER TABLE plantao_keys.tenant_key FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_key_of_tenant ON plantao_keys.tenant_key TO plantao_app
    USING (tenant = current_setting('plantao.tenant', true))
    WITH CHECK (tenant = current_setting('plantao.tenant', true));
GRANT SELECT, INSERT, UPDATE, DELETE ON plantao_keys.tenant_key TO plantao_app;

ALTER TABLE plantao_keys.data_key ENABLE ROW LEVEL SECURITY;
ALTER TABLE plantao_keys.data_key FORCE ROW LEVEL SECURITY;
CREATE POLICY data_key_of_tenant ON plantao_keys.data_key TO plantao_app
    USING (tenant = current_setting('plantao.tenant', true))
    WITH CHECK (tenant = current_setting('plantao.tenant', true));
GRANT SELECT, INSERT, UPDATE, DELETE ON plantao_keys.data_key TO plantao_app;

ALTER TABLE plantao_keys.tombstone ENABLE ROW LEVEL SECURITY;
ALTER TABLE plantao_keys.tombstone FORCE ROW LEVEL SECURITY;
CREATE POLICY tombstone_of_tenant ON plantao_keys.tombstone TO plantao_app
    USING (tenant = current_setting('plantao.tenant', true))
    WITH CHECK (tenant = current_setting('plantao.tenant', true));
-- Added, never changed and never taken away.
GRANT SELECT, INSERT ON plantao_keys.tombstone TO plantao_app;

SET LOCAL ROLE plantao_owner;

-- Sealing a row anew changes neither the record nor its version, so it leaves no history; and what
-- is history is sealed anew as well.
DROP TRIGGER fhir_resource_keeps_history ON fhir_resource;
CREATE TRIGGER fhir_resource_keeps_history BEFORE UPDATE ON fhir_resource
    FOR EACH ROW WHEN (OLD.version IS DISTINCT FROM NEW.version)
    EXECUTE FUNCTION fhir_resource_keeps_history();
GRANT UPDATE (sealed, key_version) ON fhir_resource_history TO plantao_app;
-- Where no patient narrows the search.
CREATE INDEX fhir_resource_of_directory ON fhir_resource (tenant, key_version)
    WHERE patient IS NULL;
