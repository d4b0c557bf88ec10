-- Destroys: nothing of the trail; it is copied into one table again, which takes its time.
--
-- The way back: the trail in one table again. Every row is copied, so it takes its time.
--
-- Refused once a part of the trail was archived, because the program before knows no chain that
-- does not begin at its first entry; and with any storage but the native one.
DO $$
BEGIN
    -- The owner is bound by row-level security as well.
    ALTER TABLE plantao.audit_archived NO FORCE ROW LEVEL SECURITY;
    ALTER TABLE plantao.audit_storage NO FORCE ROW LEVEL SECURITY;
    IF EXISTS (SELECT FROM plantao.audit_archived)
        OR EXISTS (SELECT FROM plantao.audit_storage WHERE kind <> 'native') THEN
        RAISE EXCEPTION 'a part of the audit trail was archived, or another storage keeps it: '
            'there is no way back from that';
    END IF;
END
$$;

ALTER TABLE audit_entry RENAME TO audit_entry_parted;
ALTER TABLE audit_entry_parted NO FORCE ROW LEVEL SECURITY;
CREATE TABLE audit_entry (
    LIKE audit_entry_parted INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING STORAGE
);
INSERT INTO audit_entry SELECT * FROM audit_entry_parted;
DO $$
DECLARE
    definitions text[];
    one text;
BEGIN
    SELECT array_agg(replace(pg_get_indexdef(indexrelid), ' ON ONLY plantao.audit_entry_parted ',
                             ' ON plantao.audit_entry '))
    INTO definitions
    FROM pg_index WHERE indrelid = 'plantao.audit_entry_parted'::regclass;
    DROP TABLE plantao.audit_entry_parted;
    FOREACH one IN ARRAY definitions LOOP
        EXECUTE one;
    END LOOP;
END
$$;
DROP TABLE audit_key, audit_head, audit_storage, audit_archived, audit_archived_link;
ALTER TABLE audit_entry ADD CONSTRAINT audit_entry_pkey PRIMARY KEY (chain, seq),
    ADD CONSTRAINT audit_entry_once UNIQUE (entry_id);
CREATE UNIQUE INDEX audit_entry_completes ON audit_entry (opens) WHERE phase = 'completed';

DROP FUNCTION audit_entry_takes_its_place();
DROP FUNCTION audit_make_partition(bigint);
DROP FUNCTION audit_dress_partition(text);
DROP FUNCTION audit_partitions();
DROP FUNCTION audit_month_us(bigint, integer);

CREATE OR REPLACE FUNCTION audit_pending_follows() RETURNS trigger LANGUAGE plpgsql AS $$
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
CREATE TRIGGER audit_entry_is_append_only BEFORE UPDATE OR DELETE ON audit_entry
    FOR EACH ROW EXECUTE FUNCTION audit_is_append_only();
CREATE TRIGGER audit_entry_is_never_truncated BEFORE TRUNCATE ON audit_entry
    FOR EACH STATEMENT EXECUTE FUNCTION audit_is_append_only();
ALTER TABLE audit_entry ENABLE ALWAYS TRIGGER audit_entry_is_append_only;
ALTER TABLE audit_entry ENABLE ALWAYS TRIGGER audit_entry_is_never_truncated;

ALTER TABLE audit_entry ENABLE ROW LEVEL SECURITY;
ALTER TABLE audit_entry FORCE ROW LEVEL SECURITY;
CREATE POLICY audit_entry_reader ON audit_entry FOR SELECT TO plantao_app
    USING (tenant = current_setting('plantao.tenant', true));
CREATE POLICY audit_entry_writer_reads ON audit_entry FOR SELECT TO plantao_audit USING (true);
CREATE POLICY audit_entry_writer_adds ON audit_entry FOR INSERT TO plantao_audit WITH CHECK (true);
GRANT SELECT ON audit_entry TO plantao_app;
GRANT SELECT, INSERT ON audit_entry TO plantao_audit;
