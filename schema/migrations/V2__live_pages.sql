-- Wards, consent, accounts and ended sessions: what the live pages stand on.
--
-- Every table carries the tenant first in its key, under row-level security that binds the owner
-- too, as in the migration before.

-- Wards -----------------------------------------------------------------------------------------
-- The beds of each ward, empty ones included. Ids of patients are pseudonyms.
CREATE TABLE ward_bed (
    tenant  text NOT NULL CHECK (tenant <> ''),
    ward    text COLLATE "C" NOT NULL,
    bed     text COLLATE "C" NOT NULL,
    patient text,
    since   timestamptz NOT NULL, -- how long it has been so
    PRIMARY KEY (tenant, ward, bed),
    -- A patient lies in one bed.
    CONSTRAINT ward_bed_of_patient UNIQUE (tenant, patient)
);
ALTER TABLE ward_bed ENABLE ROW LEVEL SECURITY;
ALTER TABLE ward_bed FORCE ROW LEVEL SECURITY;
CREATE POLICY ward_bed_of_tenant ON ward_bed TO plantao_app
    USING (tenant = current_setting('plantao.tenant', true))
    WITH CHECK (tenant = current_setting('plantao.tenant', true));
GRANT SELECT, INSERT, UPDATE, DELETE ON ward_bed TO plantao_app;

-- Consent ---------------------------------------------------------------------------------------
-- What a patient has said about each purpose of use, as it stands. No row: nothing was said.
CREATE TABLE consent (
    tenant       text NOT NULL CHECK (tenant <> ''),
    patient      text NOT NULL,
    purpose      text NOT NULL,
    status       text NOT NULL CHECK (status IN ('granted', 'revoked')),
    at           timestamptz NOT NULL,
    by_principal text NOT NULL, -- who recorded it
    PRIMARY KEY (tenant, patient, purpose)
);

-- Everything that was ever said (LGPD Art. 8 § 2: the controller proves consent), added by the
-- trigger below and by nobody else.
CREATE TABLE consent_history (
    tenant       text NOT NULL CHECK (tenant <> ''),
    patient      text NOT NULL,
    purpose      text NOT NULL,
    seq          bigint GENERATED ALWAYS AS IDENTITY,
    status       text NOT NULL,
    at           timestamptz NOT NULL,
    by_principal text NOT NULL,
    PRIMARY KEY (tenant, patient, purpose, seq)
);

CREATE FUNCTION consent_keeps_history() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO consent_history (tenant, patient, purpose, status, at, by_principal)
    VALUES (NEW.tenant, NEW.patient, NEW.purpose, NEW.status, NEW.at, NEW.by_principal);
    RETURN NULL;
END
$$;
CREATE TRIGGER consent_keeps_history AFTER INSERT OR UPDATE ON consent
    FOR EACH ROW EXECUTE FUNCTION consent_keeps_history();

-- Two triggers, because row triggers do not see TRUNCATE; ALWAYS, so that replica mode does not
-- slip past them.
CREATE FUNCTION consent_history_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'consent history is append-only' USING ERRCODE = 'insufficient_privilege';
END
$$;
CREATE TRIGGER consent_history_is_append_only BEFORE UPDATE OR DELETE ON consent_history
    FOR EACH ROW EXECUTE FUNCTION consent_history_is_append_only();
CREATE TRIGGER consent_history_is_never_truncated BEFORE TRUNCATE ON consent_history
    FOR EACH STATEMENT EXECUTE FUNCTION consent_history_is_append_only();
ALTER TABLE consent_history ENABLE ALWAYS TRIGGER consent_history_is_append_only;
ALTER TABLE consent_history ENABLE ALWAYS TRIGGER consent_history_is_never_truncated;

