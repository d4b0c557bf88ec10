//! Addresses, read and refused.

use super::*;

mod audit;

fn parse(method: Method, address: &str) -> Result<Route, Problem> {
    Route::parse(&method, &address.parse().unwrap())
}

#[test]
fn path_traversal_in_an_id_is_refused_by_field() {
    for id in ["..", "%2e%2e", "a%2Fb", "a;b", "a%00"] {
        let problem = parse(Method::GET, &format!("/fhir/Patient/{id}")).unwrap_err();
        assert_eq!(
            (problem.code, problem.field.as_deref()),
            (ProblemCode::Malformed, Some("id"))
        );
    }
    let deeper = parse(Method::GET, "/fhir/Patient/../../etc").unwrap_err();
    assert_eq!(deeper.code, ProblemCode::NotFound);
}

#[test]
fn an_unknown_type_and_a_wrong_method_are_named() {
    let problem = parse(Method::GET, "/fhir/Spaceship/1").unwrap_err();
    assert_eq!(
        (problem.code, problem.field.as_deref()),
        (ProblemCode::NotFound, Some("type"))
    );
    let problem = parse(Method::DELETE, "/fhir/Patient/1").unwrap_err();
    assert_eq!(problem.code, ProblemCode::MethodNotAllowed);
}

#[test]
fn an_identifier_search_is_decoded() {
    let route = parse(Method::GET, "/fhir/Patient?identifier=urn%3Ax%7C529.982").unwrap();
    let (system, value) = ("urn:x".to_owned(), "529.982".to_owned());
    assert_eq!(
        route,
        Route::Search {
            kind: FhirType::Patient,
            system,
            value
        }
    );
    let problem = parse(Method::GET, "/fhir/Patient?name=x").unwrap_err();
    assert_eq!(problem.field.as_deref(), Some("identifier"));
}

#[test]
fn a_page_its_live_part_and_the_way_in_are_told_apart() {
    let page = parse(Method::GET, "/wards/uti-1").unwrap();
    let live = parse(Method::GET, "/live?topic=ward/uti-1&v=x&e=ab&s=7").unwrap();
    assert_eq!(page.access(), live.access());
    let (Route::Page(PageRoute::Show(shown)), Route::Page(PageRoute::Live(live))) = (page, live)
    else {
        panic!("a page and its live part")
    };
    assert_eq!(shown, live.subject);
    assert_eq!(live.resume, Some(("ab".to_owned(), 7)));
    let form = parse(Method::GET, "/login").unwrap();
    assert_eq!(form, Route::LogIn(LogInRoute::Form));
    assert_eq!(form.access(), None);
    let leave = parse(Method::POST, "/logout").unwrap();
    assert!(leave.access().is_some());
}

#[test]
fn a_topic_that_is_none_is_refused_by_field() {
    for bad in [
        "",
        "topic=",
        "topic=ward",
        "topic=ward/A_B",
        "topic=patient/..",
        "topic=x/y",
    ] {
        let problem = parse(Method::GET, &format!("/live?{bad}")).unwrap_err();
        assert_eq!(problem.code, ProblemCode::Malformed, "{bad}");
    }
    let problem = parse(Method::GET, "/live?topic=ward/a&e=x&s=-1").unwrap_err();
    assert_eq!(problem.field.as_deref(), Some("s"));
    let problem = parse(Method::GET, "/login/a%2Fb").unwrap_err();
    assert_eq!(problem.field.as_deref(), Some("code"));
}
