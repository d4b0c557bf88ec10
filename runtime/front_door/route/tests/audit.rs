//! The addresses of the audit trail: what is asked, and what is refused by its name.

use super::{Cursor, Method, ProblemCode, Route, parse};
use crate::front_door::route::{AuditPage, AuditSearch};
use plantao_actors::audit::{Filter, Place};
use plantao_schema::access::Action;
use plantao_schema::audit::{Deed, Outcome, Severity, deeds};
use plantao_schema::time::Timestamp;

const BRASILIA_S: i64 = -3 * 3_600;

fn asked(address: &str) -> AuditSearch {
    match parse(Method::GET, address) {
        Ok(Route::AuditSearch(search) | Route::AuditEvents(search)) => search,
        other => panic!("{address}: {other:?}"),
    }
}

fn at(text: &str) -> Option<Timestamp> {
    Some(Timestamp::parse(text).unwrap())
}

#[track_caller]
fn refused(address: &str, field: &str) {
    let problem = parse(Method::GET, address).unwrap_err();
    let what = (problem.code, problem.field.as_deref());
    assert_eq!(what, (ProblemCode::Malformed, Some(field)), "{address}");
    assert!(
        problem.detail.contains("expected") || problem.detail.contains('`'),
        "{address}"
    );
}

#[test]
fn a_page_of_the_whole_trail_goes_on_after_a_number_of_a_chain() {
    let after = Some(Cursor {
        chain: "n/demo".to_owned(),
        seq: 7,
    });
    let page = Ok(Route::Audit(AuditPage { after, limit: 5 }));
    for address in [
        "/v1/audit/entries?after=n/demo:7&limit=5",
        "/v1/audit/entries?order=asc&after=n/demo:7&limit=5",
    ] {
        assert_eq!(parse(Method::GET, address), page);
    }
    refused("/v1/audit/entries?after=7", "after");
    refused("/v1/audit/entries?order=asc&patient=maria", "order");
}

#[test]
fn a_search_is_read_condition_by_condition() {
    let search = asked(
        "/v1/audit/entries?patient=maria&principal=ana&action=search&outcome=refused\
         &severity=critical&since=2026-11-01&until=2026-12-01T00:00:00Z&once=true&limit=9",
    );
    let expected = Filter {
        patient: Some("maria".into()),
        principal: Some("ana".into()),
        deeds: Some(vec![Deed::any(Action::Search)]),
        outcome: Some(Outcome::Refused),
        severity: Some(Severity::Critical),
        since: at("2026-11-01T03:00:00Z"),
        until: at("2026-12-01T00:00:00Z"),
        once: true,
        ..Filter::default()
    };
    assert_eq!(search.filter(BRASILIA_S), expected);
    assert_eq!((search.limit, &search.after), (9, &None));
    let all = asked("/v1/audit/entries?order=desc");
    assert_eq!(all.filter(0), Filter::default());
    assert_eq!(all.limit, 100);
}

#[test]
fn the_next_page_is_the_same_question_from_another_place() {
    let place = Place::parse("MTc2NDAwMDAwMDEyMzQ1Njo3Om4vZGVtbw").unwrap();
    let search = asked("/v1/audit/entries?patient=maria&limit=2");
    let next = search.next(&place);
    let again = asked(&next);
    assert_eq!(again.after, Some(place.clone()));
    assert_eq!(again.filter(0), search.filter(0));
    assert_eq!(
        again.next(&place),
        next,
        "the place is replaced and not added"
    );
    let events = asked("/fhir/AuditEvent");
    assert_eq!(asked(&events.next(&place)).after, Some(place));
}

#[test]
fn every_bad_parameter_of_a_search_is_named() {
    for (bad, field) in [
        ("limit=0", "limit"),
        ("limit=1001", "limit"),
        ("limit=x", "limit"),
        ("order=up", "order"),
        ("order=desc&after=n/demo:7", "after"),
        ("patient=..", "patient"),
        ("patient=52998224725", "patient"),
        ("principal=a%2Fb", "principal"),
        ("action=look", "action"),
        ("outcome=good", "outcome"),
        ("severity=loud", "severity"),
        ("since=yesterday", "since"),
        ("until=2026-02-30", "until"),
        ("once=maybe", "once"),
        ("patient=maria&patient=joao", "patient"),
        ("pacient=maria", "query"),
    ] {
        refused(&format!("/v1/audit/entries?{bad}"), field);
    }
    let problem = parse(Method::POST, "/v1/audit/entries").unwrap_err();
    assert_eq!(problem.code, ProblemCode::MethodNotAllowed);
}

