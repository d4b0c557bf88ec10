-- Roles live beside the databases of a cluster, not inside one, so they are made before any
-- migration and each time again: every statement here may find its work already done.
--
--   plantao_owner  owns the schema; nothing but migrations runs as it
--   plantao_app    what requests run as: row-level security binds it, and it holds few rights
--   plantao_audit  what the audit writer runs as: it can add to the trail of every tenant
--   plantao_keys   owns the key store, the schema of its name; nothing but migrations runs as it
--
-- A login that is neither a superuser nor allowed to create roles needs them made beforehand:
--   CREATE ROLE plantao_owner; CREATE ROLE plantao_app; CREATE ROLE plantao_audit BYPASSRLS;
--   CREATE ROLE plantao_keys;
--   GRANT plantao_owner, plantao_app, plantao_audit, plantao_keys TO <the login>;
DO $$
DECLARE
    wanted text;
    super boolean := (SELECT rolsuper FROM pg_roles WHERE rolname = current_user);
BEGIN
    FOREACH wanted IN ARRAY
        ARRAY['plantao_owner', 'plantao_app', 'plantao_audit', 'plantao_keys'] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = wanted) THEN
            EXECUTE format('CREATE ROLE %I LOGIN', wanted);
        END IF;
        IF NOT super AND wanted <> current_user THEN
            BEGIN
                EXECUTE format('GRANT %I TO %I', wanted, current_user);
            EXCEPTION WHEN insufficient_privilege THEN
                -- Someone with more rights granted it already, or SET ROLE will say that it lacks.
                NULL;
            END;
        END IF;
    END LOOP;
    -- COPY is refused under row-level security; without this right the writer falls back to INSERT.
    IF super AND NOT (SELECT rolbypassrls FROM pg_roles WHERE rolname = 'plantao_audit') THEN
        ALTER ROLE plantao_audit BYPASSRLS;
    END IF;
    IF NOT EXISTS (SELECT FROM pg_namespace WHERE nspname = 'plantao') THEN
        CREATE SCHEMA plantao AUTHORIZATION plantao_owner;
    END IF;
    IF NOT EXISTS (SELECT FROM pg_namespace WHERE nspname = 'plantao_keys') THEN
        CREATE SCHEMA plantao_keys AUTHORIZATION plantao_keys;
    END IF;
END
$$;
