-- The audit trail, the wrapped keys and the sealed clinical records.
--
-- Row-level security is enabled and forced on every table. One that holds anything of a tenant
-- carries the tenant in its key: a session that has not named a tenant sees no row of it, the owner
-- included. `plantao.tenant` is set per transaction (set_config(…, true)); once a transaction has
-- ended it reads as '' and no tenant may be called that.

GRANT USAGE ON SCHEMA plantao TO plantao_app, plantao_audit;

-- Audit ---------------------------------------------------------------------------------------
-- One chain per node and tenant, named NODE/TENANT, numbered from 1 without gaps.
CREATE TABLE audit_entry (
    chain         text COLLATE "C" NOT NULL,
    seq           bigint NOT NULL CHECK (seq > 0),
    entry_id      uuid NOT NULL,
    at_us         bigint NOT NULL, -- microseconds since the Unix epoch, UTC: what the hash covers
    phase         text NOT NULL CHECK (phase IN ('single', 'opened', 'completed')),
    opens         uuid,
    severity      text NOT NULL,
    tenant        text NOT NULL CHECK (tenant <> ''),
    principal     text NOT NULL,
    role          text NOT NULL,
    action        text NOT NULL,
    resource_kind text NOT NULL,
    resource_id   text,
    patient       text,
    purpose       text NOT NULL,
    verdict       text NOT NULL,
    score         smallint NOT NULL CHECK (score BETWEEN 0 AND 255),
    explanation   text NOT NULL,
    request_id    text NOT NULL,
    outcome       text NOT NULL,
    plugin        text,
    prev_hash     bytea NOT NULL CHECK (octet_length(prev_hash) = 32),
    hash          bytea NOT NULL CHECK (octet_length(hash) = 32),
    PRIMARY KEY (chain, seq),
    CONSTRAINT audit_entry_once UNIQUE (entry_id)
);

CREATE INDEX audit_entry_by_principal ON audit_entry (tenant, principal, at_us);
CREATE INDEX audit_entry_by_resource ON audit_entry (tenant, resource_kind, resource_id, at_us);
CREATE INDEX audit_entry_by_time ON audit_entry (tenant, at_us);
-- An opened entry is completed once.
CREATE UNIQUE INDEX audit_entry_completes ON audit_entry (opens) WHERE phase = 'completed';

-- The opened entries without a completion, kept so that looking for them costs what they are and
-- not what the trail has grown to. A working list beside the trail and no part of it.
CREATE TABLE audit_pending (
    chain    text COLLATE "C" NOT NULL, -- one tenant's
    entry_id uuid NOT NULL,
    tenant   text NOT NULL CHECK (tenant <> ''),
    PRIMARY KEY (chain, entry_id)
);

-- In the transaction that adds the entry and as its writer, whichever statement adds it.
CREATE FUNCTION audit_pending_follows() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.phase = 'opened' THEN
        INSERT INTO audit_pending (chain, entry_id, tenant)
        VALUES (NEW.chain, NEW.entry_id, NEW.tenant);
    ELSE
        DELETE FROM audit_pending WHERE chain = NEW.chain AND entry_id = NEW.opens;
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER audit_pending_follows AFTER INSERT ON audit_entry
    FOR EACH ROW WHEN (NEW.phase <> 'single') EXECUTE FUNCTION audit_pending_follows();

-- Written inside the transaction that makes a change, so that the change and its outcome are one.
CREATE TABLE audit_completion (
    tenant   text NOT NULL CHECK (tenant <> ''),
    entry_id uuid NOT NULL,
    outcome  text NOT NULL,
    at_us    bigint NOT NULL,
    PRIMARY KEY (tenant, entry_id)
);

-- Row triggers do not see TRUNCATE, so there are two; ALWAYS, so that a session in replica mode
-- does not slip past them.
CREATE FUNCTION audit_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the audit trail is append-only' USING ERRCODE = 'insufficient_privilege';
END
$$;

CREATE TRIGGER audit_entry_is_append_only BEFORE UPDATE OR DELETE ON audit_entry
    FOR EACH ROW EXECUTE FUNCTION audit_is_append_only();
