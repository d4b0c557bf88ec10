//! What is read, what is refused, and that what is written reads the same.

use super::*;
use crate::fault::{FaultKind, LifeState};
use proptest::prelude::*;
use std::time::Duration;

const HEAD: &str = "version = 1\ntitle = \"t\"\nseed = 7\nrequests = 40\nviewers = 2\n";
const KILL: &str = "[[fault]]\nat_ms = 1\nkind = \"kill\"\ntarget = \"plantao/trust/writer\"\n";
const PATHS: [&str; 4] = [
    "plantao",
    "plantao/trust/writer",
    "plantao/records/sessions",
    "plantao/records/sessions/*",
];

fn parse(text: &str) -> Result<Experiment, ExperimentError> {
    text.parse()
}

fn refused(text: &str) -> String {
    parse(text).unwrap_err().to_string()
}

fn with_target(target: &str) -> Experiment {
    parse(&format!(
        "{HEAD}{}",
        KILL.replace("plantao/trust/writer", target)
    ))
    .unwrap()
}

#[test]
fn a_file_is_read_with_everything_it_says() {
    let text = "version = 1\ntitle = \"writer dies\"\ntitle_pt = \"morre\"\nseed = 7\n\
                requests = 40\nviewers = 2\ninvariants = [\"recovers\", \"audit_durable\"]\n\
                [[fault]]\nat_ms = 1200\nkind = \"hang\"\ntarget = \"plantao/trust/writer\"\n\
                span_ms = 300\ncount = 2\nstate = \"running\"\nfailpoint = \"audit.commit\"\n";
    let experiment = parse(text).unwrap();
    assert_eq!(experiment.title_pt.as_deref(), Some("morre"));
    assert_eq!(
        experiment.invariants,
        BTreeSet::from([Invariant::AuditDurable, Invariant::Recovers])
    );
    let schedule = &experiment.schedule;
    assert_eq!(
        (schedule.seed, schedule.requests, schedule.viewers),
        (7, 40, 2)
    );
    let fault = &schedule.faults[0];
    assert_eq!((fault.kind, fault.count), (FaultKind::Hang, 2));
    assert_eq!(fault.at, Duration::from_millis(1200));
    assert_eq!(fault.span, Duration::from_millis(300));
    assert_eq!(fault.state, Some(LifeState::Running));
    assert_eq!(fault.failpoint.as_deref(), Some("audit.commit"));
}

#[test]
fn what_is_left_out_is_every_invariant_no_fault_and_one_hit() {
    let experiment = parse(HEAD).unwrap();
    assert_eq!(experiment.invariants.len(), Invariant::ALL.len());
    assert!(experiment.schedule.faults.is_empty());
    let experiment = parse(&format!("{HEAD}{KILL}")).unwrap();
    assert_eq!(experiment.schedule.faults[0].count, 1);
}

#[test]
fn faults_are_read_in_order_of_time() {
    let late = KILL.replace("at_ms = 1", "at_ms = 9");
    let experiment = parse(&format!("{HEAD}{late}{KILL}")).unwrap();
    let times = experiment.schedule.faults.iter().map(|fault| fault.at);
    assert!(times.is_sorted());
}

#[test]
fn a_seed_is_a_number_or_a_text_and_never_below_zero() {
    let with_seed = |seed: &str| parse(&HEAD.replace("seed = 7", &format!("seed = {seed}")));
    let seed_of = |seed: &str| with_seed(seed).unwrap().schedule.seed;
    assert_eq!(seed_of("0x1f"), 31);
    assert_eq!(seed_of("\"0xffffffffffffffff\""), u64::MAX);
    for bad in ["-1", "\"seven\"", "1.5", "[7]"] {
        let error = with_seed(bad).unwrap_err().to_string();
        assert!(
            error.starts_with("line 3: ") && error.contains("a seed"),
            "{error}"
        );
    }
}

#[test]
fn another_version_is_refused_before_its_fields_are_looked_at() {
    let error = parse("version = 2\nfaults_at = \"dawn\"\n").unwrap_err();
    assert_eq!(error, ExperimentError::Version { found: 2 });
    assert!(error.to_string().contains("`version` `2`"));
    assert!(refused("title = \"t\"\n").contains("`version`"));
}

#[test]
fn a_field_that_nothing_reads_is_refused_by_its_line() {
    let error = refused(&format!("{HEAD}intensity = 3\n"));
    assert!(
        error.starts_with("line 6: ") && error.contains("`intensity`"),
        "{error}"
    );
    let error = refused(&format!("{HEAD}{KILL}span = 3\n"));
    assert!(
        error.starts_with("line 10: ") && error.contains("`span`"),
        "{error}"
    );
    assert!(refused("version = 1\ntitle =\n").starts_with("line 2: "));
}

