-- Takes back V9: the trail stays as it is, and a search of it reads more.

DROP INDEX audit_entry_by_outcome;
DROP INDEX audit_entry_by_severity;
DROP INDEX audit_entry_by_action;
DROP INDEX audit_entry_by_patient;
