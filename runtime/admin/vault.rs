//! Keys over the private socket: their state, rotations, and the erasure of a patient.
//!
//! An erasure cannot be undone: its entry is critical, in the patient's own institution, and is
//! completed by the transaction that destroys the keys. That of a rotation is completed by the
//! transaction that begins it. Looking changes nothing and has no entry.

use super::changes::{self, body, entry, no_trail, settle};
use super::health::AdminServices;
use http::Request;
use hyper::body::Incoming;
use plantao_actors::audit::OpenEntry;
use plantao_actors::database::Scope;
use plantao_actors::vault::{
    ErasureError, ErasureReason, Overview, Rotation, RotationError, Target, VaultError,
};
use plantao_schema::audit::{Outcome, Severity};
use plantao_schema::id::{PatientId, Tenant};
use plantao_schema::problem::{Problem, ProblemCode};
use serde::Deserialize;
use serde_json::{Value, json};

/// What all addresses here begin with.
pub(super) const PREFIX: &str = "/v1/vault/";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Status {
    #[serde(default)]
    tenant: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Rotate {
    level: RotateLevel,
    #[serde(default)]
    tenant: Option<String>,
    #[serde(default)]
    patient: Option<String>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum RotateLevel {
    Master,
    Tenant,
    Period,
    Data,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Erase {
    patient: String,
    #[serde(default)]
    tenant: Option<String>,
    reason: String,
}

/// Answers what is asked of the keys.
pub(super) async fn answer(
    services: &AdminServices,
    uid: u32,
    request: Request<Incoming>,
) -> Result<Value, Problem> {
    match request.uri().path().strip_prefix(PREFIX) {
        Some("status") => status(services, request).await,
        Some("rotate") => rotate(services, uid, request).await,
        Some("erase") => erase(services, uid, request).await,
        _ => {
            let detail = "under /v1/vault/ there are status, rotate and erase";
            Err(Problem::new(ProblemCode::NotFound, detail))
        }
    }
}

async fn status(services: &AdminServices, request: Request<Incoming>) -> Result<Value, Problem> {
    let Status { tenant } = body(request).await?;
    let tenant = tenant_of(services, tenant.as_deref())?;
    let overview = services.rotations.overview(&tenant).await;
    overview
        .map(|overview| shown(&tenant, &overview))
        .map_err(|error| vault_refusal(&error))
}

async fn rotate(
    services: &AdminServices,
    uid: u32,
    request: Request<Incoming>,
) -> Result<Value, Problem> {
    let Rotate {
        level,
        tenant,
        patient,
    } = body(request).await?;
    let tenant = tenant_of(services, tenant.as_deref())?;
    let (target, what) = match (level, patient) {
        (RotateLevel::Master, None) => (Target::Master, "the master key".to_owned()),
        (RotateLevel::Tenant, None) => (Target::Tenant, format!("the key of {tenant}")),
        (RotateLevel::Period, None) => (Target::Period, "the key of the period".to_owned()),
        (RotateLevel::Data, None) => (Target::AllData, format!("every data key of {tenant}")),
        (RotateLevel::Data, Some(patient)) => {
            let patient = patient_of(&patient)?;
            let what = format!("the data key of patient {patient} of {tenant}");
            (Target::Patient(patient), what)
        }
        (RotateLevel::Master | RotateLevel::Tenant | RotateLevel::Period, Some(_)) => {
            let detail = "only data keys are one patient's";
            return Err(Problem::new(ProblemCode::Invalid, detail).field("patient"));
        }
    };
    let open = changes::open(services, uid, &format!("rotate {what}")).await?;
    let begun = services.rotations.start_for(&tenant, &target, &open).await;
    match &begun {
        Ok(_) => settle(services, open, Outcome::Success).await,
        // It may have begun: dropping the entry leaves it to the trail, which asks the database.
        Err(RotationError::Vault(error)) if error.is_unavailable() => drop(open),
        Err(_) => settle(services, open, Outcome::Refused).await,
    }
    let begun = begun.map_err(|error| rotation_refusal(&error))?;
    Ok(rotation(&begun))
}

async fn erase(
    services: &AdminServices,
    uid: u32,
    request: Request<Incoming>,
) -> Result<Value, Problem> {
    let Erase {
        patient,
        tenant,
        reason,
    } = body(request).await?;
    let tenant = tenant_of(services, tenant.as_deref())?;
    let patient = patient_of(&patient)?;
    let reason = ErasureReason::parse(&reason)
        .map_err(|error| Problem::new(ProblemCode::Invalid, error.to_string()).field("reason"))?;
    let open = opened(services, uid, &tenant, &patient, &reason).await?;
    let scope = Scope::system(tenant.clone());
    let (vault, now) = (&services.vault, services.clock.now());
    let erased = vault
        .erase(&services.database, &scope, &patient, &reason, now, &open)
        .await;
    if !matches!(
        erased,
        Err(ErasureError::Unknown | ErasureError::Vault(_) | ErasureError::Already)
    ) {
        services.records.erased(&tenant, &patient);
    }
    match &erased {
        Ok(_) | Err(ErasureError::Unwritten) => settle(services, open, Outcome::Success).await,
        // Nobody here knows: dropping it leaves it to the trail, which asks the database.
        Err(ErasureError::InDoubt) => drop(open),
        Err(ErasureError::Unknown | ErasureError::Already) => {
            settle(services, open, Outcome::Refused).await;
        }
        Err(ErasureError::Vault(_)) => settle(services, open, Outcome::Failed).await,
    }
    let erasure = erased.map_err(|error| erasure_refusal(&error))?;
    Ok(json!({
        "erased": patient.as_str(),
        "tenant": tenant.as_str(),
        "keys": erasure.keys,
        "identifiers": erasure.identifiers,
    }))
}

/// Announces an erasure in the trail of the patient's own institution.
async fn opened(
    services: &AdminServices,
    uid: u32,
    tenant: &Tenant,
    patient: &PatientId,
    reason: &ErasureReason,
) -> Result<OpenEntry, Problem> {
    let opening = async {
        let mut entry = entry(services, uid, &format!("erase a patient for {reason}"))?;
        entry.severity = Severity::Critical;
        entry.tenant = tenant.clone();
        entry.resource_kind = "patient".to_owned();
        entry.resource_id = Some(patient.to_string());
        entry.patient = Some(patient.to_string());
        services.audit.open(entry).await
    };
    opening.await.map_err(|error| no_trail(&error))
}

fn tenant_of(services: &AdminServices, tenant: Option<&str>) -> Result<Tenant, Problem> {
    let Some(tenant) = tenant else {
        return Ok(services.tenant.clone());
    };
    Tenant::parse(tenant)
        .map_err(|error| Problem::new(ProblemCode::Invalid, error.to_string()).field("tenant"))
}

fn patient_of(patient: &str) -> Result<PatientId, Problem> {
    PatientId::parse(patient)
        .map_err(|error| Problem::new(ProblemCode::Invalid, error.to_string()).field("patient"))
}

fn shown(tenant: &Tenant, overview: &Overview) -> Value {
    let hex = |name: &Vec<u8>| name.iter().map(|byte| format!("{byte:02x}")).collect();
    let master: Option<String> = overview.master.as_ref().map(hex);
    json!({
        "tenant": tenant.as_str(),
        "master_key": master,
        "master_keys_retiring": overview.masters_retiring,
        "period": overview.period.map(|(number, begun)| json!({
            "number": number,
            "begun_at": begun.to_string(),
        })),
        "tenant_key_version": overview.tenant_key,
        "tenant_key_versions": overview.tenant_keys,
        "data_keys": overview.data_keys,
        "data_keys_under_the_master_key": overview.wrapped_directly,
        "data_keys_retired": overview.retired,
        "erased": overview.erased,
        "rotation": overview.rotation.as_ref().map(rotation),
    })
}

/// Whose keys they are is not told: it is a pseudonym of a patient, and in the trail.
fn rotation(rotation: &Rotation) -> Value {
    let us = (rotation.updated_at.micros()).saturating_sub(rotation.started_at.micros());
    json!({
        "id": rotation.id,
        "level": rotation.level.name(),
        "tenant": rotation.tenant.as_str(),
        "one_subject": rotation.subject.is_some(),
        "done": rotation.done,
        "total": rotation.total,
        "elapsed_ms": us.max(0) / 1_000,
        "finished": rotation.finished_at.is_some(),
    })
}

fn vault_refusal(error: &VaultError) -> Problem {
    let code = match error {
        error if error.is_unavailable() => ProblemCode::Unavailable,
        VaultError::Erased | VaultError::NoNextMaster => ProblemCode::Conflict,
        _ => ProblemCode::Internal,
    };
    Problem::new(code, error.to_string())
}

fn rotation_refusal(error: &RotationError) -> Problem {
    match error {
        RotationError::Vault(error) => vault_refusal(error),
        RotationError::Busy => Problem::new(ProblemCode::Conflict, error.to_string()),
        RotationError::Nothing => Problem::new(ProblemCode::NotFound, error.to_string()),
    }
}

fn erasure_refusal(error: &ErasureError) -> Problem {
    let code = match error {
        ErasureError::Vault(error) => return vault_refusal(error),
        ErasureError::Unknown => ProblemCode::NotFound,
        ErasureError::Already => ProblemCode::Conflict,
        ErasureError::Unwritten => ProblemCode::Internal,
        ErasureError::InDoubt => ProblemCode::DeadlineExceeded,
    };
    Problem::new(code, error.to_string())
}
