//! What an answer, a permit and a push may be.

use super::super::testing::{holds, violates};
use super::*;
use crate::Invariant::{PermitFresh, ReleaseProven};
use crate::history::Status;

fn began(patient: &str) -> What {
    What::RequestBegan(Request {
        request: 1,
        principal: "nurse".to_owned(),
        action: "read".to_owned(),
        resource: "observation".to_owned(),
        patient: Some(patient.to_owned()),
    })
}

fn ended(receipt: Option<u64>, permit: Option<u64>) -> What {
    What::RequestEnded(RequestEnd {
        request: 1,
        status: Status::Answered,
        data_out: true,
        receipt,
        permit,
    })
}

fn permit(permit: u64) -> PermitGiven {
    PermitGiven {
        permit,
        patient: Some("p1".to_owned()),
        session: Some("s1".to_owned()),
        purpose: "treatment".to_owned(),
        break_glass: false,
    }
}

fn given(number: u64) -> What {
    What::PermitGiven(permit(number))
}

fn about(patient: &str, asked_ms: u64) -> Scope {
    Scope {
        patient: Some(patient.to_owned()),
        session: None,
        purpose: None,
        asked_at: Duration::from_millis(asked_ms),
    }
}

#[test]
fn what_is_pushed_about_somebody_who_withdrew_is_found_unless_they_are_asked_anew() {
    let pushed = |patient: &str| What::Pushed {
        request: 7,
        patients: vec!["p9".to_owned(), patient.to_owned()],
    };
    let revoked = (5, What::Revoked(about("p1", 1)));
    let words = "request 7 was pushed p1, who had withdrawn";
    let late = [revoked.clone(), (1_006, pushed("p1"))];
    violates(ReleaseProven, &Tree::new(), late, words);
    let others = [
        revoked.clone(),
        (1_005, pushed("p1")),
        (9_000, pushed("p2")),
    ];
    holds(ReleaseProven, &Tree::new(), others);
    let granted = |asked_ms| (4_000, What::Granted(about("p1", asked_ms)));
    let again = [revoked.clone(), (3_000, pushed("p1")), granted(2_900)];
    holds(ReleaseProven, &Tree::new(), again);
    let before = [revoked, (3_000, pushed("p1")), granted(3_100)];
    violates(ReleaseProven, &Tree::new(), before, words);
}

fn used(permit: u64) -> What {
    What::PermitUsed { permit }
}

fn receipt() -> What {
    let chain = "main".to_owned();
    What::EntryAcknowledged {
        entry: 7,
        chain,
        seq: 1,
    }
}

fn of_patient(asked_ms: u64) -> Scope {
    Scope {
        patient: Some("p1".to_owned()),
        session: None,
        purpose: None,
        asked_at: Duration::from_millis(asked_ms),
    }
}

#[test]
fn data_that_leaves_with_a_permit_and_a_receipt_before_it_holds() {
    let events = [
        (0, began("p1")),
        (1, given(3)),
        (2, used(3)),
        (3, receipt()),
        (4, ended(Some(7), Some(3))),
    ];
    holds(ReleaseProven, &Tree::new(), events.clone());
    holds(PermitFresh, &Tree::new(), events);
}

#[test]
fn an_answer_without_data_needs_neither() {
    let end = RequestEnd {
        request: 1,
        status: Status::Refused,
        data_out: false,
        receipt: None,
        permit: None,
    };
    let events = [(0, began("p1")), (1, What::RequestEnded(end))];
    holds(ReleaseProven, &Tree::new(), events);
}

#[test]
fn data_that_leaves_before_its_receipt_was_given_is_found() {
    let events = [
        (0, began("p1")),
        (1, given(3)),
        (2, used(3)),
        (3, ended(Some(7), Some(3))),
        (4, receipt()),
    ];
    violates(ReleaseProven, &Tree::new(), events, "without a receipt");
}

