//! The addresses there are, and what each asks of the policy.
//!
//! A path segment becomes an identifier or is refused here: nothing further in ever sees `..`, `%`
//! or a slash.

mod audit;
mod moment;
mod pages;
mod parameters;

pub(super) use audit::{AuditReport, AuditSearch};
pub(super) use moment::Moment;
pub(super) use pages::{AssetRoute, LiveRoute, LogInRoute, PageRoute};

use http::{Method, Uri};
use pages::ward_id;
use parameters::{
    Query, bed_id, entry_id, fhir_type, function_name, method_not_allowed, only, patient_id,
    purpose, resource_id, search,
};
use plantao_actors::audit::Cursor;
use plantao_actors::live::Subject;
use plantao_actors::patient::resource_kind;
use plantao_schema::access::{Action, Purpose, ResourceKind};
use plantao_schema::fhir::FhirType;
use plantao_schema::id::{BedId, PatientId, ResourceId, WardId};
use plantao_schema::problem::{Problem, ProblemCode};
use uuid::Uuid;

/// One address with its parameters, read and checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Route {
    /// Is the door open. Public, carries no data.
    Health,
    /// What the FHIR API can do. Public by FHIR's own rule (R4, 3.1.0.6).
    Metadata,
    /// A FHIR transaction.
    Bundle,
    /// A FHIR read.
    Read { kind: FhirType, id: ResourceId },
    /// A FHIR search by identifier.
    Search {
        kind: FhirType,
        system: String,
        value: String,
    },
    /// A FHIR create (`id` absent) or update.
    Store {
        kind: FhirType,
        id: Option<ResourceId>,
    },
    /// An article to be checked.
    Content,
    /// A page of the audit trail, in the order of its chains.
    Audit(AuditPage),
    /// A search of it, newest first.
    AuditSearch(AuditSearch),
    /// The same as FHIR's AuditEvent.
    AuditEvents(AuditSearch),
    /// A patient's report: who saw what, when and why.
    AuditReport(AuditReport),
    /// The signed checkpoints of the audit trail, and what checks them.
    Checkpoints,
    /// The proof that an entry is under a checkpoint.
    Proof(Uuid),
    /// Whether the content that is kept is that which an entry committed to.
    Contents(Uuid),
    /// The plugins and their state.
    Plugins,
    /// A call of one function of one plugin on a text.
    Call {
        plugin: ResourceId,
        function: String,
    },
    /// Who lies in which bed of a ward.
    Beds(WardId),
    /// A patient into a bed (PUT), or nobody (DELETE).
    Bed {
        ward: WardId,
        bed: BedId,
        free: bool,
    },
    /// A patient's allergies, medication and conditions.
    EmergencyCard(PatientId),
    /// What a patient agreed to, or changed their mind about (PUT).
    Consent {
        patient: PatientId,
        purpose: Purpose,
        set: bool,
    },
    /// A page or its live part.
    Page(PageRoute),
    /// Getting in and out.
    LogIn(LogInRoute),
    /// A script or a style sheet. Public, carries no data.
    Asset(AssetRoute),
}

/// Which part of the audit trail is wanted, chain by chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct AuditPage {
    /// The place after which to go on: chain and number.
    pub(super) after: Option<Cursor>,
    /// At most so many.
    pub(super) limit: u32,
}

impl Route {
    /// Whether it changes what is kept, the trail aside.
    pub(super) const fn is_change(&self) -> bool {
        matches!(
            self,
            Self::Bundle | Self::Store { .. } | Self::Bed { .. } | Self::Consent { set: true, .. }
        )
    }

