-- The audit trail as a hypertable of TimescaleDB (2.18 or later, its community licence).
--
-- NOT RUN by this project's tests: they have no such library. It is run once, by the first start
-- against a server that has loaded it, before there is any entry; if any statement fails, all of
-- it is undone and the start with it.
--
-- Compression and row-level security exclude each other there, so the hypertable stands behind a
-- view that shows a tenant its own rows and the writer all of them. Nothing is ever dropped by
-- itself: a retention policy of TimescaleDB would not wait for an export.
BEGIN;
RESET ROLE;
CREATE EXTENSION IF NOT EXISTS timescaledb WITH SCHEMA public;
SET ROLE plantao_owner;
SET LOCAL search_path = plantao;

CREATE TABLE audit_trail (LIKE audit_entry INCLUDING DEFAULTS INCLUDING CONSTRAINTS);
DROP TABLE audit_entry;
SELECT public.create_hypertable('plantao.audit_trail', 'at_us',
    chunk_time_interval => 2592000000000); -- 30 days

CREATE UNIQUE INDEX audit_entry_pkey ON audit_trail (chain, seq, at_us);
CREATE UNIQUE INDEX audit_entry_completes ON audit_trail (opens, at_us) WHERE phase = 'completed';
CREATE INDEX audit_entry_by_principal ON audit_trail (tenant, principal, at_us);
CREATE INDEX audit_entry_by_resource ON audit_trail (tenant, resource_kind, resource_id, at_us);
CREATE INDEX audit_entry_by_time ON audit_trail (tenant, at_us);
CREATE INDEX audit_entry_by_patient ON audit_trail (tenant, patient, at_us)
    WHERE patient IS NOT NULL;
CREATE INDEX audit_entry_by_action ON audit_trail (tenant, action, at_us);
CREATE INDEX audit_entry_by_severity ON audit_trail (tenant, severity, at_us)
    WHERE severity <> 'info';
CREATE INDEX audit_entry_by_outcome ON audit_trail (tenant, outcome, at_us)
    WHERE outcome <> 'success' AND outcome <> 'pending';

CREATE TRIGGER audit_pending_follows AFTER INSERT ON audit_trail
    FOR EACH ROW WHEN (NEW.phase <> 'single') EXECUTE FUNCTION audit_pending_follows();
CREATE TRIGGER audit_entry_takes_its_place AFTER INSERT ON audit_trail
    REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION audit_entry_takes_its_place();
CREATE TRIGGER audit_entry_is_append_only BEFORE UPDATE OR DELETE ON audit_trail
    FOR EACH ROW EXECUTE FUNCTION audit_is_append_only();
CREATE TRIGGER audit_entry_is_never_truncated BEFORE TRUNCATE ON audit_trail
    FOR EACH STATEMENT EXECUTE FUNCTION audit_is_append_only();

-- A session in replica mode does not slip past them either.
ALTER TABLE audit_trail ENABLE ALWAYS TRIGGER audit_pending_follows;
ALTER TABLE audit_trail ENABLE ALWAYS TRIGGER audit_entry_takes_its_place;
ALTER TABLE audit_trail ENABLE ALWAYS TRIGGER audit_entry_is_append_only;
ALTER TABLE audit_trail ENABLE ALWAYS TRIGGER audit_entry_is_never_truncated;

CREATE FUNCTION audit_now_us() RETURNS bigint LANGUAGE sql STABLE AS $$
    SELECT (extract(epoch FROM now()) * 1000000)::bigint
$$;
SELECT public.set_integer_now_func('plantao.audit_trail', 'plantao.audit_now_us');
ALTER TABLE audit_trail SET (timescaledb.compress, timescaledb.compress_segmentby = 'chain',
    timescaledb.compress_orderby = 'seq');
SELECT public.add_compression_policy('plantao.audit_trail',
    compress_after => 604800000000::bigint); -- 7 days

CREATE VIEW audit_entry WITH (security_barrier) AS
    SELECT * FROM audit_trail
    WHERE current_user = 'plantao_audit'
        OR tenant = current_setting('plantao.tenant', true);
GRANT SELECT ON audit_entry TO plantao_app;
GRANT SELECT, INSERT ON audit_entry TO plantao_audit;
-- With the rest: what is half set up is not set up.
INSERT INTO audit_storage (kind, server, extension)
    SELECT 'timescale', current_setting('server_version'), extversion
    FROM pg_extension WHERE extname = 'timescaledb';
COMMIT;