CREATE TRIGGER audit_entry_is_never_truncated BEFORE TRUNCATE ON audit_entry
    FOR EACH STATEMENT EXECUTE FUNCTION audit_is_append_only();
CREATE TRIGGER audit_completion_is_append_only BEFORE UPDATE OR DELETE ON audit_completion
    FOR EACH ROW EXECUTE FUNCTION audit_is_append_only();
CREATE TRIGGER audit_completion_is_never_truncated BEFORE TRUNCATE ON audit_completion
    FOR EACH STATEMENT EXECUTE FUNCTION audit_is_append_only();
ALTER TABLE audit_entry ENABLE ALWAYS TRIGGER audit_entry_is_append_only;
ALTER TABLE audit_entry ENABLE ALWAYS TRIGGER audit_entry_is_never_truncated;
ALTER TABLE audit_completion ENABLE ALWAYS TRIGGER audit_completion_is_append_only;
ALTER TABLE audit_completion ENABLE ALWAYS TRIGGER audit_completion_is_never_truncated;

ALTER TABLE audit_entry ENABLE ROW LEVEL SECURITY;
ALTER TABLE audit_entry FORCE ROW LEVEL SECURITY;
CREATE POLICY audit_entry_reader ON audit_entry FOR SELECT TO plantao_app
    USING (tenant = current_setting('plantao.tenant', true));
CREATE POLICY audit_entry_writer_reads ON audit_entry FOR SELECT TO plantao_audit USING (true);
CREATE POLICY audit_entry_writer_adds ON audit_entry FOR INSERT TO plantao_audit WITH CHECK (true);
GRANT SELECT ON audit_entry TO plantao_app;
GRANT SELECT, INSERT ON audit_entry TO plantao_audit;

ALTER TABLE audit_pending ENABLE ROW LEVEL SECURITY;
ALTER TABLE audit_pending FORCE ROW LEVEL SECURITY;
CREATE POLICY audit_pending_writer ON audit_pending TO plantao_audit USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, DELETE ON audit_pending TO plantao_audit;

ALTER TABLE audit_completion ENABLE ROW LEVEL SECURITY;
ALTER TABLE audit_completion FORCE ROW LEVEL SECURITY;
CREATE POLICY audit_completion_of_tenant ON audit_completion TO plantao_app
    USING (tenant = current_setting('plantao.tenant', true))
    WITH CHECK (tenant = current_setting('plantao.tenant', true));
CREATE POLICY audit_completion_writer_reads ON audit_completion FOR SELECT TO plantao_audit
    USING (true);
-- The writer records that it knows of no change: from then on there can be none.
CREATE POLICY audit_completion_writer_adds ON audit_completion FOR INSERT TO plantao_audit
    WITH CHECK (true);
GRANT SELECT, INSERT ON audit_completion TO plantao_app;
GRANT SELECT, INSERT ON audit_completion TO plantao_audit;

-- Vault ---------------------------------------------------------------------------------------
-- The name of the master key that wraps every data key, once there is one: no secret, no tenant's.
CREATE TABLE vault_master_key (
    one        boolean PRIMARY KEY DEFAULT true CHECK (one),
    name       bytea NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);
ALTER TABLE vault_master_key ENABLE ROW LEVEL SECURITY;
ALTER TABLE vault_master_key FORCE ROW LEVEL SECURITY;
CREATE POLICY vault_master_key_shared ON vault_master_key TO plantao_app
    USING (true) WITH CHECK (true);
GRANT SELECT, INSERT ON vault_master_key TO plantao_app;

-- Data keys, each wrapped under the master key; destroying a row destroys what it sealed.
CREATE TABLE vault_data_key (
    tenant     text NOT NULL CHECK (tenant <> ''),
    subject    text NOT NULL,
    version    integer NOT NULL CHECK (version > 0),
    wrapped    bytea NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant, subject, version)
);
ALTER TABLE vault_data_key ENABLE ROW LEVEL SECURITY;
ALTER TABLE vault_data_key FORCE ROW LEVEL SECURITY;
CREATE POLICY vault_data_key_of_tenant ON vault_data_key TO plantao_app
    USING (tenant = current_setting('plantao.tenant', true))
    WITH CHECK (tenant = current_setting('plantao.tenant', true));