ALTER TABLE consent ENABLE ROW LEVEL SECURITY;
ALTER TABLE consent FORCE ROW LEVEL SECURITY;
CREATE POLICY consent_of_tenant ON consent TO plantao_app
    USING (tenant = current_setting('plantao.tenant', true))
    WITH CHECK (tenant = current_setting('plantao.tenant', true));
GRANT SELECT, INSERT, UPDATE ON consent TO plantao_app;

ALTER TABLE consent_history ENABLE ROW LEVEL SECURITY;
ALTER TABLE consent_history FORCE ROW LEVEL SECURITY;
CREATE POLICY consent_history_of_tenant ON consent_history TO plantao_app
    USING (tenant = current_setting('plantao.tenant', true))
    WITH CHECK (tenant = current_setting('plantao.tenant', true));
GRANT SELECT, INSERT ON consent_history TO plantao_app;

-- Accounts --------------------------------------------------------------------------------------
-- Who may log in by password and a time-based code. The password is an Argon2id hash; the secret
-- of the codes is sealed by the vault.
CREATE TABLE account (
    tenant           text NOT NULL CHECK (tenant <> ''),
    principal        text NOT NULL,
    role             text NOT NULL,
    password_hash    text NOT NULL,
    totp_sealed      bytea NOT NULL,
    totp_key_version integer NOT NULL CHECK (totp_key_version > 0),
    last_totp_step   bigint NOT NULL DEFAULT 0, -- a code is taken once: later steps only
    failed           integer NOT NULL DEFAULT 0 CHECK (failed >= 0),
    locked_until     timestamptz,
    created_at       timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant, principal)
);
ALTER TABLE account ENABLE ROW LEVEL SECURITY;
ALTER TABLE account FORCE ROW LEVEL SECURITY;
CREATE POLICY account_of_tenant ON account TO plantao_app
    USING (tenant = current_setting('plantao.tenant', true))
    WITH CHECK (tenant = current_setting('plantao.tenant', true));
GRANT SELECT, INSERT, UPDATE ON account TO plantao_app;

-- Sessions ended before their credential's time; a row is of no use once that time has come.
CREATE TABLE revoked_session (
    tenant  text NOT NULL CHECK (tenant <> ''),
    session text NOT NULL,
    until   timestamptz NOT NULL,
    PRIMARY KEY (tenant, session)
);
ALTER TABLE revoked_session ENABLE ROW LEVEL SECURITY;
ALTER TABLE revoked_session FORCE ROW LEVEL SECURITY;
CREATE POLICY revoked_session_of_tenant ON revoked_session TO plantao_app
    USING (tenant = current_setting('plantao.tenant', true))
    WITH CHECK (tenant = current_setting('plantao.tenant', true));
GRANT SELECT, INSERT, UPDATE, DELETE ON revoked_session TO plantao_app;

-- Clinical records ------------------------------------------------------------------------------
-- The newest records of a patient of one kind, without reading the older ones. It serves every
-- look-up that the index it replaces did.
CREATE INDEX fhir_resource_newest ON fhir_resource (tenant, patient, kind, updated_at DESC)
    WHERE patient IS NOT NULL;
DROP INDEX fhir_resource_by_patient;

-- Which slow signs an Observation holds: 1 temperature, 2 consciousness, 4 oxygen given, 8 blood
-- pressure; 0 for none, and for any other record. They count for up to twelve hours, while a
-- monitor fills the newest records within one, and a score without them is too low; the body that
-- would tell them apart is sealed. In clear it says that something was measured, never what: as
-- much as the kind and the time beside it. What was stored before has none, and is found for as
-- long as it is among the newest records.
ALTER TABLE fhir_resource ADD COLUMN slow_signs smallint NOT NULL DEFAULT 0
    CHECK (slow_signs BETWEEN 0 AND 15);
-- By mask, so that a sign sent each second does not stand before one that is charted once a day.
CREATE INDEX fhir_resource_slow ON fhir_resource (tenant, patient, slow_signs, updated_at DESC)
    WHERE slow_signs <> 0;
