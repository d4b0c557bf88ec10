//! Commands as they are typed: what they answer, print and leave behind.

use super::*;
use std::path::Path;

/// A directory of this test alone, which is gone with it.
struct Place(PathBuf);

impl Place {
    fn new(name: &str) -> Self {
        let path =
            std::env::temp_dir().join(format!("plantao-chaos-{}-{name}", std::process::id()));
        Self(path)
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.0.join(name)).unwrap()
    }

    fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(&self.0).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<String> = names.collect();
        names.sort();
        names
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _gone = std::fs::remove_dir_all(&self.0);
    }
}

fn typed(line: &str, report: Option<&Path>) -> (u8, String) {
    heard(line, report, &Interrupt::default())
}

fn heard(line: &str, report: Option<&Path>, interrupt: &Interrupt) -> (u8, String) {
    let words = std::iter::once("plantao-chaos").chain(line.split(' '));
    let report = report.map(|path| path.to_str().unwrap());
    let words = words.chain(report.into_iter().flat_map(|path| ["--report", path]));
    let arguments = Arguments::try_parse_from(words).unwrap();
    let mut out = Vec::new();
    let code = answer(&arguments.command, &mut out, interrupt).unwrap_or_else(|error| {
        writeln!(out, "{error}").unwrap();
        error.exit_code()
    });
    (code, String::from_utf8(out).unwrap())
}

#[test]
fn a_campaign_that_holds_leaves_a_report_and_tells_what_it_did_not_cover() {
    let place = Place::new("holds");
    let (code, told) = typed(
        "campaign --schedules 8 --seed 0x1 --requests 20",
        Some(&place.0),
    );
    assert_eq!(code, HELD, "{told}");
    assert_eq!(place.names(), ["journal.json", "junit.xml", "report.html"]);
    assert!(told.starts_with("child "), "the matrix comes first: {told}");
    for part in [
        "\nNot covered:\n",
        "\nRare states reached: ",
        "\nNever reached: ",
        "8 schedules",
    ] {
        assert!(told.contains(part), "{part}: {told}");
    }
    let page = place.read("report.html");
    assert_eq!(page.matches("<svg").count(), 1, "one day is drawn");
}

#[test]
fn a_campaign_that_finds_something_leaves_files_that_play_it_again() {
    let place = Place::new("finds");
    let line =
        "campaign --schedules 3 --seed 0x1 --requests 40 --mutant acknowledged_before_commit";
    let (code, told) = typed(line, Some(&place.0));
    assert_eq!(code, VIOLATED, "{told}");
    let names = place.names();
    let cut = names
        .iter()
        .find(|name| name.ends_with("-cut.toml"))
        .unwrap();
    assert!(
        place
            .read(&cut.replace(".toml", ".rs"))
            .starts_with("#[test]\n")
    );
    let path = place.0.join(cut);
    assert!(
        told.contains(&format!("faults in `{}`", path.display())),
        "{told}"
    );
    let again = format!("replay --experiment {} --mutant ", path.display());
    let (code, told) = typed(&format!("{again}acknowledged_before_commit"), None);
    assert_eq!(code, VIOLATED, "{told}");
    assert!(told.contains("violated audit_durable"), "{told}");
}

#[test]
fn the_timeline_of_a_schedule_that_is_replayed_is_drawn_whether_it_held_or_not() {
    let place = Place::new("replay");
    let (code, told) = typed("replay --seed 0x7", Some(&place.0));
    assert_eq!(code, HELD, "{told}");
    assert!(place.read("report.html").contains("<svg"));
    let journal: serde_json::Value = serde_json::from_str(&place.read("journal.json")).unwrap();
    assert!(journal["schedules"][0]["history"].is_array());
}

#[test]
fn a_simulation_keeps_one_history_of_those_that_held() {
    let place = Place::new("sim");
    let (code, told) = typed("sim --seed 1 --schedules 3", Some(&place.0));
    assert_eq!(code, HELD, "{told}");
    let journal: serde_json::Value = serde_json::from_str(&place.read("journal.json")).unwrap();
    let schedules = journal["schedules"].as_array().unwrap();
    let kept = schedules.iter().filter(|one| one.get("history").is_some());
    assert_eq!((schedules.len(), kept.count()), (3, 1));
    assert_eq!(schedules[2]["again"], "plantao-chaos replay --seed 0x3");
}

#[test]
fn a_report_that_cannot_be_written_is_refused_by_its_name_before_anything_is_played() {
    for line in [
        "campaign --minutes 600",
        "sim --schedules 9999999",
        "replay --seed 1",
    ] {
        let (code, told) = typed(line, Some(Path::new("/dev/null/x")));
        assert_eq!(code, IMPOSSIBLE);
        assert!(told.starts_with("`/dev/null/x`: "), "{told}");
    }
}

