-- Destroys: the signed checkpoints and daily seals of the audit trail; tiles can be computed again, signatures cannot: keep the shipped checkpoints
--
-- Undoes V3__transparency_log.
DROP TABLE audit_seal;
DROP TABLE audit_checkpoint;
DROP FUNCTION audit_checkpoint_only_grows();
DROP TABLE audit_tile;
