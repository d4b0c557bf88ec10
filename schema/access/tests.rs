//! The decision against a written table and against monotonicity.

use super::*;
use crate::id::{PatientId, PrincipalId, RequestId, Tenant};
use crate::time::Timestamp;
use proptest::prelude::*;
use std::collections::BTreeMap;

const NOW: Timestamp = Timestamp::from_micros(1_700_000_000_000_000);

fn rules() -> Rules {
    let threshold = Threshold {
        allow: 60,
        step_up: 40,
    };
    let physician = RoleRule {
        break_glass: true,
        grants: vec![Grant {
            on: ResourceKind::Patient,
            actions: vec![Action::Read],
            purposes: vec![Purpose::Treatment],
        }],
    };
    Rules {
        thresholds: ResourceKind::ALL
            .iter()
            .map(|&kind| (kind, threshold))
            .collect(),
        roles: BTreeMap::from([
            (Role::parse("physician").unwrap(), physician),
            (Role::parse("visitor").unwrap(), RoleRule::default()),
        ]),
    }
}

fn request(role: &str) -> AccessRequest {
    AccessRequest {
        request_id: RequestId::parse("r-1").unwrap(),
        principal: Principal {
            id: PrincipalId::parse("p-1").unwrap(),
            tenant: Tenant::parse("demo").unwrap(),
            role: Role::parse(role).unwrap(),
            device: DevicePosture::Managed,
            multi_factor: true,
            authenticated_at: NOW,
            expires_at: NOW.plus_seconds(60),
            session: None,
        },
        action: Action::Read,
        kind: ResourceKind::Patient,
        resource: None,
        patient: Some(PatientId::parse("maria").unwrap()),
        purpose: Purpose::Treatment,
        break_glass: None,
        at: NOW,
    }
}

const BEST: Signals = Signals {
    device: DevicePosture::Managed,
    network: Network::Trusted,
    multi_factor: true,
    credential_age_seconds: 0,
    requests_last_minute: 1,
    refusals_last_ten_minutes: 0,
    duty_hours: true,
    consent: ConsentStatus::NotAsked,
    session_revoked: false,
};

const WORST: Signals = Signals {
    device: DevicePosture::Compromised,
    network: Network::Threat,
    multi_factor: false,
    credential_age_seconds: u32::MAX,
    requests_last_minute: u32::MAX,
    refusals_last_ten_minutes: u32::MAX,
    duty_hours: false,
    consent: ConsentStatus::NotAsked,
    session_revoked: false,
};

fn verdict(request: &AccessRequest, signals: &Signals) -> (VerdictKind, Reason) {
    let decision = decide(&rules(), request, signals);
    (decision.verdict, decision.reason)
}

#[test]
fn the_best_signals_reach_a_hundred_and_the_worst_stay_low() {
    assert_eq!(trust(&BEST).score, 100);
    assert!(trust(&WORST).score <= 10);
}

#[test]
fn a_trusted_physician_reads_a_patient() {
    assert_eq!(
        verdict(&request("physician"), &BEST),
        (VerdictKind::Allow, Reason::Trusted)
    );
}

#[test]
fn a_role_without_a_grant_is_refused_whatever_the_score() {
    let refused = (VerdictKind::Deny, Reason::RoleLacksGrant);
    assert_eq!(verdict(&request("visitor"), &BEST), refused);
    assert_eq!(
        verdict(&request("role_that_nobody_defined"), &BEST),
        refused
    );
}

#[test]
fn another_purpose_than_the_granted_one_is_refused() {
    let mut request = request("physician");
    request.purpose = Purpose::Research;
    assert_eq!(
        verdict(&request, &BEST),
        (VerdictKind::Deny, Reason::PurposeNotGranted)
    );
}

#[test]
fn a_middling_score_asks_for_a_stronger_authentication() {
    let signals = Signals {
        device: DevicePosture::Unknown,
        multi_factor: false,
        ..BEST
    };
    let signals = Signals {
        network: Network::Foreign,
        ..signals
    };
    assert_eq!(trust(&signals).score, 55);
    let step_up = (VerdictKind::StepUp, Reason::ScoreNeedsStepUp);
    assert_eq!(verdict(&request("physician"), &signals), step_up);
    assert_eq!(
        verdict(&request("physician"), &WORST),
        (VerdictKind::Deny, Reason::ScoreTooLow)
    );
}

