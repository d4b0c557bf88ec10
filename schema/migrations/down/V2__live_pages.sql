-- Destroys: who lies in which bed, every consent and its history, all accounts, which sessions were ended early, and which records hold slow signs
--
-- Undoes V2__live_pages.
DROP INDEX fhir_resource_slow;
ALTER TABLE fhir_resource DROP COLUMN slow_signs;
CREATE INDEX fhir_resource_by_patient ON fhir_resource (tenant, patient, kind)
    WHERE patient IS NOT NULL;
DROP INDEX fhir_resource_newest;
DROP TABLE revoked_session;
DROP TABLE account;
DROP TABLE consent_history;
DROP FUNCTION consent_history_is_append_only();
DROP TABLE consent;
DROP FUNCTION consent_keeps_history();
DROP TABLE ward_bed;
