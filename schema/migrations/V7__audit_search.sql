-- Indexes that a search of the trail is served by: each is of one tenant and in time, so that a
-- page is read in order and goes no further than the page.
--
-- Every index costs each entry written; so those of what is rare hold only what is rare.

CREATE INDEX audit_entry_by_patient ON audit_entry (tenant, patient, at_us)
    WHERE patient IS NOT NULL;
CREATE INDEX audit_entry_by_action ON audit_entry (tenant, action, at_us);
-- Of ordinary ones there are so many that the index in time serves.
CREATE INDEX audit_entry_by_severity ON audit_entry (tenant, severity, at_us)
    WHERE severity <> 'info';
CREATE INDEX audit_entry_by_outcome ON audit_entry (tenant, outcome, at_us)
    WHERE outcome <> 'success' AND outcome <> 'pending';
