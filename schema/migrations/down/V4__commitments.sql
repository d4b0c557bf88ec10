-- Destroys: the commitments of entries and what opens them; entries that hold one no longer match
-- their hashes, so verify and export the trail first.
DROP TABLE audit_opening;
ALTER TABLE audit_entry DROP COLUMN commitment;