    /// Reads method and address.
    pub(super) fn parse(method: &Method, uri: &Uri) -> Result<Self, Problem> {
        let path = uri.path().strip_prefix('/').unwrap_or_default();
        let mut segments: Vec<&str> = path.split('/').collect();
        let query = Query(uri.query().unwrap_or_default());
        // People write a slash at the end; programs have no reason to.
        if matches!(
            segments.as_slice(),
            ["wards" | "patients" | "supervision" | "login", .., ""]
        ) {
            segments.pop();
        }
        if let Some(page) = PageRoute::parse(method, &segments, &query) {
            return page.map(Self::Page);
        }
        if let Some(log_in) = LogInRoute::parse(method, &segments) {
            return log_in.map(Self::LogIn);
        }
        match segments.as_slice() {
            ["healthz"] => only(method, &[Method::GET, Method::HEAD], Self::Health),
            ["fhir", "metadata"] => only(method, &[Method::GET], Self::Metadata),
            ["fhir"] => only(method, &[Method::POST], Self::Bundle),
            ["fhir", "AuditEvent"] => only(method, &[Method::GET], audit::events(&query)?),
            ["fhir", kind] => {
                let kind = fhir_type(kind)?;
                match *method {
                    Method::POST => Ok(Self::Store { kind, id: None }),
                    Method::GET => search(kind, &query),
                    _ => Err(method_not_allowed(&[Method::GET, Method::POST])),
                }
            }
            ["fhir", kind, id] => {
                let kind = fhir_type(kind)?;
                let id = resource_id(id)?;
                match *method {
                    Method::GET => Ok(Self::Read { kind, id }),
                    Method::PUT => Ok(Self::Store { kind, id: Some(id) }),
                    _ => Err(method_not_allowed(&[Method::GET, Method::PUT])),
                }
            }
            ["v1", "content"] => only(method, &[Method::POST], Self::Content),
            ["v1", "audit", "entries"] => only(method, &[Method::GET], audit::entries(&query)?),
            ["v1", "audit", "patients", patient, "report"] => {
                only(method, &[Method::GET], audit::report(patient, &query)?)
            }
            ["v1", "audit", "checkpoints"] => only(method, &[Method::GET], Self::Checkpoints),
            ["v1", "audit", "proofs", entry] => {
                only(method, &[Method::GET], Self::Proof(entry_id(entry)?))
            }
            ["v1", "audit", "contents", entry] => {
                only(method, &[Method::GET], Self::Contents(entry_id(entry)?))
            }
            ["v1", "plugins"] => only(method, &[Method::GET], Self::Plugins),
            ["v1", "plugins", plugin, function] => {
                let plugin = resource_id(plugin)?;
                let function = function_name(function)?;
                only(method, &[Method::POST], Self::Call { plugin, function })
            }
            ["v1", "wards", ward] => only(method, &[Method::GET], Self::Beds(ward_id(ward)?)),
            ["v1", "wards", ward, "beds", bed] => {
                let (ward, bed, free) = (ward_id(ward)?, bed_id(bed)?, *method == Method::DELETE);
                let route = Self::Bed { ward, bed, free };
                only(method, &[Method::PUT, Method::DELETE], route)
            }
            ["v1", "patients", patient, "consents", name] => {
                let (patient, purpose) = (patient_id(patient)?, purpose(name)?);
                let set = *method == Method::PUT;
                let route = Self::Consent {
                    patient,
                    purpose,
                    set,
                };
                only(method, &[Method::GET, Method::PUT], route)
            }
            ["v1", "patients", patient, "emergency-card"] => {
                let patient = patient_id(patient)?;
                only(method, &[Method::GET], Self::EmergencyCard(patient))
            }
            ["assets", hash, name] => {
                let path = format!("{hash}/{name}");
                let methods = [Method::GET, Method::HEAD];
                only(method, &methods, Self::Asset(AssetRoute { path }))
            }
            _ => Err(Problem::new(
                ProblemCode::NotFound,
                "no such address; there are /wards, /patients, /supervision, /login, /fhir, \
                 /v1/wards, /v1/content, /v1/audit/entries, /v1/audit/checkpoints, /v1/plugins",
            )),
        }
    }

