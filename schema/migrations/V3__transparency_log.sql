-- The Merkle log over each chain of the audit trail (C2SP tlog-tiles, RFC 6962).
--
-- Leaf n is the hash of the chain's entry n + 1, so nothing here has to be kept that could not be
-- computed again from the trail: full tiles are kept so that a start and a proof cost what they are
-- and not what the trail has grown to, checkpoints because they are signed.

-- A tile of 256 hashes; once it is full it never changes.
CREATE TABLE audit_tile (
    chain  text COLLATE "C" NOT NULL,
    level  smallint NOT NULL CHECK (level BETWEEN 0 AND 7),
    number bigint NOT NULL CHECK (number >= 0),
    tenant text NOT NULL CHECK (tenant <> ''),
    hashes bytea NOT NULL CHECK (octet_length(hashes) = 8192),
    PRIMARY KEY (chain, level, number)
);
-- Digests do not compress: trying would only cost time.
ALTER TABLE audit_tile ALTER COLUMN hashes SET STORAGE EXTERNAL;

-- The newest checkpoint of each chain, as a signed note.
CREATE TABLE audit_checkpoint (
    chain  text COLLATE "C" PRIMARY KEY,
    tenant text NOT NULL CHECK (tenant <> ''),
    size   bigint NOT NULL CHECK (size > 0),
    note   text NOT NULL,
    at_us  bigint NOT NULL
);

-- One of a day, signed with the slow hash-based key as well.
CREATE TABLE audit_seal (
    chain  text COLLATE "C" NOT NULL,
    size   bigint NOT NULL CHECK (size > 0),
    tenant text NOT NULL CHECK (tenant <> ''),
    note   text NOT NULL,
    at_us  bigint NOT NULL,
    PRIMARY KEY (chain, size)
);

CREATE TRIGGER audit_tile_is_append_only BEFORE UPDATE OR DELETE ON audit_tile
    FOR EACH ROW EXECUTE FUNCTION audit_is_append_only();
CREATE TRIGGER audit_tile_is_never_truncated BEFORE TRUNCATE ON audit_tile
    FOR EACH STATEMENT EXECUTE FUNCTION audit_is_append_only();
CREATE TRIGGER audit_seal_is_append_only BEFORE UPDATE OR DELETE ON audit_seal
    FOR EACH ROW EXECUTE FUNCTION audit_is_append_only();
CREATE TRIGGER audit_seal_is_never_truncated BEFORE TRUNCATE ON audit_seal
    FOR EACH STATEMENT EXECUTE FUNCTION audit_is_append_only();

-- A checkpoint is replaced by a longer one of the same chain, and by nothing else.
CREATE FUNCTION audit_checkpoint_only_grows() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.chain <> OLD.chain OR NEW.tenant <> OLD.tenant OR NEW.size <= OLD.size THEN
        RAISE EXCEPTION 'a checkpoint is replaced by a longer one only'
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER audit_checkpoint_only_grows BEFORE UPDATE ON audit_checkpoint
    FOR EACH ROW EXECUTE FUNCTION audit_checkpoint_only_grows();
CREATE TRIGGER audit_checkpoint_is_never_removed BEFORE DELETE ON audit_checkpoint
    FOR EACH ROW EXECUTE FUNCTION audit_is_append_only();
CREATE TRIGGER audit_checkpoint_is_never_truncated BEFORE TRUNCATE ON audit_checkpoint
    FOR EACH STATEMENT EXECUTE FUNCTION audit_is_append_only();

ALTER TABLE audit_tile ENABLE ALWAYS TRIGGER audit_tile_is_append_only;
ALTER TABLE audit_tile ENABLE ALWAYS TRIGGER audit_tile_is_never_truncated;
ALTER TABLE audit_seal ENABLE ALWAYS TRIGGER audit_seal_is_append_only;
ALTER TABLE audit_seal ENABLE ALWAYS TRIGGER audit_seal_is_never_truncated;
ALTER TABLE audit_checkpoint ENABLE ALWAYS TRIGGER audit_checkpoint_only_grows;
ALTER TABLE audit_checkpoint ENABLE ALWAYS TRIGGER audit_checkpoint_is_never_removed;
ALTER TABLE audit_checkpoint ENABLE ALWAYS TRIGGER audit_checkpoint_is_never_truncated;

ALTER TABLE audit_tile ENABLE ROW LEVEL SECURITY;
ALTER TABLE audit_tile FORCE ROW LEVEL SECURITY;
CREATE POLICY audit_tile_reader ON audit_tile FOR SELECT TO plantao_app
    USING (tenant = current_setting('plantao.tenant', true));
CREATE POLICY audit_tile_sequencer_reads ON audit_tile FOR SELECT TO plantao_audit USING (true);
CREATE POLICY audit_tile_sequencer_adds ON audit_tile FOR INSERT TO plantao_audit WITH CHECK (true);
GRANT SELECT ON audit_tile TO plantao_app;
GRANT SELECT, INSERT ON audit_tile TO plantao_audit;

ALTER TABLE audit_checkpoint ENABLE ROW LEVEL SECURITY;
ALTER TABLE audit_checkpoint FORCE ROW LEVEL SECURITY;
CREATE POLICY audit_checkpoint_reader ON audit_checkpoint FOR SELECT TO plantao_app
    USING (tenant = current_setting('plantao.tenant', true));
CREATE POLICY audit_checkpoint_sequencer ON audit_checkpoint TO plantao_audit
    USING (true) WITH CHECK (true);
GRANT SELECT ON audit_checkpoint TO plantao_app;
GRANT SELECT, INSERT, UPDATE ON audit_checkpoint TO plantao_audit;

ALTER TABLE audit_seal ENABLE ROW LEVEL SECURITY;
ALTER TABLE audit_seal FORCE ROW LEVEL SECURITY;
CREATE POLICY audit_seal_reader ON audit_seal FOR SELECT TO plantao_app
    USING (tenant = current_setting('plantao.tenant', true));
CREATE POLICY audit_seal_sequencer_reads ON audit_seal FOR SELECT TO plantao_audit USING (true);
CREATE POLICY audit_seal_sequencer_adds ON audit_seal FOR INSERT TO plantao_audit WITH CHECK (true);
GRANT SELECT ON audit_seal TO plantao_app;
GRANT SELECT, INSERT ON audit_seal TO plantao_audit;
