-- The audit trail in monthly partitions, so that what is older than the retention goes as a table
-- and not row by row.
--
-- A month: 240 partitions hold twenty years, few enough to plan over; a busy hospital's month is a
-- few gigabytes, small enough to export and drop at once.
--
-- A key of a partitioned table has to hold the partition's own, so that no index here can say that
-- a key is there once. Three things say it instead, whichever statement adds an entry:
--   audit_key      every entry's key, once, in all partitions (the caller's key of a retry);
--   audit_head     the last place of each chain: what is added comes after it, so no place twice;
--   audit_pending  an opened entry waits once, and its completion takes that place.
-- Functions name their tables by schema: a temporary table of the same name is not looked at.

-- What was one table becomes the first partition, as it stands: no row is copied.
ALTER TABLE audit_entry RENAME TO audit_entry_before;
ALTER TABLE audit_entry_before NO FORCE ROW LEVEL SECURITY;
DROP TRIGGER audit_pending_follows ON audit_entry_before;
DROP TRIGGER audit_entry_is_append_only ON audit_entry_before;
DROP TRIGGER audit_entry_is_never_truncated ON audit_entry_before;
DROP POLICY audit_entry_reader ON audit_entry_before;
DROP POLICY audit_entry_writer_reads ON audit_entry_before;
DROP POLICY audit_entry_writer_adds ON audit_entry_before;
REVOKE ALL ON audit_entry_before FROM plantao_app, plantao_audit;
ALTER TABLE audit_entry_before DROP CONSTRAINT audit_entry_once;

CREATE TABLE audit_entry (
    LIKE audit_entry_before INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING STORAGE
) PARTITION BY RANGE (at_us);

-- Every index that is there, by its own name on the whole; the unique ones are each partition's.
DO $$
DECLARE
    one record;
BEGIN
    FOR one IN
        SELECT c.relname, i.indisunique, pg_get_indexdef(i.indexrelid) AS definition
        FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
        WHERE i.indrelid = 'plantao.audit_entry_before'::regclass
    LOOP
        EXECUTE format('ALTER INDEX plantao.%I RENAME TO %I', one.relname, one.relname || '_before');
        IF NOT one.indisunique THEN
            EXECUTE replace(one.definition, ' ON plantao.audit_entry_before ',
                            ' ON plantao.audit_entry ');
        END IF;
    END LOOP;
END
$$;

-- Keys, places ------------------------------------------------------------------------------------
-- The key of every entry, and where its row is. Not partitioned: once means once in all of them.
CREATE TABLE audit_key (
    entry_id uuid NOT NULL,
    at_us    bigint NOT NULL,
    tenant   text NOT NULL CHECK (tenant <> '')
);
INSERT INTO audit_key (entry_id, at_us, tenant)
SELECT entry_id, at_us, tenant FROM audit_entry_before;
ALTER TABLE audit_key ADD CONSTRAINT audit_entry_once PRIMARY KEY (entry_id);

-- The last entry of every chain, those of archived ones included.
CREATE TABLE audit_head (
    chain    text COLLATE "C" PRIMARY KEY,
    tenant   text NOT NULL CHECK (tenant <> ''),
    first    bigint NOT NULL, -- of those that were added with the last
    seq      bigint NOT NULL,
    hash     bytea NOT NULL CHECK (octet_length(hash) = 32),
    at_us    bigint NOT NULL
) WITH (fillfactor = 20); -- it is rewritten with each commit, in its own page
INSERT INTO audit_head (chain, tenant, first, seq, hash, at_us)
SELECT DISTINCT ON (chain) chain, tenant, seq, seq, hash, at_us
FROM audit_entry_before ORDER BY chain, seq DESC;

-- Once for each statement, not for each row: a batch is one.
CREATE FUNCTION audit_entry_takes_its_place() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    chains integer;
    moved integer;
