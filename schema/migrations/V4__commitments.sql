-- What an entry holds in place of the content that it is about: a salted hash of it.
ALTER TABLE audit_entry ADD COLUMN commitment text CHECK (octet_length(commitment) = 64);

-- The salt and the names of the records, sealed under the key of the patient whose content it is:
-- with that key gone, the commitment says nothing any more. Written with the change.
CREATE TABLE audit_opening (
    tenant      text NOT NULL CHECK (tenant <> ''),
    entry_id    uuid NOT NULL,
    sealed      bytea NOT NULL,
    key_subject text NOT NULL,
    key_version integer NOT NULL,
    PRIMARY KEY (tenant, entry_id)
);
-- Ciphertext does not compress: trying would only cost time.
ALTER TABLE audit_opening ALTER COLUMN sealed SET STORAGE EXTERNAL;
ALTER TABLE audit_opening ENABLE ROW LEVEL SECURITY;
ALTER TABLE audit_opening FORCE ROW LEVEL SECURITY;
CREATE POLICY audit_opening_of_tenant ON audit_opening TO plantao_app
    USING (tenant = current_setting('plantao.tenant', true))
    WITH CHECK (tenant = current_setting('plantao.tenant', true));
GRANT SELECT, INSERT ON audit_opening TO plantao_app;
-- Sealed anew when its key is replaced; and found by that key.
GRANT UPDATE (sealed, key_version) ON audit_opening TO plantao_app;
CREATE INDEX audit_opening_by_key ON audit_opening (tenant, key_subject, key_version);
