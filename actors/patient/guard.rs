//! What a permit covers: the last check before a record is touched.
//!
//! The front door asked for a decision about one access; this compares that access with the one
//! that is about to happen. A difference is a fault of the program and is refused.

use super::RecordError;
use crate::policy::{Permit, Policy};
use plantao_schema::access::{Action, Purpose, ResourceKind};
use plantao_schema::fhir::{FhirType, Transaction};
use plantao_schema::id::{PatientId, ResourceId, Tenant};
use plantao_schema::time::Timestamp;

/// Reading one record.
pub(super) async fn read(
    permit: &Permit,
    kind: FhirType,
    id: &ResourceId,
    now: Timestamp,
) -> Result<(), RecordError> {
    permit.hand_in(now).await?;
    let covers = permit.action() == Action::Read
        && permit.resource_kind() == resource_kind(kind)
        && permit.resource_id() == Some(id);
    let own = kind != FhirType::Patient
        || permit
            .patient()
            .is_none_or(|patient| patient.as_str() == id.as_str());
    if covers && own {
        Ok(())
    } else {
        Err(RecordError::PermitMismatch)
    }
}

/// Reading the emergency card of the one patient that the permit names.
pub(super) async fn card(permit: &Permit, now: Timestamp) -> Result<PatientId, RecordError> {
    permit.hand_in(now).await?;
    let covers =
        permit.action() == Action::Read && permit.resource_kind() == ResourceKind::EmergencyCard;
    let patient = permit.patient().filter(|_| covers);
    patient.cloned().ok_or(RecordError::PermitMismatch)
}

/// Whether a patient's data may be used for a purpose, now that the patient is known. Emergency
/// access does not ask. Without a policy there is nobody who could have said anything.
pub(super) async fn consent(
    policy: Option<&Policy>,
    tenant: &Tenant,
    patient: &PatientId,
    purpose: Purpose,
) -> Result<(), RecordError> {
    let Some(policy) = policy else { return Ok(()) };
    if policy.consented(tenant, patient, purpose) {
        return Ok(());
    }
    // Perhaps it is only not known yet, which is no refusal by the patient.
    if !policy.ready(tenant).await {
        return Err(RecordError::Unavailable);
    }
    if policy.consented(tenant, patient, purpose) {
        Ok(())
    } else {
        Err(RecordError::ConsentRevoked)
    }
}

/// Looking records of a type up.
pub(super) async fn search(
    permit: &Permit,
    kind: FhirType,
    now: Timestamp,
) -> Result<(), RecordError> {
    permit.hand_in(now).await?;
    let covers = permit.action() == Action::Search && permit.resource_kind() == resource_kind(kind);
    if covers {
        Ok(())
    } else {
        Err(RecordError::PermitMismatch)
    }
}

/// Writing a bundle: one that was permitted as a bundle, or as the one record it holds. A permit
/// that names a patient covers no other patient's file.
pub(super) async fn write(
    permit: &Permit,
    bundle: &Transaction,
    now: Timestamp,
) -> Result<(), RecordError> {
    permit.hand_in(now).await?;
    let mut resources = bundle.resources();
    let whole = permit.resource_kind() == ResourceKind::Bundle;
    let single = match (resources.next(), resources.next()) {
        (Some(one), None) => {
            permit.resource_kind() == resource_kind(one.kind)
                && permit.resource_id().is_none_or(|id| *id == one.id)
        }
        _ => false,
    };
    let theirs = bundle.resources().filter_map(|one| one.patient.as_ref());
    let own = permit
        .patient()
        .is_none_or(|patient| theirs.into_iter().all(|one| one == patient));
    let covers = permit.action() == Action::Write && (whole || single) && own;
    if covers {
        Ok(())
    } else {
        Err(RecordError::PermitMismatch)
    }
}

/// The policy's name for a type.
#[must_use]
pub const fn resource_kind(kind: FhirType) -> ResourceKind {
    match kind {
        FhirType::Patient => ResourceKind::Patient,
        FhirType::Practitioner => ResourceKind::Practitioner,
        FhirType::Organization => ResourceKind::Organization,
        FhirType::Observation => ResourceKind::Observation,
        FhirType::AllergyIntolerance => ResourceKind::AllergyIntolerance,
        FhirType::MedicationRequest => ResourceKind::MedicationRequest,
        FhirType::Condition => ResourceKind::Condition,
    }
}
