//! What makes a fault, and what is refused.

use super::*;

const SECOND: Duration = Duration::from_secs(1);

fn parts(kind: FaultKind) -> FaultParts {
    let mut parts = FaultParts::new(SECOND, kind);
    if kind.is_aimed() {
        parts.target = Some("plantao/trust/writer".parse().unwrap());
    }
    if kind.lasts() {
        parts.span = SECOND;
    }
    parts
}

fn refused(parts: FaultParts) -> String {
    Fault::new(parts).unwrap_err().to_string()
}

#[test]
fn a_fault_with_exactly_what_its_kind_needs_is_taken_and_reads_as_its_parts() {
    for kind in FaultKind::ALL {
        let fault = Fault::new(parts(kind)).unwrap();
        assert_eq!((fault.kind, fault.at), (kind, SECOND));
        assert_eq!(fault.into_parts(), parts(kind));
    }
}

#[test]
fn an_actor_fault_without_a_target_is_refused_and_any_other_with_one() {
    for kind in FaultKind::ALL {
        let mut parts = parts(kind);
        let expected = if kind.is_aimed() {
            parts.target = None;
            FaultError::TargetMissing { kind }
        } else {
            parts.target = Some("plantao/**".parse().unwrap());
            let target = "plantao/**".to_owned();
            FaultError::TargetGiven { kind, target }
        };
        assert_eq!(Fault::new(parts), Err(expected));
    }
}

#[test]
fn a_span_goes_with_what_lasts_and_with_nothing_else() {
    for kind in FaultKind::ALL {
        let mut parts = parts(kind);
        let expected = if kind.lasts() {
            parts.span = Duration::ZERO;
            FaultError::SpanMissing { kind }
        } else {
            parts.span = SECOND;
            let span_ms = 1000;
            FaultError::SpanGiven { kind, span_ms }
        };
        assert_eq!(Fault::new(parts), Err(expected));
    }
}

#[test]
fn a_count_of_none_too_many_or_of_what_happens_once_is_refused() {
    let counted = |kind, count| FaultParts {
        count,
        ..parts(kind)
    };
    assert!(refused(counted(FaultKind::Kill, 0)).contains("`count` `0` is outside 1 to 100000"));
    assert!(refused(counted(FaultKind::Flood, COUNT_MAX + 1)).contains("`100001`"));
    assert!(refused(counted(FaultKind::NodeCrash, 2)).contains("`node_crash` happens once"));
    assert!(Fault::new(counted(FaultKind::Kill, 70)).is_ok());
}

#[test]
fn a_state_in_which_a_fault_never_strikes_is_refused() {
    let during = |kind, state| FaultParts {
        state: Some(state),
        ..parts(kind)
    };
    let text = refused(during(FaultKind::StartFailure, LifeState::Running));
    assert!(text.contains("`running`") && text.contains("`start_failure` never strikes"));
    let text = refused(during(FaultKind::Panic, LifeState::Restarting));
    assert!(text.contains("`panic` never strikes"));
    let text = refused(during(FaultKind::StoreOutage, LifeState::Running));
    assert!(text.contains("`store_outage` strikes no actor"));
    assert!(Fault::new(during(FaultKind::Kill, LifeState::Stopping)).is_ok());
}

#[test]
fn a_failpoint_is_one_of_the_known_and_of_a_kind_that_waits_there() {
    let waiting = |kind, name: &str| FaultParts {
        failpoint: Some(name.to_owned()),
        ..parts(kind)
    };
    for name in FAILPOINTS {
        assert!(Fault::new(waiting(FaultKind::Kill, name)).is_ok(), "{name}");
    }
    let text = refused(waiting(FaultKind::Kill, "audit.comit"));
    assert!(text.contains("`audit.comit`") && text.contains("audit.commit, consent.commit"));
    let text = refused(waiting(FaultKind::StartFailure, "audit.commit"));
    assert!(text.contains("`start_failure` waits at none"));
}

#[test]
fn a_time_of_more_than_a_day_or_of_part_of_a_millisecond_is_refused() {
    let mut late = parts(FaultKind::Kill);
    late.at = TIME_MAX + SECOND;
    assert!(refused(late).contains("`at_ms` `86401000` is more than a day"));
    let mut fine = parts(FaultKind::Hang);
    fine.span = Duration::from_micros(1500);
    assert_eq!(
        Fault::new(fine),
        Err(FaultError::Fraction { field: "span_ms" })
    );
}

#[test]
fn a_fault_is_told_in_one_line() {
    let mut hang = parts(FaultKind::Hang);
    hang.state = Some(LifeState::Running);
    hang.failpoint = Some("audit.commit".to_owned());
    hang.count = 3;
    assert_eq!(
        Fault::new(hang).unwrap().to_string(),
        "1000 ms: hang plantao/trust/writer while running at audit.commit for 1000 ms, 3 times"
    );
    let crash = Fault::new(parts(FaultKind::NodeCrash)).unwrap();
    assert_eq!(crash.to_string(), "1000 ms: node_crash");
}
