-- Destroys: the number of the present period, and the record of its turns.
--
-- Undoes V8. Tenants' keys stay wrapped under their period: the program before it refuses them, and
-- nothing is lost, for their bytes say which period it is and its key is in the host's file.

SET LOCAL ROLE plantao_keys;
DROP TABLE plantao_keys.period;
ALTER TABLE plantao_keys.rotation NO FORCE ROW LEVEL SECURITY;
DELETE FROM plantao_keys.rotation WHERE level = 'period';
ALTER TABLE plantao_keys.rotation FORCE ROW LEVEL SECURITY;
ALTER TABLE plantao_keys.rotation DROP CONSTRAINT rotation_level_check;
ALTER TABLE plantao_keys.rotation ADD CONSTRAINT rotation_level_check
    CHECK (level IN ('master', 'tenant', 'data'));

SET LOCAL ROLE plantao_owner;