    /// Its name in metrics: never with a parameter.
    pub(super) const fn name(&self) -> &'static str {
        match self {
            Self::Health => "health",
            Self::Metadata => "fhir_metadata",
            Self::Bundle => "fhir_bundle",
            Self::Read { .. } => "fhir_read",
            Self::Search { .. } => "fhir_search",
            Self::Store { .. } => "fhir_store",
            Self::Content => "content",
            Self::Audit(_) => "audit",
            Self::AuditSearch(_) => "audit_search",
            Self::AuditEvents(_) => "fhir_audit_event",
            Self::AuditReport(_) => "audit_report",
            Self::Checkpoints => "audit_checkpoints",
            Self::Proof(_) => "audit_proof",
            Self::Contents(_) => "audit_contents",
            Self::Plugins => "plugins",
            Self::Call { .. } => "plugin_call",
            Self::Beds(_) => "ward",
            Self::Bed { .. } => "ward_bed",
            Self::EmergencyCard(_) => "emergency_card",
            Self::Consent { .. } => "consent",
            Self::Page(page) => page.name(),
            Self::LogIn(log_in) => log_in.name(),
            Self::Asset(_) => "asset",
        }
    }

    /// What the policy is asked; `None` for the addresses that carry nobody's data, and for those
    /// that make somebody known first and ask then.
    pub(super) fn access(&self) -> Option<(Action, ResourceKind, Purpose)> {
        Some(match self {
            Self::Health | Self::Metadata | Self::Asset(_) => return None,
            Self::Bundle => (Action::Write, ResourceKind::Bundle, Purpose::Treatment),
            Self::Read { kind, .. } => (Action::Read, resource_kind(*kind), Purpose::Treatment),
            Self::Search { kind, .. } => (Action::Search, resource_kind(*kind), Purpose::Treatment),
            Self::Store { kind, .. } => (Action::Write, resource_kind(*kind), Purpose::Treatment),
            Self::Content => (Action::Submit, ResourceKind::Content, Purpose::Publication),
            Self::Audit(_)
            | Self::AuditSearch(_)
            | Self::AuditEvents(_)
            | Self::AuditReport(_)
            | Self::Checkpoints
            | Self::Proof(_)
            | Self::Contents(_) => (Action::Read, ResourceKind::Audit, Purpose::Audit),
            Self::Plugins => (Action::Read, ResourceKind::Plugin, Purpose::Operations),
            Self::Call { .. } => (Action::Submit, ResourceKind::Plugin, Purpose::Operations),
            Self::Beds(_) => (Action::Read, ResourceKind::Ward, Purpose::Treatment),
            Self::Bed { .. } => (Action::Write, ResourceKind::Ward, Purpose::Treatment),
            Self::EmergencyCard(_) => (
                Action::Read,
                ResourceKind::EmergencyCard,
                Purpose::Treatment,
            ),
            Self::Consent { set: false, .. } => {
                (Action::Read, ResourceKind::Consent, Purpose::Operations)
            }
            Self::Consent { set: true, .. } => {
                (Action::Write, ResourceKind::Consent, Purpose::Operations)
            }
            Self::Page(page) => page.access(),
            Self::LogIn(log_in) if log_in.is_public() => return None,
            Self::LogIn(_) => (Action::Write, ResourceKind::Session, Purpose::Operations),
        })
    }

    /// The one resource it names, if it names one.
    pub(super) fn resource(&self) -> Option<ResourceId> {
        match self {
            Self::Read { id, .. }
            | Self::Store { id: Some(id), .. }
            | Self::Call { plugin: id, .. } => Some(id.clone()),
            Self::Beds(ward) | Self::Bed { ward, .. } => ResourceId::parse(ward.as_str()).ok(),
            Self::EmergencyCard(patient) => ResourceId::parse(patient.as_str()).ok(),
            Self::Page(page) => match page.subject() {
                Some(Subject::Ward(ward)) => ResourceId::parse(ward.as_str()).ok(),
                Some(Subject::Patient(patient)) => ResourceId::parse(patient.as_str()).ok(),
                _ => None,
            },
            _ => None,
        }
    }

    /// The patient it names, if it names one.
    pub(super) fn patient(&self) -> Option<PatientId> {
        match self {
            Self::Read {
                kind: FhirType::Patient,
                id,
            }
            | Self::Store {
                kind: FhirType::Patient,
                id: Some(id),
            } => PatientId::parse(id.as_str()).ok(),
            Self::Consent { patient, .. } | Self::EmergencyCard(patient) => Some(patient.clone()),
            Self::Page(page) => page.patient(),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests;
