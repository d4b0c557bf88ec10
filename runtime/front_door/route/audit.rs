//! The addresses of the audit trail and what they ask, read and refused parameter by parameter.
//!
//! A parameter that is not known here is refused, as is one that is given twice: whoever searches a
//! trail and is answered a wider question than they asked would not notice.

use super::moment::{EXPECTED, Moment};
use super::parameters::{Query, malformed, patient_id};
use super::{AuditPage, Route};
use plantao_actors::audit::{Cursor, Filter, Place};
use plantao_schema::access::Action;
use plantao_schema::audit::{Deed, Outcome, Severity, deeds};
use plantao_schema::id::{PatientId, PrincipalId};
use plantao_schema::locale::Locale;
use plantao_schema::problem::Problem;

/// Most entries in one page.
const PAGE_MAX: u32 = 1_000;
/// Entries in one page where nobody says.
const PAGE: u32 = 100;
/// What a principal's id may be qualified with in FHIR.
const PRINCIPAL_SYSTEM: &str = plantao_schema::audit::fhir::PRINCIPAL_SYSTEM;

const CONDITIONS: [&str; 8] = [
    "patient",
    "principal",
    "action",
    "outcome",
    "severity",
    "since",
    "until",
    "once",
];

/// A search of the trail, newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::front_door) struct AuditSearch {
    /// Whose data.
    pub(in crate::front_door) patient: Option<PatientId>,
    principal: Option<PrincipalId>,
    deeds: Option<Vec<Deed>>,
    outcome: Option<Outcome>,
    severity: Option<Severity>,
    /// All of them hold.
    since: Vec<Moment>,
    until: Vec<Moment>,
    once: bool,
    /// Where to go on.
    pub(in crate::front_door) after: Option<Place>,
    /// At most so many.
    pub(in crate::front_door) limit: u32,
    /// The address without the place, to which that of the next page is added.
    pub(in crate::front_door) own: String,
}

/// A patient's report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::front_door) struct AuditReport {
    /// Whose.
    pub(in crate::front_door) patient: PatientId,
    /// From when on.
    pub(in crate::front_door) since: Option<Moment>,
    /// Before when.
    pub(in crate::front_door) until: Option<Moment>,
}

impl AuditSearch {
    /// What is asked of the trail, by clocks that are `offset_s` seconds ahead of UTC.
    pub(in crate::front_door) fn filter(&self, offset_s: i64) -> Filter {
        let moments = |all: &[Moment]| all.iter().map(|one| one.at(offset_s)).collect::<Vec<_>>();
        Filter {
            principal: self.principal.as_ref().map(ToString::to_string),
            patient: self.patient.as_ref().map(ToString::to_string),
            since: moments(&self.since).into_iter().max(),
            until: moments(&self.until).into_iter().min(),
            deeds: self.deeds.clone(),
            outcome: self.outcome,
            severity: self.severity,
            once: self.once,
            ..Filter::default()
        }
    }

    /// The address of the page after this one.
    pub(in crate::front_door) fn next(&self, place: &Place) -> String {
        let joint = if self.own.contains('?') { '&' } else { '?' };
        format!("{}{joint}after={place}", self.own)
    }
}

/// `/v1/audit/entries`: in the order of the chains, as verification needs them; and newest first
/// when that is said, or anything is asked for.
pub(super) fn entries(query: &Query<'_>) -> Result<Route, Problem> {
    let known: Vec<&str> = CONDITIONS
        .into_iter()
        .chain(["order", "after", "limit"])
        .collect();
    query.only(&known, &[])?;
    let asks = CONDITIONS.iter().any(|name| query.value(name).is_some());
    let limit = limit(query, "limit")?;
    match query.value("order").as_deref() {
        Some("asc") if asks => Err(malformed(
            "order",
            "expected `desc`: conditions go with the newest first; `asc` is the whole trail",
        )),
        Some("asc") => chain(query, limit),
        None if !asks => chain(query, limit),
        None | Some("desc") => Ok(Route::AuditSearch(search(query, limit)?)),
        Some(_) => Err(malformed("order", "expected `asc` or `desc`")),
    }
}

fn chain(query: &Query<'_>, limit: u32) -> Result<Route, Problem> {
    let place = |text: String| {
        let (chain, seq) = text.rsplit_once(':')?;
        Some(Cursor {
            chain: chain.to_owned(),
            seq: seq.parse().ok()?,
        })
    };
    let bad = || malformed("after", "expected `CHAIN:NUMBER`, as `next` gives it");
    let after = query.value("after").map(|text| place(text).ok_or_else(bad));
    let after = after.transpose()?;
    Ok(Route::Audit(AuditPage { after, limit }))
}

fn search(query: &Query<'_>, limit: u32) -> Result<AuditSearch, Problem> {
    let action = |name: String| {
        let action = Action::parse(&name).map_err(|error| malformed("action", &error.to_string()));
        action.map(|action| vec![Deed::any(action)])
    };
    let once = match query.value("once").as_deref() {
        None | Some("false") => false,
        Some("true") => true,
        Some(_) => return Err(malformed("once", "expected `true` or `false`")),
    };
    Ok(AuditSearch {
        patient: query
            .value("patient")
            .map(|id| patient_id(&id))
            .transpose()?,
        principal: query
            .value("principal")
            .map(|id| principal(&id, "principal"))
            .transpose()?,
        deeds: query.value("action").map(action).transpose()?,
        outcome: named(query, "outcome", Outcome::from_name, OUTCOMES)?,
        severity: named(query, "severity", Severity::from_name, SEVERITIES)?,
        since: moment(query, "since")?.into_iter().collect(),
        until: moment(query, "until")?.into_iter().collect(),
        once,
        after: after(query)?,
        limit,
        own: query.address("/v1/audit/entries", "after"),
    })
}