#[test]
fn data_that_leaves_without_a_permit_or_one_that_was_never_handed_in_is_found() {
    for permit in [None, Some(3), Some(4)] {
        let events = [(0, began("p1")), (1, given(3)), (2, receipt())];
        let events = events.into_iter().chain([(3, ended(Some(7), permit))]);
        violates(ReleaseProven, &Tree::new(), events, "without a permit");
    }
}

#[test]
fn data_of_another_patient_than_the_permit_is_for_is_found() {
    let events = [
        (0, began("p2")),
        (1, given(3)),
        (2, used(3)),
        (3, receipt()),
        (4, ended(Some(7), Some(3))),
    ];
    violates(ReleaseProven, &Tree::new(), events, "another patient");
}

#[test]
fn a_permit_that_serves_twice_or_was_never_given_is_found() {
    let twice = [(0, given(3)), (1, used(3)), (2, used(3))];
    violates(PermitFresh, &Tree::new(), twice, "served twice");
    violates(PermitFresh, &Tree::new(), [(1, used(3))], "never given");
}

#[test]
fn a_permit_that_serves_before_the_revocation_is_over_holds() {
    let events = [
        (0, given(3)),
        (2, used(3)),
        (3, What::Revoked(of_patient(1))),
    ];
    holds(PermitFresh, &Tree::new(), events);
}

#[test]
fn a_permit_from_before_a_revocation_is_stale_even_when_it_was_granted_again() {
    let events = [
        (0, given(3)),
        (2, What::Revoked(of_patient(1))),
        (4, What::Granted(of_patient(3))),
        (5, used(3)),
    ];
    violates(PermitFresh, &Tree::new(), events, "event 2 revoked it");
}

#[test]
fn a_permit_given_after_a_revocation_needs_a_grant() {
    let revoked = (2, What::Revoked(of_patient(1)));
    let later = [(5, given(3)), (6, used(3))];
    let unseen = [revoked.clone()].into_iter().chain(later.clone());
    violates(PermitFresh, &Tree::new(), unseen, "revoked it");
    let granted = (4, What::Granted(of_patient(3)));
    let again = [revoked, granted].into_iter().chain(later);
    holds(PermitFresh, &Tree::new(), again);
}

#[test]
fn a_grant_that_was_over_before_the_revocation_excuses_nothing() {
    let events = [
        (1, What::Granted(of_patient(0))),
        (3, What::Revoked(of_patient(2))),
        (4, given(3)),
        (5, used(3)),
    ];
    violates(PermitFresh, &Tree::new(), events, "revoked it");
}

#[test]
fn a_grant_whose_answer_was_lost_excuses_what_was_given_since_it_was_asked_for() {
    let events = [
        (2, What::Revoked(of_patient(1))),
        (5, given(3)),
        (6, used(3)),
        (9, What::Granted(of_patient(4))),
    ];
    holds(PermitFresh, &Tree::new(), events);
}

#[test]
fn an_emergency_does_not_rest_on_consents_and_ends_with_its_session() {
    let emergency = PermitGiven {
        break_glass: true,
        ..permit(3)
    };
    let emergency = [(3, What::PermitGiven(emergency)), (4, used(3))];
    let withdrawn = [(2, What::Revoked(of_patient(1)))];
    holds(
        PermitFresh,
        &Tree::new(),
        withdrawn.into_iter().chain(emergency.clone()),
    );
    let session = Some("s1".to_owned());
    let of_session = Scope {
        patient: None,
        session,
        ..of_patient(1)
    };
    let logged_out = [(2, What::Revoked(of_session))];
    let events = logged_out.into_iter().chain(emergency);
    violates(PermitFresh, &Tree::new(), events, "revoked it");
}

#[test]
fn what_is_revoked_for_another_purpose_or_patient_is_not_touched() {
    let purpose = Some("research".to_owned());
    let patient = Some("p2".to_owned());
    let scopes = [
        Scope {
            purpose,
            ..of_patient(1)
        },
        Scope {
            patient,
            ..of_patient(1)
        },
    ];
    for scope in scopes {
        let events = [(0, given(3)), (2, What::Revoked(scope)), (3, used(3))];
        holds(PermitFresh, &Tree::new(), events);
    }
}
