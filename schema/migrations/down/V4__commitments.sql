-- Takes back V4: commitments and what opens them are gone. Entries that hold one no longer match
-- their hashes: verify and export the trail first.
DROP TABLE audit_opening;
ALTER TABLE audit_entry DROP COLUMN commitment;