#[test]
fn an_expired_credential_is_refused_even_in_an_emergency() {
    let mut request = request("physician");
    request.at = request.principal.expires_at;
    request.break_glass = Some("cardiac arrest in ward 3".into());
    assert_eq!(
        verdict(&request, &BEST),
        (VerdictKind::Deny, Reason::CredentialExpired)
    );
}

#[test]
fn emergency_access_needs_role_reason_patient_and_a_read() {
    let mut good = request("physician");
    good.break_glass = Some("cardiac arrest in ward 3".into());
    assert_eq!(
        verdict(&good, &WORST),
        (VerdictKind::BreakGlass, Reason::Emergency)
    );
    let refused = (VerdictKind::Deny, Reason::EmergencyNotPossible);
    let broken: [fn(&mut AccessRequest); 4] = [
        |r| r.principal.role = Role::parse("visitor").unwrap(),
        |r| r.break_glass = Some("  urgent        ".into()),
        |r| r.patient = None,
        |r| r.action = Action::Write,
    ];
    for break_it in broken {
        let mut request = good.clone();
        break_it(&mut request);
        assert_eq!(verdict(&request, &BEST), refused);
    }
}

#[test]
fn withdrawn_consent_closes_everything_but_the_consent_itself_and_an_emergency() {
    let revoked = Signals {
        consent: ConsentStatus::Revoked,
        ..BEST
    };
    let mut rules = rules();
    let role = Role::parse("physician").unwrap();
    rules.roles.get_mut(&role).unwrap().grants.push(Grant {
        on: ResourceKind::Consent,
        actions: vec![Action::Read],
        purposes: vec![Purpose::Treatment],
    });
    let ask = |request: &AccessRequest| {
        let decision = decide(&rules, request, &revoked);
        (decision.verdict, decision.reason)
    };
    let mut request = request("physician");
    assert_eq!(ask(&request), (VerdictKind::Deny, Reason::ConsentRevoked));
    request.kind = ResourceKind::Consent;
    assert_eq!(ask(&request), (VerdictKind::Allow, Reason::Trusted));
    request.kind = ResourceKind::Patient;
    request.break_glass = Some("cardiac arrest in ward 3".into());
    assert_eq!(ask(&request), (VerdictKind::BreakGlass, Reason::Emergency));
}

#[test]
fn a_role_without_a_grant_is_not_told_of_the_consent() {
    let revoked = Signals {
        consent: ConsentStatus::Revoked,
        ..BEST
    };
    let refused = (VerdictKind::Deny, Reason::RoleLacksGrant);
    assert_eq!(verdict(&request("visitor"), &revoked), refused);
}

#[test]
fn a_revoked_session_is_refused_before_all_else_even_in_an_emergency() {
    let ended = Signals {
        session_revoked: true,
        ..BEST
    };
    let mut request = request("physician");
    let refused = (VerdictKind::Deny, Reason::SessionRevoked);
    assert_eq!(verdict(&request, &ended), refused);
    request.break_glass = Some("cardiac arrest in ward 3".into());
    assert_eq!(verdict(&request, &ended), refused);
}

#[test]
fn fields_follow_the_grants_the_purpose_and_the_threshold_of_each_record() {
    let mut rules = rules();
    let physician = Role::parse("physician").unwrap();
    let grants = &mut rules.roles.get_mut(&physician).unwrap().grants;
    for on in [ResourceKind::Observation, ResourceKind::Condition] {
        let actions = vec![Action::Read, Action::Search];
        let purposes = vec![Purpose::Treatment];
        grants.push(Grant {
            on,
            actions,
            purposes,
        });
    }
    grants.push(Grant {
        on: ResourceKind::AllergyIntolerance,
        actions: vec![Action::Write],
        purposes: vec![Purpose::Treatment],
    });
    let allow = 90;
    let demanding = Threshold { allow, step_up: 40 };
    rules.thresholds.insert(ResourceKind::Condition, demanding);
    let fields = |score| rules.fields(&physician, Purpose::Treatment, score);
    let some = Fields::NAME.union(Fields::VITALS);
    assert_eq!(fields(59), Fields::default());
    assert_eq!(fields(60), some);
    assert_eq!(fields(allow), some.union(Fields::CONDITIONS));
    assert!(rules.fields(&physician, Purpose::Research, 100).is_empty());
    let visitor = Role::parse("visitor").unwrap();
    assert!(rules.fields(&visitor, Purpose::Treatment, 100).is_empty());
}

