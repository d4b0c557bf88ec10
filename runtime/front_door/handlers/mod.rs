//! Step four: one call into the mailbox of the actor that owns the resource.
//!
//! Each handler consumes the permit.

mod audit;
mod cards;
mod consents;
mod live;
mod log_in;
mod pages;
mod records;
mod report;
mod texts;
mod wards;

pub(super) use live::Upgrade;
pub(super) use log_in::public as log_in;
pub(super) use pages::{asset, refusal as page_refusal};

use super::card::CardAnswer;
use super::parse;
use super::problems;
use super::refused::Refused;
use super::reply::{Answer, FHIR_JSON, JSON};
use super::route::{LogInRoute, PageRoute, Route};
use super::serve::Caller;
use super::services::Services;
use crate::identity::Claims;
use http::StatusCode;
use http::request::Parts;
use hyper::body::Incoming;
use plantao_actors::audit::AuditReceipt;
use plantao_actors::policy::{CardEmergency, Permit};
use plantao_schema::fhir;
use plantao_schema::problem::{Problem, ProblemCode};
use std::collections::BTreeSet;
use tokio::sync::OwnedSemaphorePermit;

/// What articles may be called.
const TEXT_TYPES: &[&str] = &["text/markdown", "text/plain"];

/// What a handler leaves for the audit trail.
pub(super) enum Handled {
    /// Something was looked at: the access is audited now, in one entry.
    Read {
        answer: Answer,
        plugin: Option<String>,
        /// Whose data was looked at, when the request did not say: each has an entry of its own.
        patients: BTreeSet<String>,
    },
    /// Something was changed: its entry is complete already.
    Changed {
        answer: Answer,
        receipt: AuditReceipt,
    },
    /// An emergency card was read in an emergency: the access is audited now, in the trail or,
    /// while that is away, in the spool.
    Emergency {
        answer: CardAnswer,
        emergency: Box<CardEmergency>,
    },
    /// The connection becomes a WebSocket: its entry is opened now and completed at its end.
    Upgrade(Box<Upgrade>),
}

/// A permitted request, and who sent it from where.
pub(super) struct Asked<'a> {
    /// What its credential says.
    pub(super) claims: &'a Claims,
    /// Where it came from.
    pub(super) caller: &'a Caller,
    /// Its head.
    pub(super) head: &'a mut Parts,
}

/// What a request in progress takes from everybody else.
struct Load {
    _slot: OwnedSemaphorePermit,
    _memory: OwnedSemaphorePermit,
}

/// The door is open.
pub(super) fn health() -> Answer {
    let body = b"ok\n".to_vec();
    let content_type = "text/plain; charset=utf-8";
    Answer {
        status: StatusCode::OK,
        content_type,
        body,
        headers: Vec::new(),
    }
}

/// What the FHIR API can do.
pub(super) fn metadata() -> Answer {
    let statement = fhir::capability_statement(env!("CARGO_PKG_VERSION"));
    Answer::json(StatusCode::OK, FHIR_JSON, &statement)
}

/// Hands a permitted request to whoever owns the resource.
pub(super) async fn handle(
    services: &Services,
    permit: Permit,
    route: Route,
    asked: Asked<'_>,
    body: &mut Incoming,
    slot: OwnedSemaphorePermit,
) -> Result<Handled, Refused> {
    if route.is_change() && services.database.is_read_only() {
        return Err(problems::storage_full().into());
    }
    let headers = &asked.head.headers;
    match route {
        Route::Health | Route::Metadata | Route::Asset(_) => {
            Err(internal("this address asks for no permit").into())
        }
        Route::Read { kind, id } => records::read(services, permit, kind, id).await,
        Route::Search {
            kind,
            system,
            value,
        } => records::search(services, permit, kind, &system, &value).await,
        Route::Bundle => records::bundle(services, permit, headers, body, slot).await,
        Route::Store { kind, id } => {
            records::store(services, permit, (kind, id), headers, body, slot).await
        }
        Route::Content => {
            let (body, _memory) = parse::body(services, headers, body, TEXT_TYPES).await?;
            texts::content(services, permit, body).await
        }
        Route::Audit(page) => audit::page(services, &taken(services, permit).await?, page).await,
        Route::AuditSearch(search) => {
            let permit = taken(services, permit).await?;
            audit::search(services, &permit, &search).await
        }
        Route::AuditEvents(search) => {
            let permit = taken(services, permit).await?;
            audit::events(services, &permit, &search).await
        }
        Route::AuditReport(wanted) => {
            let permit = taken(services, permit).await?;
            report::report(services, &permit, wanted, &asked).await
        }
        Route::Checkpoints => {
            let permit = taken(services, permit).await?;
            audit::checkpoints(services, &permit).await
        }
        Route::Proof(entry) => {
            let permit = taken(services, permit).await?;
            audit::proof(services, &permit, entry).await
        }
        Route::Contents(entry) => {
            let permit = taken(services, permit).await?;
            audit::contents(services, &permit, entry).await
        }
        Route::Call { plugin, function } => {
            let (body, _memory) = parse::body(services, headers, body, TEXT_TYPES).await?;
            texts::call(services, permit, plugin.as_str(), &function, body).await
        }
        Route::Plugins => {
            taken(services, permit).await?;
            let plugins = serde_json::json!({ "plugins": services.plugins.list() });
            Ok(looked_at(Answer::json(StatusCode::OK, JSON, &plugins)))
        }
        Route::Beds(ward) => {
            let permit = taken(services, permit).await?;
            wards::beds(services, &permit, ward).await
        }
        Route::Bed { ward, bed, free } => {
            wards::place(services, permit, (ward, bed), free, headers, body).await
        }
        Route::EmergencyCard(patient) => cards::card(services, permit, patient, asked.head).await,
        Route::Consent {
            patient,
            purpose,
            set,
        } => {
            let about = (patient, purpose);
            consents::consent(services, permit, about, set, headers, body).await
        }
        Route::Page(page) => {
            let permit = taken(services, permit).await?;
            match page {
                PageRoute::Live(live) => live::open(services, permit, live, asked).await,
                page => pages::page(services, permit, page, &asked).await,
            }
        }
        Route::LogIn(LogInRoute::Offer) => log_in::offer(services, permit, &asked).await,
        Route::LogIn(LogInRoute::Leave) => {
            let permit = taken(services, permit).await?;
            log_in::leave(services, permit, asked.claims).await
        }
        Route::LogIn(_) => Err(internal("this address makes its own permit").into()),
    }
}

/// The permit handed in here, where no actor further down does that.
async fn taken(services: &Services, permit: Permit) -> Result<Permit, Problem> {
    match permit.hand_in(services.clock.now()).await {
        Ok(()) => Ok(permit),
        Err(error) => {
            let (code, detail) = problems::permit(error);
            Err(Problem::new(code, detail))
        }
    }
}

fn internal(detail: &str) -> Problem {
    Problem::new(ProblemCode::Internal, detail)
}

const fn looked_at(answer: Answer) -> Handled {
    Handled::Read {
        answer,
        plugin: None,
        patients: BTreeSet::new(),
    }
}
