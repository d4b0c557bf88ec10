//! The patient's report: who saw what, when and why, as the patient reads it.
//!
//! Read whole and within bounds before a word of it is written: a report that stops in the middle
//! and does not say so would be worse than none.

use super::super::problems;
use super::super::refused::Refused;
use super::super::reply::Answer;
use super::super::route::{AuditReport, Moment};
use super::super::services::Services;
use super::{Asked, Handled, internal, pages};
use crate::pages::report::{self, Told};
use http::{HeaderValue, StatusCode, header};
use plantao_actors::aside::aside;
use plantao_actors::audit::{AuditLog, Filter, PAGE_MAX};
use plantao_actors::database::Scope;
use plantao_actors::policy::Permit;
use plantao_schema::audit;
use plantao_schema::problem::{Problem, ProblemCode};
use std::time::Duration;
use tokio::time::timeout;

/// Accesses that one report tells of, the newest: months of an intensive care bed, and some 20 MB
/// while they are grouped.
const ACCESSES_MAX: usize = 20_000;
/// How long reading them may take together.
const READING_DEADLINE: Duration = Duration::from_secs(20);

/// The report, as a page for whoever accepts one and as a text for everybody else.
pub(super) async fn report(
    services: &Services,
    permit: &Permit,
    wanted: AuditReport,
    asked: &Asked<'_>,
) -> Result<Handled, Refused> {
    let readers = &services.readers;
    let offset_s = readers.offset_s;
    let moment = |moment: Moment| moment.at(offset_s);
    let (since, until) = (wanted.since.map(moment), wanted.until.map(moment));
    let made = services.clock.now();
    let filter = Filter {
        patient: Some(wanted.patient.to_string()),
        since,
        // What is recorded while it is read is the next report's.
        until: Some(until.map_or(made, |until| until.min(made))),
        once: true,
        ..Filter::default()
    };
    let reading = timeout(READING_DEADLINE, accesses(services, permit, &filter));
    let (accesses, is_cut) = reading.await.map_err(|_| {
        let detail = "the trail of this period could not be read in time; ask for a shorter one";
        Problem::new(ProblemCode::DeadlineExceeded, detail).field("since")
    })??;
    let told = Told {
        report: audit::report::Report::default(),
        tenant: permit.tenant().to_string(),
        patient: wanted.patient.to_string(),
        since,
        until: until.map(|until| until.min(made)),
        made,
        offset_s,
        is_cut,
        contact: readers.contact.clone(),
        locale: pages::locale(asked.head),
    };
    let as_page = accepts_page(asked.head.headers.get(header::ACCEPT));
    let draw = move || {
        let report = audit::report::report(&accesses, offset_s);
        drawn(&Told { report, ..told }, as_page)
    };
    let answer = aside(draw).await;
    let answer = answer.ok_or_else(|| internal("the report could not be drawn"))?;
    // Whoever asks for somebody's report stands in the next one.
    Ok(Handled::Read {
        answer: answer.header(header::VARY, "accept, accept-language, cookie".to_owned()),
        plugin: None,
        patients: [wanted.patient.to_string()].into(),
    })
}

/// Every access of the filter, the newest first, and whether there are older ones.
async fn accesses(
    services: &Services,
    permit: &Permit,
    filter: &Filter,
) -> Result<(Vec<audit::Told>, bool), Problem> {
    let (scope, database) = (Scope::of(permit), &services.database);
    let (mut all, mut place) = (Vec::new(), None);
    while all.len() < ACCESSES_MAX {
        let found = AuditLog::search(database, &scope, filter, place.as_ref(), PAGE_MAX).await;
        let found = found.map_err(|error| problems::database(&error))?;
        all.extend(found.entries);
        place = found.next;
        if place.is_none() {
            break;
        }
    }
    Ok((all, place.is_some()))
}

fn drawn(told: &Told, as_page: bool) -> Answer {
    let (content_type, body) = if as_page {
        ("text/html; charset=utf-8", report::page(told))
    } else {
        ("text/plain; charset=utf-8", report::text(told))
    };
    let answer = Answer {
        status: StatusCode::OK,
        content_type,
        body: body.into_bytes(),
        headers: Vec::new(),
    };
    let headers = if as_page {
        report::headers()
    } else {
        Vec::new()
    };
    headers
        .into_iter()
        .fold(answer, |answer, (name, value)| answer.header(name, value))
        .header(header::CONTENT_LANGUAGE, told.locale.as_str().to_owned())
}

fn accepts_page(accept: Option<&HeaderValue>) -> bool {
    let kinds = accept.and_then(|accept| accept.to_str().ok());
    kinds.is_some_and(|kinds| kinds.contains("text/html"))
}