#[test]
fn what_is_not_known_is_refused_by_its_fault_and_field() {
    let second = |from: &str, to: &str| {
        let bad = KILL.replace(from, to);
        refused(&format!("{HEAD}{KILL}{bad}"))
    };
    let error = second("\"kill\"", "\"explode\"");
    assert!(
        error.starts_with("fault 2, `kind`: fault `explode`"),
        "{error}"
    );
    let error = second("plantao/trust/writer", "plantao//writer");
    assert!(
        error.starts_with("fault 2, `target`: ") && error.contains("segment 2"),
        "{error}"
    );
    let error = second("at_ms = 1", "at_ms = 1\nstate = \"asleep\"");
    assert!(
        error.starts_with("fault 2, `state`: state `asleep`"),
        "{error}"
    );
    let error = second("at_ms = 1", "at_ms = 1\nspan_ms = 5");
    assert!(error.starts_with("fault 2: `span_ms` `5`"), "{error}");
    let error = second("at_ms = 1", "at_ms = 1\nfailpoint = \"audit\"");
    assert!(error.starts_with("fault 2: `failpoint` `audit`"), "{error}");
    let error = refused(&format!("{HEAD}invariants = [\"luck\"]\n"));
    assert!(
        error.starts_with("`invariants`: invariant `luck`"),
        "{error}"
    );
}

#[test]
fn an_experiment_that_checks_nothing_or_asks_too_much_is_refused() {
    let error = parse(&format!("{HEAD}invariants = []\n")).unwrap_err();
    assert_eq!(error, ExperimentError::NothingChecked);
    let error = refused(&HEAD.replace("requests = 40", "requests = 1000001"));
    assert!(error.contains("`requests` `1000001`"), "{error}");
    let error = refused(&format!("{HEAD}{}", KILL.repeat(1001)));
    assert!(error.contains("1001 times"), "{error}");
}

#[test]
fn a_target_that_names_no_actor_of_the_tree_is_found() {
    for target in [
        "plantao/**",
        "plantao/*/writer",
        "plantao/records/sessions/*",
        "plantao/records/sessions/patient-1",
        "plantao/records/**",
    ] {
        assert_eq!(with_target(target).check_targets(&PATHS), Ok(()));
    }
    for target in [
        "plantao/trust/reader",
        "plantao/trust/writer/*",
        "plantao/records/sessions/p/q",
    ] {
        let error = with_target(target).check_targets(&PATHS).unwrap_err();
        let target = target.to_owned();
        assert_eq!(error, ExperimentError::TargetNowhere { fault: 1, target });
    }
    let gone = with_target("plantao/records/sessions/*");
    assert!(gone.check_targets(&["plantao/records/sessions"]).is_err());
}

#[test]
fn a_test_embeds_the_file_and_asserts_that_it_held() {
    let mut experiment = with_target("plantao/trust/writer");
    experiment.title = "ends with \"# here".to_owned();
    let text = experiment.to_rust_test("the writer dies, twice");
    let (before, rest) = text.split_once("r##\"\n").unwrap();
    let (toml, after) = rest.split_once("\"##;\n").unwrap();
    assert_eq!(
        before,
        "#[test]\nfn the_writer_dies__twice() {\n    const EXPERIMENT: &str = "
    );
    assert_eq!(parse(toml), Ok(experiment));
    assert_eq!(
        after,
        "    let outcome = plantao_chaos::sim::play_text(EXPERIMENT).unwrap();\n    \
         assert!(outcome.held(), \"{outcome}\");\n}\n"
    );
}

#[test]
fn a_test_has_a_name_that_a_function_can_have() {
    let experiment = with_target("plantao/trust/writer");
    for (name, function) in [
        ("fn", "fn experiment_fn()"),
        ("7 lives", "fn experiment_7_lives()"),
        ("Falha_É", "fn experiment_falha()"),
        ("no_entry_is_lost", "fn no_entry_is_lost()"),
    ] {
        assert!(experiment.to_rust_test(name).contains(function), "{name}");
    }
}

proptest! {
    #[test]
    fn an_experiment_survives_writing(
        seed: u64,
        title: String,
        title_pt: Option<String>,
        invariants in prop::collection::btree_set(prop::sample::select(&Invariant::ALL[..]), 1..15),
    ) {
        let schedule = Schedule::from_seed(seed, &PATHS);
        let experiment = Experiment { title_pt, invariants, ..Experiment::new(title, schedule) };
        let text = experiment.to_toml();
        prop_assert_eq!(parse(&text), Ok(experiment.clone()), "{}", text);
        prop_assert_eq!(experiment.check_targets(&PATHS), Ok(()));
        let test = experiment.to_rust_test("an experiment");
        prop_assert!(test.contains(&text));
    }

    #[test]
    fn no_text_makes_the_reader_panic(text in "(version = 1\n)?(\\PC|\n|\\[|\"|=){0,60}") {
        let _ = parse(&text);
    }
}