#[test]
fn a_policy_with_a_hole_or_a_crossed_threshold_is_refused_by_name() {
    let mut holed = rules();
    holed.thresholds.remove(&ResourceKind::Audit);
    let kind = ResourceKind::Audit;
    assert_eq!(holed.validate(), Err(RulesError::NoThreshold { kind }));
    let mut crossed = rules();
    crossed.thresholds.insert(
        kind,
        Threshold {
            allow: 40,
            step_up: 60,
        },
    );
    assert_eq!(crossed.validate(), Err(RulesError::BadThreshold { kind }));
    assert_eq!(rules().validate(), Ok(()));
}

fn signals() -> impl Strategy<Value = Signals> {
    let device = prop::sample::select(DevicePosture::ALL);
    let network = prop::sample::select(Network::ALL);
    (
        device,
        network,
        any::<bool>(),
        any::<u32>(),
        0_u32..9_000,
        0_u32..20,
        any::<bool>(),
    )
        .prop_map(
            |(device, network, multi_factor, age, requests, refusals, duty_hours)| Signals {
                device,
                network,
                multi_factor,
                credential_age_seconds: age,
                requests_last_minute: requests,
                refusals_last_ten_minutes: refusals,
                duty_hours,
                consent: ConsentStatus::NotAsked,
                session_revoked: false,
            },
        )
}

proptest! {
    #[test]
    fn a_worse_signal_never_raises_the_score(one in signals(), other in signals()) {
        // The enums are declared from best to worst, so `max` is the worse of two.
        let worse = Signals {
            device: one.device.max(other.device),
            network: one.network.max(other.network),
            multi_factor: one.multi_factor && other.multi_factor,
            credential_age_seconds: one.credential_age_seconds.max(other.credential_age_seconds),
            requests_last_minute: one.requests_last_minute.max(other.requests_last_minute),
            refusals_last_ten_minutes:
                one.refusals_last_ten_minutes.max(other.refusals_last_ten_minutes),
            duty_hours: one.duty_hours && other.duty_hours,
            ..one
        };
        prop_assert!(trust(&worse).score <= trust(&one).score);
    }

    #[test]
    fn the_factors_add_up_to_the_score_and_each_keeps_its_bound(signals in signals()) {
        let trust = trust(&signals);
        let sum: u32 = trust.factors.iter().map(|f| u32::from(f.points)).sum();
        prop_assert_eq!(sum, u32::from(trust.score));
        prop_assert!(trust.factors.iter().all(|f| f.points <= f.max));
        prop_assert_eq!(trust.factors.iter().map(|f| u32::from(f.max)).sum::<u32>(), 100);
    }
}

#[test]
fn an_emergency_opens_what_helps_at_the_bedside_and_nothing_else_about_the_patient() {
    let mut request = request("physician");
    request.break_glass = Some("cardiac arrest in ward 3".into());
    for &kind in ResourceKind::ALL {
        request.kind = kind;
        let opened = verdict(&request, &WORST).0 == VerdictKind::BreakGlass;
        let clinical = matches!(
            kind,
            ResourceKind::Patient
                | ResourceKind::Observation
                | ResourceKind::AllergyIntolerance
                | ResourceKind::MedicationRequest
                | ResourceKind::Condition
                | ResourceKind::EmergencyCard
        );
        assert_eq!(opened, clinical, "{kind}");
    }
}

#[test]
fn the_matrix_has_a_row_for_what_may_be_and_none_for_anything_else() {
    let rows: Vec<String> = matrix(&rules()).iter().map(MatrixRow::csv).collect();
    let expected = [
        "physician,patient,read,treatment,40,60",
        "physician,patient,read,emergency,0,0",
        "physician,observation,read,emergency,0,0",
        "physician,allergy_intolerance,read,emergency,0,0",
        "physician,medication_request,read,emergency,0,0",
        "physician,condition,read,emergency,0,0",
        "physician,emergency_card,read,emergency,0,0",
    ];
    assert_eq!(rows, expected);
}
