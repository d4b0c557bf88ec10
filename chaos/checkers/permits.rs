//! What an answer with data needs before it leaves, and how long what allows it is good for.

use super::engine::Engine;
use super::{Findings, Tree};
use crate::history::{Event, History, PermitGiven, Request, RequestEnd, Scope, What};
use std::collections::{BTreeMap, BTreeSet};

/// No answer with data left without a used permit for it and a receipt before it.
pub(super) fn proven(history: &History, _tree: &Tree, findings: &mut Findings) {
    let mut requests: BTreeMap<u64, &Request> = BTreeMap::new();
    let mut given: BTreeMap<u64, &PermitGiven> = BTreeMap::new();
    let mut used = BTreeSet::new();
    let mut acknowledged = BTreeSet::new();
    for event in history.events() {
        match &event.what {
            What::RequestBegan(request) => {
                requests.insert(request.request, request);
            }
            What::PermitGiven(permit) => {
                given.insert(permit.permit, permit);
            }
            What::PermitUsed { permit } => {
                used.insert(*permit);
            }
            What::EntryAcknowledged { entry, .. } => {
                acknowledged.insert(*entry);
            }
            What::RequestEnded(end) if end.data_out => {
                let receipt = end
                    .receipt
                    .is_some_and(|entry| acknowledged.contains(&entry));
                let is_used = end.permit.is_some_and(|permit| used.contains(&permit));
                let permit = end.permit.and_then(|permit| given.get(&permit)).copied();
                let asked = requests.get(&end.request).copied();
                if let Some(what) = lack(end, receipt, permit.filter(|_| is_used), asked) {
                    findings.at(event, what);
                }
            }
            _ => {}
        }
    }
}

/// What an answer with data went without.
fn lack(
    end: &RequestEnd,
    has_receipt: bool,
    permit: Option<&PermitGiven>,
    asked: Option<&Request>,
) -> Option<String> {
    let number = end.request;
    let Some(permit) = permit else {
        return Some(format!(
            "request {number} was answered with data and without a permit"
        ));
    };
    if !has_receipt {
        return Some(format!(
            "request {number} was answered with data and without a receipt"
        ));
    }
    let asked = asked.and_then(|asked| asked.patient.as_deref())?;
    let allowed = permit.patient.as_deref()?;
    (asked != allowed).then(|| {
        let permit = permit.permit;
        format!("request {number} was answered under permit {permit}, which is for another patient")
    })
}

/// No permit served twice, after what it rested on was durably taken back, or given by nobody.
pub(super) fn fresh(history: &History, _tree: &Tree, findings: &mut Findings) {
    let grants = grants(history);
    let mut given: BTreeMap<u64, (&Event, &PermitGiven)> = BTreeMap::new();
    let mut revocations: Vec<(&Event, &Scope)> = Vec::new();
    let mut used = BTreeSet::new();
    let mut engine = Engine::default();
    for event in history.events() {
        engine.follow(&event.what);
        match &event.what {
            What::PermitGiven(permit) => {
                given.insert(permit.permit, (event, permit));
                if engine.is_away() {
                    let number = permit.permit;
                    findings.at(
                        event,
                        format!("permit {number} was given with no engine alive"),
                    );
                }
            }
            What::Revoked(scope) => revocations.push((event, scope)),
            What::PermitUsed { permit } => {
                if !used.insert(*permit) {
                    findings.at(event, format!("permit {permit} served twice"));
                }
                let Some((at, permit)) = given.get(permit) else {
                    findings.at(event, format!("permit {permit} served and was never given"));
                    continue;
                };
                let service = Service {
                    given: at,
                    used: event,
                    permit,
                };
                let mut stale = revocations
                    .iter()
                    .filter(|(_, scope)| service.is_after(scope, &grants));
                if let Some((revoked, _)) = stale.next() {
                    let (permit, by) = (permit.permit, revoked.seq);
                    let what = format!("permit {permit} served after event {by} revoked it");
                    findings.at(event, what);
                }
            }
            _ => {}
        }
    }
}

fn grants(history: &History) -> Vec<(&Event, &Scope)> {
    let events = history.events().iter();
    let grants = events.filter_map(|event| match &event.what {
        What::Granted(scope) => Some((event, scope)),
        _ => None,
    });
    grants.collect()
}

/// What a permit was handed in for.
struct Service<'a> {
    given: &'a Event,
    used: &'a Event,
    permit: &'a PermitGiven,
}

impl Service<'_> {
    /// Whether the permit rests on what a revocation, which is over, took back; for sure.
    fn is_after(&self, revoked: &Scope, grants: &[(&Event, &Scope)]) -> bool {
        if !revoked.covers(self.permit) {
            return false;
        }
        // One given before is stale whatever was granted since. One given later is good if
        // something was granted that may have come after the revocation and before the use.
        self.given.at < revoked.asked_at
            || !grants.iter().any(|(over, grant)| {
                grant.covers(self.permit)
                    && over.at >= revoked.asked_at
                    && grant.asked_at <= self.used.at
            })
    }
}

impl Scope {
    /// Whether it is about this permit. One given in an emergency does not rest on consents.
    fn covers(&self, permit: &PermitGiven) -> bool {
        fn agrees(said: Option<&String>, of: Option<&String>) -> bool {
            said.is_none_or(|said| of == Some(said))
        }
        let rests_on_it = self.session.is_some() || !permit.break_glass;
        rests_on_it
            && agrees(self.patient.as_ref(), permit.patient.as_ref())
            && agrees(self.session.as_ref(), permit.session.as_ref())
            && agrees(self.purpose.as_ref(), Some(&permit.purpose))
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{holds, violates};
    use super::*;
    use crate::Invariant::{PermitFresh, ReleaseProven};
    use crate::history::Status;
    use std::time::Duration;

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
}