BEGIN
    INSERT INTO plantao.audit_key (entry_id, at_us, tenant)
    SELECT entry_id, at_us, tenant FROM added;
    GET DIAGNOSTICS chains = ROW_COUNT;
    IF chains = 1 THEN
        -- One entry is the most frequent batch of a quiet hour, and needs no grouping.
        INSERT INTO plantao.audit_head AS head (chain, tenant, first, seq, hash, at_us)
        SELECT chain, tenant, seq, seq, hash, at_us FROM added
        ON CONFLICT (chain) DO UPDATE
            SET first = excluded.first, seq = excluded.seq, hash = excluded.hash,
                at_us = excluded.at_us
            WHERE head.seq < excluded.first;
    ELSE
        SELECT count(DISTINCT chain) INTO chains FROM added;
        INSERT INTO plantao.audit_head AS head (chain, tenant, first, seq, hash, at_us)
        SELECT whole.chain, row.tenant, whole.first, whole.last, row.hash, row.at_us
        FROM (SELECT chain, min(seq) AS first, max(seq) AS last FROM added
              GROUP BY chain HAVING count(DISTINCT seq) = count(*)) AS whole
        JOIN added AS row ON row.chain = whole.chain AND row.seq = whole.last
        ON CONFLICT (chain) DO UPDATE
            SET first = excluded.first, seq = excluded.seq, hash = excluded.hash,
                at_us = excluded.at_us
            WHERE head.seq < excluded.first;
    END IF;
    GET DIAGNOSTICS moved = ROW_COUNT;
    IF moved <> chains THEN
        RAISE EXCEPTION 'an entry comes after the last of its chain'
            USING ERRCODE = 'unique_violation', CONSTRAINT = 'audit_entry_pkey';
    END IF;
    RETURN NULL;
END
$$;

CREATE OR REPLACE FUNCTION audit_pending_follows() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.phase = 'opened' THEN
        -- A key that is taken is refused once the statement has added all of its rows.
        INSERT INTO plantao.audit_pending (chain, entry_id, tenant)
        VALUES (NEW.chain, NEW.entry_id, NEW.tenant) ON CONFLICT DO NOTHING;
    ELSE
        DELETE FROM plantao.audit_pending WHERE chain = NEW.chain AND entry_id = NEW.opens;
        -- It did not wait: it was completed before, in whichever partition, or never opened here.
        IF NOT FOUND AND EXISTS (
            SELECT FROM plantao.audit_entry
            WHERE phase = 'completed' AND opens = NEW.opens AND entry_id <> NEW.entry_id
        ) THEN
            RAISE EXCEPTION 'an opened entry is completed once'
                USING ERRCODE = 'unique_violation', CONSTRAINT = 'audit_entry_completes';
        END IF;
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER audit_pending_follows AFTER INSERT ON audit_entry
    FOR EACH ROW WHEN (NEW.phase <> 'single') EXECUTE FUNCTION audit_pending_follows();
CREATE TRIGGER audit_entry_takes_its_place AFTER INSERT ON audit_entry
    REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION audit_entry_takes_its_place();
CREATE TRIGGER audit_entry_is_append_only BEFORE UPDATE OR DELETE ON audit_entry
    FOR EACH ROW EXECUTE FUNCTION audit_is_append_only();
CREATE TRIGGER audit_entry_is_never_truncated BEFORE TRUNCATE ON audit_entry
    FOR EACH STATEMENT EXECUTE FUNCTION audit_is_append_only();
ALTER TABLE audit_entry ENABLE ALWAYS TRIGGER audit_pending_follows;
ALTER TABLE audit_entry ENABLE ALWAYS TRIGGER audit_entry_takes_its_place;
ALTER TABLE audit_entry ENABLE ALWAYS TRIGGER audit_entry_is_append_only;
ALTER TABLE audit_entry ENABLE ALWAYS TRIGGER audit_entry_is_never_truncated;

-- Partitions --------------------------------------------------------------------------------------
-- The first instant of the month that is `months` after the one of an instant, in UTC.
CREATE FUNCTION audit_month_us(at_us bigint, months integer) RETURNS bigint
LANGUAGE sql STABLE AS $$
    SELECT (extract(epoch FROM (
        date_trunc('month', to_timestamp(at_us / 1000000) AT TIME ZONE 'UTC')
        + make_interval(months => months)) AT TIME ZONE 'UTC') * 1000000)::bigint