#[test]
fn a_search_of_fhir_is_the_same_search_by_other_names() {
    let search = asked(
        "/fhir/AuditEvent?patient=Patient/maria&agent=ana&action=E&_count=7&_sort=-date\
         &date=ge2026-11-01&date=lt2026-11-02T00:00:00Z&_format=json",
    );
    let expected = Filter {
        patient: Some("maria".into()),
        principal: Some("ana".into()),
        deeds: deeds("E").map(<[Deed]>::to_vec),
        since: at("2026-11-01T03:00:00Z"),
        until: at("2026-11-02T00:00:00Z"),
        once: true,
        ..Filter::default()
    };
    assert_eq!(search.filter(BRASILIA_S), expected);
    assert_eq!(search.limit, 7);
    let named = asked("/fhir/AuditEvent?agent:identifier=urn:plantao:principal%7Cana");
    assert_eq!(named.filter(0).principal.as_deref(), Some("ana"));
    let coded = "/fhir/AuditEvent?action=http://hl7.org/fhir/audit-event-action%7CR";
    assert_eq!(
        asked(coded).filter(0).deeds,
        deeds("R").map(<[Deed]>::to_vec)
    );
}

#[test]
fn dates_of_fhir_are_compared_as_long_as_they_last() {
    let span = |query: &str| {
        let filter = asked(&format!("/fhir/AuditEvent?{query}")).filter(0);
        (filter.since, filter.until)
    };
    let (day, next) = (at("2026-11-27T00:00:00Z"), at("2026-11-28T00:00:00Z"));
    assert_eq!(span("date=2026-11-27"), (day, next));
    assert_eq!(span("date=eq2026-11-27"), (day, next));
    assert_eq!(span("date=ge2026-11-27"), (day, None));
    assert_eq!(span("date=gt2026-11-27"), (next, None));
    assert_eq!(span("date=sa2026-11-27"), (next, None));
    assert_eq!(span("date=lt2026-11-27"), (None, day));
    assert_eq!(span("date=eb2026-11-27"), (None, day));
    assert_eq!(span("date=le2026-11-27"), (None, next));
    // All of them hold.
    assert_eq!(
        span("date=ge2026&date=ge2026-11-27&date=le2027&date=lt2026-11-28"),
        (day, next)
    );
}

#[test]
fn every_bad_parameter_of_a_search_of_fhir_is_named() {
    for (bad, field) in [
        ("patient=Practitioner/1", "patient"),
        ("agent=a%20b", "agent"),
        ("action=X", "action"),
        ("date=ne2026-01-01", "date"),
        ("date=ge", "date"),
        ("date=é2026", "date"),
        ("_count=0", "_count"),
        ("_sort=date", "_sort"),
        ("_format=xml", "_format"),
        ("after=7", "after"),
        ("entity=Patient/1", "query"),
        ("action=R&action=U", "action"),
    ] {
        refused(&format!("/fhir/AuditEvent?{bad}"), field);
    }
    assert!(
        parse(Method::GET, "/fhir/AuditEvent/1").is_err(),
        "one by one they are not served"
    );
}

#[test]
fn a_report_names_one_patient_and_a_period() {
    let address = "/v1/audit/patients/maria-exemplo/report?since=2026-11-01&lang=en";
    let Ok(Route::AuditReport(report)) = parse(Method::GET, address) else {
        panic!("a report")
    };
    assert_eq!(report.patient.as_str(), "maria-exemplo");
    let since = report.since.map(|moment| moment.at(BRASILIA_S));
    assert_eq!((since, report.until), (at("2026-11-01T03:00:00Z"), None));
    for (bad, field) in [
        ("../report", "patient"),
        ("maria/report?lang=fr", "lang"),
        ("maria/report?since=x", "since"),
        ("maria/report?limit=1", "query"),
    ] {
        let address = format!("/v1/audit/patients/{}", bad.replace("..", "%2e%2e"));
        refused(&address, field);
    }
}

#[test]
fn reading_the_trail_asks_the_policy_and_an_emergency_opens_none_of_it() {
    let whole = parse(Method::GET, "/v1/audit/entries").unwrap().access();
    for address in [
        "/v1/audit/entries?patient=maria",
        "/fhir/AuditEvent?patient=maria",
        "/v1/audit/patients/maria/report",
    ] {
        let route = parse(Method::GET, address).unwrap();
        assert_eq!(route.access(), whole, "{address}");
        // Emergency access is to one patient's record; no patient in focus, no emergency.
        assert_eq!(route.patient(), None, "{address}");
    }
}