const OUTCOMES: &str = "expected `success`, `refused`, `failed`, `unknown` or `pending`";
const SEVERITIES: &str = "expected `info`, `warning` or `critical`";

fn named<T>(
    query: &Query<'_>,
    field: &str,
    read: impl Fn(&str) -> Option<T>,
    expected: &str,
) -> Result<Option<T>, Problem> {
    let value = query.value(field);
    let read = value.map(|name| read(&name).ok_or_else(|| malformed(field, expected)));
    read.transpose()
}

fn moment(query: &Query<'_>, field: &str) -> Result<Option<Moment>, Problem> {
    named(query, field, Moment::parse, EXPECTED)
}

fn after(query: &Query<'_>) -> Result<Option<Place>, Problem> {
    named(
        query,
        "after",
        Place::parse,
        "expected a place, as `next` gives it",
    )
}

fn limit(query: &Query<'_>, field: &str) -> Result<u32, Problem> {
    let within = |text: &str| text.parse().ok().filter(|n| (1..=PAGE_MAX).contains(n));
    let limit = named(query, field, within, "expected a number from 1 to 1000")?;
    Ok(limit.unwrap_or(PAGE))
}

fn principal(text: &str, field: &str) -> Result<PrincipalId, Problem> {
    PrincipalId::parse(text).map_err(|error| malformed(field, &error.to_string()))
}

/// `/fhir/AuditEvent`, by the names of FHIR's search (R4, AuditEvent, search parameters).
pub(super) fn events(query: &Query<'_>) -> Result<Route, Problem> {
    let known = [
        "patient",
        "agent",
        "agent:identifier",
        "date",
        "action",
        "_count",
        "_sort",
        "_format",
        "after",
    ];
    query.only(&known, &["date"])?;
    let patient = query.value("patient");
    let patient = patient.map(|text| patient_id(text.strip_prefix("Patient/").unwrap_or(&text)));
    let agent = ["agent", "agent:identifier"]
        .iter()
        .find_map(|name| query.value(name));
    let agent = agent.map(|text| {
        let system = format!("{PRINCIPAL_SYSTEM}|");
        principal(text.strip_prefix(&system).unwrap_or(&text), "agent")
    });
    let code = |text: &str| {
        let bare = text.strip_prefix("http://hl7.org/fhir/audit-event-action|");
        deeds(bare.unwrap_or(text)).map(<[Deed]>::to_vec)
    };
    named(
        query,
        "_sort",
        |text| (text == "-date").then_some(()),
        "expected `-date`",
    )?;
    let json = |text: &str| text.contains("json").then_some(());
    named(
        query,
        "_format",
        json,
        "expected `json`, the only format there is",
    )?;
    let mut search = AuditSearch {
        patient: patient.transpose()?,
        principal: agent.transpose()?,
        deeds: named(query, "action", code, "expected `C`, `R`, `U`, `D` or `E`")?,
        once: true,
        after: after(query)?,
        limit: limit(query, "_count")?,
        own: query.address("/fhir/AuditEvent", "after"),
        ..AuditSearch::default()
    };
    for text in query.values("date") {
        date(&text, &mut search).ok_or_else(|| malformed("date", DATE))?;
    }
    Ok(Route::AuditEvents(search))
}

const DATE: &str = "expected a FHIR date such as `ge2026-01-31`, with `eq`, `gt`, `ge`, `lt`, \
                    `le`, `sa`, `eb` or nothing before it; a time needs its offset";

/// A date and how it is compared (R4, 3.1.1.4.9).
fn date(text: &str, search: &mut AuditSearch) -> Option<()> {
    let prefixed = text.split_at_checked(2);
    let (prefix, value) = match prefixed {
        Some((prefix @ ("eq" | "gt" | "ge" | "lt" | "le" | "sa" | "eb"), value)) => (prefix, value),
        _ => ("eq", text),
    };
    let (from, until) = Moment::interval(value)?;
    match prefix {
        "ge" => search.since.push(from),
        "gt" | "sa" => search.since.push(until),
        "lt" | "eb" => search.until.push(from),
        "le" => search.until.push(until),
        _ => {
            search.since.push(from);
            search.until.push(until);
        }
    }
    Some(())
}

/// `/v1/audit/patients/ID/report`.
pub(super) fn report(patient: &str, query: &Query<'_>) -> Result<Route, Problem> {
    query.only(&["since", "until", "lang"], &[])?;
    // Who it is read from is the page's own: the address, a cookie, or the browser's wish.
    named(query, "lang", Locale::parse, "expected `pt-BR` or `en`")?;
    Ok(Route::AuditReport(AuditReport {
        patient: patient_id(patient)?,
        since: moment(query, "since")?,
        until: moment(query, "until")?,
    }))
}