$$;

-- The partitions of the trail, oldest first; the alarm partition has no bounds.
CREATE FUNCTION audit_partitions()
RETURNS TABLE (part text, from_us bigint, until_us bigint, is_alarm boolean)
LANGUAGE sql STABLE AS $$
    SELECT c.relname::text, bound[1]::bigint, bound[2]::bigint, bound IS NULL
    FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid,
    LATERAL (SELECT regexp_match(pg_get_expr(c.relpartbound, c.oid),
        'FROM \(''?(-?\d+)''?\) TO \(''?(-?\d+)''?\)') AS bound) AS of_part
    WHERE i.inhparent = 'plantao.audit_entry'::regclass ORDER BY 2 NULLS LAST
$$;

-- What the whole cannot give its parts: unique indexes, the guard against TRUNCATE (a trigger for
-- statements is not inherited), and row-level security for whoever names a part directly. No role
-- but the owner has any right on a part, and the owner's is to look.
CREATE FUNCTION audit_dress_partition(part text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    suffix text := substr(part, length('audit_entry_') + 1);
BEGIN
    EXECUTE format('CREATE UNIQUE INDEX IF NOT EXISTS %I ON plantao.%I (chain, seq)',
        'audit_entry_pkey_' || suffix, part);
    EXECUTE format('CREATE UNIQUE INDEX IF NOT EXISTS %I ON plantao.%I (opens) '
        'WHERE phase = ''completed''', 'audit_entry_completes_' || suffix, part);
    EXECUTE format('CREATE INDEX %I ON plantao.%I USING brin (at_us) '
        'WITH (pages_per_range = 32, autosummarize = on)', 'audit_entry_at_' || suffix, part);
    EXECUTE format('CREATE TRIGGER audit_entry_is_never_truncated BEFORE TRUNCATE ON plantao.%I '
        'FOR EACH STATEMENT EXECUTE FUNCTION plantao.audit_is_append_only()', part);
    EXECUTE format('ALTER TABLE plantao.%I '
        'ENABLE ALWAYS TRIGGER audit_entry_is_never_truncated', part);
    EXECUTE format('ALTER TABLE plantao.%I ENABLE ROW LEVEL SECURITY', part);
    EXECUTE format('ALTER TABLE plantao.%I FORCE ROW LEVEL SECURITY', part);
    EXECUTE format('CREATE POLICY audit_entry_owner_looks ON plantao.%I FOR SELECT '
        'TO plantao_owner USING (true)', part);
END
$$;

-- Makes the partition of one month. What the alarm partition holds of that month moves in with it,
-- whole or not at all. False when the month has its place already.
CREATE FUNCTION audit_make_partition(month_us bigint) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    start_us bigint := plantao.audit_month_us(month_us, 0);
    end_us bigint := plantao.audit_month_us(month_us, 1);
    part text := 'audit_entry_'
        || to_char(to_timestamp(start_us / 1000000) AT TIME ZONE 'UTC', '"y"YYYY"m"MM');
BEGIN
    IF EXISTS (SELECT FROM plantao.audit_partitions() AS p
               WHERE p.from_us < end_us AND p.until_us > start_us) THEN
        RETURN false;
    END IF;
    -- Nothing is added between the look at the alarm partition and the new one.
    LOCK TABLE plantao.audit_entry IN ACCESS EXCLUSIVE MODE;
    EXECUTE format('CREATE TABLE plantao.%I (LIKE plantao.audit_entry '
        'INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING STORAGE)', part);
    IF EXISTS (SELECT FROM plantao.audit_entry_stray
               WHERE at_us >= start_us AND at_us < end_us) THEN
        ALTER TABLE plantao.audit_entry_stray NO FORCE ROW LEVEL SECURITY;
        ALTER TABLE plantao.audit_entry_stray DISABLE TRIGGER audit_entry_is_append_only;
        EXECUTE format('WITH moved AS (DELETE FROM plantao.audit_entry_stray '
            'WHERE at_us >= $1 AND at_us < $2 RETURNING *) '
            'INSERT INTO plantao.%I SELECT * FROM moved', part) USING start_us, end_us;
        ALTER TABLE plantao.audit_entry_stray ENABLE ALWAYS TRIGGER audit_entry_is_append_only;
        ALTER TABLE plantao.audit_entry_stray FORCE ROW LEVEL SECURITY;
    END IF;
    EXECUTE format('ALTER TABLE plantao.audit_entry ATTACH PARTITION plantao.%I '
        'FOR VALUES FROM (%s) TO (%s)', part, start_us, end_us);
    PERFORM plantao.audit_dress_partition(part);
    RETURN true;
END
$$;

-- The alarm partition: an entry that no month was made for is kept, and that it is there is told.
CREATE TABLE audit_entry_stray PARTITION OF audit_entry DEFAULT;
DO $$ BEGIN PERFORM plantao.audit_dress_partition('audit_entry_stray'); END $$;

-- What was there: one partition from its first month to this one.
DO $$
DECLARE
    now_us bigint := (extract(epoch FROM clock_timestamp()) * 1000000)::bigint;
    first_us bigint;
    last_us bigint;
BEGIN
    SELECT min(at_us), max(at_us) INTO first_us, last_us FROM plantao.audit_entry_before;
    IF first_us IS NULL THEN
        DROP TABLE plantao.audit_entry_before;
    ELSE
        EXECUTE format('ALTER TABLE plantao.audit_entry ATTACH PARTITION '
            'plantao.audit_entry_before FOR VALUES FROM (%s) TO (%s)',
            plantao.audit_month_us(least(first_us, now_us), 0),
            plantao.audit_month_us(greatest(last_us, now_us), 1));
        PERFORM plantao.audit_dress_partition('audit_entry_before');
    END IF;
    FOR month IN -1..3 LOOP
        PERFORM plantao.audit_make_partition(plantao.audit_month_us(now_us, month));
    END LOOP;
END
$$;

-- Storage -----------------------------------------------------------------------------------------
-- What keeps the trail, chosen once at the first start and never switched.
CREATE TABLE audit_storage (
    one       boolean PRIMARY KEY DEFAULT true CHECK (one),
    kind      text NOT NULL CHECK (kind IN ('native', 'timescale')),
    chosen_at timestamptz NOT NULL DEFAULT now(),
    server    text NOT NULL, -- its version then
    extension text           -- likewise
);

-- The part of each chain that left the database: up to `seq`, whose hash the rest goes on from.
CREATE TABLE audit_archived (
    chain     text COLLATE "C" NOT NULL,
    seq       bigint NOT NULL CHECK (seq > 0),
    tenant    text NOT NULL CHECK (tenant <> ''),
    hash      bytea NOT NULL CHECK (octet_length(hash) = 32),
    edge      bytea[] NOT NULL, -- the right edge of the chain's Merkle log at `seq`
    part      text NOT NULL,    -- the partition that went
    until_us  bigint NOT NULL,  -- it held what was before
    file      text NOT NULL,
    sha256    bytea NOT NULL CHECK (octet_length(sha256) = 32),
    at_us     bigint NOT NULL,
    PRIMARY KEY (chain, seq)
);

-- Of what left the database: the entries that the right edge of a Merkle log is still made of.
CREATE TABLE audit_archived_link (
    chain     text COLLATE "C" NOT NULL,
    seq       bigint NOT NULL,
    tenant    text NOT NULL CHECK (tenant <> ''),
    prev_hash bytea NOT NULL CHECK (octet_length(prev_hash) = 32),
    hash      bytea NOT NULL CHECK (octet_length(hash) = 32),
    PRIMARY KEY (chain, seq)
);

DO $$
DECLARE
    kept text;
BEGIN
    FOREACH kept IN ARRAY ARRAY['audit_storage', 'audit_archived', 'audit_archived_link'] LOOP
        EXECUTE format('CREATE TRIGGER %I BEFORE UPDATE OR DELETE ON plantao.%I '
            'FOR EACH ROW EXECUTE FUNCTION plantao.audit_is_append_only()',
            kept || '_is_append_only', kept);
        EXECUTE format('CREATE TRIGGER %I BEFORE TRUNCATE ON plantao.%I '
            'FOR EACH STATEMENT EXECUTE FUNCTION plantao.audit_is_append_only()',
            kept || '_is_never_truncated', kept);
        EXECUTE format('ALTER TABLE plantao.%I ENABLE ALWAYS TRIGGER %I', kept,
            kept || '_is_append_only');
        EXECUTE format('ALTER TABLE plantao.%I ENABLE ALWAYS TRIGGER %I', kept,
            kept || '_is_never_truncated');
    END LOOP;
    FOREACH kept IN ARRAY ARRAY['audit_entry', 'audit_key', 'audit_head', 'audit_storage',
                                'audit_archived', 'audit_archived_link'] LOOP
        EXECUTE format('ALTER TABLE plantao.%I ENABLE ROW LEVEL SECURITY', kept);
        EXECUTE format('ALTER TABLE plantao.%I FORCE ROW LEVEL SECURITY', kept);
    END LOOP;
END
$$;

CREATE POLICY audit_entry_reader ON audit_entry FOR SELECT TO plantao_app
    USING (tenant = current_setting('plantao.tenant', true));
CREATE POLICY audit_entry_writer_reads ON audit_entry FOR SELECT TO plantao_audit USING (true);
CREATE POLICY audit_entry_writer_adds ON audit_entry FOR INSERT TO plantao_audit WITH CHECK (true);
GRANT SELECT ON audit_entry TO plantao_app;
GRANT SELECT, INSERT ON audit_entry TO plantao_audit;

CREATE POLICY audit_key_reader ON audit_key FOR SELECT TO plantao_app
    USING (tenant = current_setting('plantao.tenant', true));
CREATE POLICY audit_key_writer_reads ON audit_key FOR SELECT TO plantao_audit USING (true);
CREATE POLICY audit_key_writer_adds ON audit_key FOR INSERT TO plantao_audit WITH CHECK (true);
-- With the partition that held their entries, keys go too.
CREATE POLICY audit_key_owner ON audit_key TO plantao_owner USING (true) WITH CHECK (false);
GRANT SELECT ON audit_key TO plantao_app;
GRANT SELECT, INSERT ON audit_key TO plantao_audit;

CREATE POLICY audit_head_writer ON audit_head TO plantao_audit USING (true) WITH CHECK (true);
CREATE POLICY audit_head_owner_looks ON audit_head FOR SELECT TO plantao_owner USING (true);
GRANT SELECT, INSERT, UPDATE ON audit_head TO plantao_audit;

CREATE POLICY audit_storage_owner ON audit_storage TO plantao_owner
    USING (true) WITH CHECK (true);

CREATE POLICY audit_archived_reader ON audit_archived FOR SELECT TO plantao_app
    USING (tenant = current_setting('plantao.tenant', true));
CREATE POLICY audit_archived_writer_reads ON audit_archived FOR SELECT TO plantao_audit
    USING (true);
CREATE POLICY audit_archived_owner ON audit_archived TO plantao_owner
    USING (true) WITH CHECK (true);
GRANT SELECT ON audit_archived TO plantao_app, plantao_audit;

CREATE POLICY audit_archived_link_reader ON audit_archived_link FOR SELECT TO plantao_app
    USING (tenant = current_setting('plantao.tenant', true));
CREATE POLICY audit_archived_link_writer_reads ON audit_archived_link FOR SELECT TO plantao_audit
    USING (true);
CREATE POLICY audit_archived_link_owner ON audit_archived_link TO plantao_owner
    USING (true) WITH CHECK (true);
GRANT SELECT ON audit_archived_link TO plantao_app, plantao_audit;
