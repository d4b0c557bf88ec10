-- Destroys: the whole audit trail, every clinical record with its history and identifiers, and all wrapped data keys: nothing sealed under them can be opened again
--
-- Undoes V1__foundation. The roles and the empty schema stay: roles are the cluster's.
DROP TABLE fhir_identifier;
DROP TABLE fhir_resource_history;
DROP TABLE fhir_resource;
DROP FUNCTION fhir_resource_keeps_history();
DROP TABLE vault_data_key;
DROP TABLE vault_master_key;
DROP TABLE audit_completion;
DROP TABLE audit_pending;
DROP TABLE audit_entry;
DROP FUNCTION audit_is_append_only();
DROP FUNCTION audit_pending_follows();
REVOKE USAGE ON SCHEMA plantao FROM plantao_app, plantao_audit;
