-- Destroys: nothing; searches of the trail read more than they need.
DROP INDEX audit_entry_by_outcome;
DROP INDEX audit_entry_by_severity;
DROP INDEX audit_entry_by_action;
DROP INDEX audit_entry_by_patient;