GRANT SELECT, INSERT ON vault_data_key TO plantao_app;

-- Clinical records ----------------------------------------------------------------------------
-- The body is sealed whole; what is clear is a kind, pseudonymous ids and version numbers.
CREATE TABLE fhir_resource (
    tenant      text NOT NULL CHECK (tenant <> ''),
    kind        text NOT NULL,
    id          text NOT NULL,
    version     bigint NOT NULL CHECK (version > 0),
    patient     text,
    sealed      bytea NOT NULL,
    key_subject text NOT NULL,
    key_version integer NOT NULL,
    updated_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant, kind, id)
);
-- Ciphertext does not compress: trying would only cost time.
ALTER TABLE fhir_resource ALTER COLUMN sealed SET STORAGE EXTERNAL;
CREATE INDEX fhir_resource_by_patient ON fhir_resource (tenant, patient, kind)
    WHERE patient IS NOT NULL;

-- What a resource was before each change (a record is corrected, never overwritten).
CREATE TABLE fhir_resource_history (
    tenant      text NOT NULL CHECK (tenant <> ''),
    kind        text NOT NULL,
    id          text NOT NULL,
    version     bigint NOT NULL,
    patient     text,
    sealed      bytea NOT NULL,
    key_subject text NOT NULL,
    key_version integer NOT NULL,
    updated_at  timestamptz NOT NULL,
    PRIMARY KEY (tenant, kind, id, version)
);
ALTER TABLE fhir_resource_history ALTER COLUMN sealed SET STORAGE EXTERNAL;

CREATE FUNCTION fhir_resource_keeps_history() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO fhir_resource_history (tenant, kind, id, version, patient, sealed, key_subject,
                                       key_version, updated_at)
    VALUES (OLD.tenant, OLD.kind, OLD.id, OLD.version, OLD.patient, OLD.sealed, OLD.key_subject,
            OLD.key_version, OLD.updated_at);
    RETURN NEW;
END
$$;
CREATE TRIGGER fhir_resource_keeps_history BEFORE UPDATE ON fhir_resource
    FOR EACH ROW EXECUTE FUNCTION fhir_resource_keeps_history();

-- Exact look-up by identifier: HMAC-SHA-256 under a key of the tenant, never the value.
CREATE TABLE fhir_identifier (
    tenant text NOT NULL CHECK (tenant <> ''),
    kind   text NOT NULL,
    blind  bytea NOT NULL CHECK (octet_length(blind) = 32),
    id     text NOT NULL,
    PRIMARY KEY (tenant, kind, blind, id)
);
CREATE INDEX fhir_identifier_of_resource ON fhir_identifier (tenant, kind, id);

ALTER TABLE fhir_resource ENABLE ROW LEVEL SECURITY;
ALTER TABLE fhir_resource FORCE ROW LEVEL SECURITY;
CREATE POLICY fhir_resource_of_tenant ON fhir_resource TO plantao_app
    USING (tenant = current_setting('plantao.tenant', true))
    WITH CHECK (tenant = current_setting('plantao.tenant', true));
GRANT SELECT, INSERT, UPDATE ON fhir_resource TO plantao_app;

ALTER TABLE fhir_resource_history ENABLE ROW LEVEL SECURITY;
ALTER TABLE fhir_resource_history FORCE ROW LEVEL SECURITY;
CREATE POLICY fhir_resource_history_of_tenant ON fhir_resource_history TO plantao_app
    USING (tenant = current_setting('plantao.tenant', true))
    WITH CHECK (tenant = current_setting('plantao.tenant', true));
GRANT SELECT, INSERT ON fhir_resource_history TO plantao_app;

ALTER TABLE fhir_identifier ENABLE ROW LEVEL SECURITY;
ALTER TABLE fhir_identifier FORCE ROW LEVEL SECURITY;
CREATE POLICY fhir_identifier_of_tenant ON fhir_identifier TO plantao_app
    USING (tenant = current_setting('plantao.tenant', true))
    WITH CHECK (tenant = current_setting('plantao.tenant', true));
GRANT SELECT, INSERT, DELETE ON fhir_identifier TO plantao_app;