#[test]
fn an_experiment_that_is_none_is_refused_by_its_file_and_its_line() {
    let place = Place::new("bad");
    std::fs::create_dir_all(&place.0).unwrap();
    let path = place.0.join("bad.toml");
    std::fs::write(&path, "version = 1\ntitle = 7\n").unwrap();
    let (code, told) = typed(&format!("replay --experiment {}", path.display()), None);
    assert_eq!(code, IMPOSSIBLE);
    assert!(told.contains("bad.toml`: line 2"), "{told}");
    let (code, told) = typed("replay --experiment /nowhere/a.toml", None);
    assert_eq!(
        (code, told.starts_with("`/nowhere/a.toml`")),
        (IMPOSSIBLE, true)
    );
}

#[test]
fn a_schedule_that_holds_is_not_cut() {
    let (code, told) = typed("shrink --seed 1", None);
    assert_eq!(code, IMPOSSIBLE);
    assert!(told.contains("seed 0x1 holds"), "{told}");
}

#[test]
fn what_is_interrupted_tells_what_it_found_so_far() {
    let place = Place::new("interrupted");
    let interrupt = Interrupt::default();
    interrupt.hear();
    let (code, told) = heard("campaign --minutes 600", Some(&place.0), &interrupt);
    assert_eq!(code, ABORTED);
    assert!(told.contains("stopped early: 0 schedules"), "{told}");
    assert!(place.names().contains(&"report.html".to_owned()));
    let (code, told) = heard("sim --schedules 9999999", None, &interrupt);
    assert_eq!(code, ABORTED);
    assert!(told.starts_with("0 schedules of --seed 0x1 "), "{told}");
    assert_eq!(heard("mutants", None, &interrupt).0, ABORTED);
}

#[test]
fn an_actor_that_the_tree_has_not_is_no_target_of_an_experiment() {
    let place = Place::new("nowhere");
    std::fs::create_dir_all(&place.0).unwrap();
    let path = place.0.join("polcy.toml");
    let mut parts = crate::FaultParts::new(std::time::Duration::ZERO, crate::FaultKind::Kill);
    parts.target = "plantao/trust/polcy".parse().ok();
    let mut schedule = Schedule::from_seed(1, &[]);
    schedule.faults = vec![crate::Fault::new(parts).unwrap()];
    let text = crate::Experiment::new("none".to_owned(), schedule).to_toml();
    std::fs::write(&path, &text).unwrap();
    let (code, told) = typed(&format!("replay --experiment {}", path.display()), None);
    assert_eq!(code, IMPOSSIBLE);
    assert!(told.contains("`plantao/trust/polcy`"), "{told}");
    assert!(crate::sim::play_text(&text).is_err());
}

#[test]
fn seeds_of_a_file_are_played_and_one_of_another_version_is_refused_by_its_line() {
    let place = Place::new("seeds");
    std::fs::create_dir_all(&place.0).unwrap();
    let path = place.0.join("seeds.txt");
    let line = format!("sim --seeds {}", path.display());
    std::fs::write(&path, "plantao-chaos seeds v1\n7\n0x9 # once failed\n").unwrap();
    let (code, told) = typed(&line, None);
    assert_eq!(code, HELD, "{told}");
    assert!(told.starts_with("2 schedules of --seeds "), "{told}");
    std::fs::write(&path, "plantao-chaos seeds v2\n7\n").unwrap();
    let (code, told) = typed(&line, None);
    assert_eq!(code, IMPOSSIBLE);
    assert!(told.contains("seeds.txt`: line 1: version `2`"), "{told}");
}

#[test]
fn a_run_that_has_to_reach_rare_states_and_does_not_has_not_held() {
    let (code, _) = typed("sim --seed 1 --schedules 1", None);
    assert_eq!(code, HELD);
    let (code, told) = typed("sim --seed 1 --schedules 1 --require-rare", None);
    assert_eq!(code, VIOLATED);
    assert!(told.contains(" never\n"), "{told}");
}

#[test]
fn a_minimum_is_left_as_a_file_that_is_played_again_and_as_a_test() {
    let place = Place::new("minimum");
    let out = place.0.display();
    let line = format!("shrink --seed 0x1 --mutant acknowledged_before_commit --out {out}");
    let (code, told) = typed(&line, None);
    assert_eq!(code, VIOLATED, "{told}");
    assert_eq!(place.names(), ["seed-1-cut.rs", "seed-1-cut.toml"]);
    let again = format!("replay --experiment {out}/seed-1-cut.toml");
    let (code, told) = typed(
        &format!("{again} --mutant acknowledged_before_commit"),
        None,
    );
    assert_eq!(code, VIOLATED, "{told}");
}
