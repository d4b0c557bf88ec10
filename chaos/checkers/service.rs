//! What the system owes once all is over: what it acknowledged is there, and it serves again.

use super::{Findings, Tree};
use crate::history::{Change, Event, History, What};
use plantao_supervisors::Restart;
use std::collections::BTreeMap;
use std::time::Duration;

/// How soon after the last fault a system of no known plan serves again.
const RECOVERY: Duration = Duration::from_secs(10);

/// Each acknowledged change is there to be read, or a later one is.
pub(super) fn durable(history: &History, _tree: &Tree, findings: &mut Findings) {
    let mut kept: BTreeMap<&str, Option<u64>> = BTreeMap::new();
    for event in history.events() {
        if let What::FinalRecord {
            resource, version, ..
        } = &event.what
        {
            kept.insert(resource, *version);
        }
    }
    for event in history.events() {
        let What::WriteAcknowledged { resource, version } = &event.what else {
            continue;
        };
        let what = match kept.get(resource.as_str()) {
            Some(Some(there)) if there >= version => continue,
            Some(Some(there)) => {
                format!("version {version} was acknowledged and version {there} is there")
            }
            Some(None) => format!("version {version} was acknowledged and nothing is there"),
            None => format!("version {version} was acknowledged and never read back"),
        };
        findings.at(event, what);
    }
}

/// The system serves in time after the last fault, and all of it is up.
pub(super) fn recovers(history: &History, tree: &Tree, findings: &mut Findings) {
    let broken = |event: &&Event| matches!(event.what, What::FaultInjected { .. });
    let over = |event: &&Event| event.what == What::FaultsOver;
    let events = history.events();
    let last = events.iter().rfind(broken);
    let Some(over) = events.iter().rfind(over) else {
        if let Some(last) = last {
            findings.at(last, "nobody told that the faults were over".to_owned());
        }
        return;
    };
    if let Some(last) = last.filter(|last| last.seq > over.seq) {
        findings.at(
            last,
            "something was broken after the faults were over".to_owned(),
        );
        return;
    }
    let after = events.iter().filter(|event| event.seq > over.seq);
    let mut served = after.filter(|event| event.what == What::Served { ok: true });
    match served.next() {
        None => findings.at(over, "the system never served again".to_owned()),
        Some(served) => {
            let after = served.at.saturating_sub(over.at);
            if after > tree.budget().unwrap_or(RECOVERY) {
                findings.at(served, format!("the system served again after {after:?}"));
            }
        }
    }
    down(history, tree, over, findings);
}

/// Whoever is planned to be always there is up by then.
fn down(history: &History, tree: &Tree, over: &Event, findings: &mut Findings) {
    let mut last: BTreeMap<&str, Change> = BTreeMap::new();
    let budget = tree.budget().unwrap_or(RECOVERY);
    let until = over.at.saturating_add(budget);
    for event in history.events().iter().filter(|event| event.at <= until) {
        match &event.what {
            What::NodeStarted => last.clear(),
            What::Lifecycle(told) if told.change.is_end() || told.change == Change::Started => {
                last.insert(&told.path, told.change);
            }
            _ => {}
        }
    }
    for (path, child) in tree.fixed() {
        let path = format!("{path}/{}", child.id);
        let is_down = |change: &Change| *change != Change::Started;
        if child.restart == Restart::Permanent && last.get(path.as_str()).is_some_and(is_down) {
            findings.at(over, format!("`{path}` was still down after {budget:?}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{change, holds, tree, violates};
    use super::*;
    use crate::Invariant::{Recovers, WriteDurable};
    use crate::history::Change::{Exited, Restarting, Started};
    use plantao_supervisors::Strategy;

    fn acknowledged(version: u64) -> (u64, What) {
        let resource = "observation 1".to_owned();
        (version, What::WriteAcknowledged { resource, version })
    }

    fn there(version: Option<u64>) -> (u64, What) {
        let resource = "observation 1".to_owned();
        let record = What::FinalRecord {
            resource,
            version,
            changes: Vec::new(),
        };
        (99, record)
    }

    fn broken(at: u64) -> (u64, What) {
        let fault = What::FaultInjected {
            kind: "kill".to_owned(),
            target: None,
            detail: String::new(),
        };
        (at, fault)
    }

    fn served(at: u64, ok: bool) -> (u64, What) {
        (at, What::Served { ok })
    }

    #[test]
    fn a_write_that_is_there_or_was_followed_by_another_holds() {
        let events = [acknowledged(1), acknowledged(2), there(Some(3))];
        holds(WriteDurable, &Tree::new(), events);
    }

    #[test]
    fn a_write_that_is_not_there_is_found() {
        let undone = [acknowledged(1), acknowledged(2), there(Some(1))];
        violates(
            WriteDurable,
            &Tree::new(),
            undone,
            "version 2 was acknowledged and version 1",
        );
        let lost = [acknowledged(1), there(None)];
        violates(WriteDurable, &Tree::new(), lost, "nothing is there");
        violates(
            WriteDurable,
            &Tree::new(),
            [acknowledged(1)],
            "never read back",
        );
    }

    #[test]
    fn a_system_that_serves_within_ten_seconds_of_the_last_fault_recovers() {
        let over = (1000, What::FaultsOver);
        let events = [broken(5), over, served(1250, false), served(11_000, true)];
        holds(Recovers, &Tree::new(), events);
        holds(Recovers, &Tree::new(), []);
    }

    #[test]
    fn a_system_that_serves_late_or_never_does_not_recover() {
        let over = (1000, What::FaultsOver);
        let late = [broken(5), over.clone(), served(11_001, true)];
        violates(Recovers, &Tree::new(), late, "served again after 10.001s");
        let never = [broken(5), served(900, true), over, served(2000, false)];
        violates(Recovers, &Tree::new(), never, "never served again");
    }

    #[test]
    fn whoever_is_still_down_when_all_should_be_up_is_named() {
        let fallen = [
            (10, change("root/a", Started)),
            (11, change("root/b", Started)),
            (500, change("root/b", Exited)),
        ];
        let over = [(1_000, What::FaultsOver), served(1_250, true)];
        let after = |at| {
            [
                (at, change("root/b", Restarting)),
                (at, change("root/b", Started)),
            ]
        };
        let plan = tree(Strategy::OneForOne);
        let seen = |events: Vec<(u64, What)>| {
            violates(Recovers, &plan, events, "`root/b` was still down after 1s")
        };
        seen(fallen.iter().chain(&over).cloned().collect());
        seen(
            fallen
                .iter()
                .chain(&over)
                .chain(&after(2_001))
                .cloned()
                .collect(),
        );
        let late = after(1_999);
        let up = fallen.iter().chain(&over).chain(&late).cloned();
        holds(Recovers, &plan, up.collect::<Vec<_>>());
    }

    #[test]
    fn a_run_that_does_not_end_its_faults_shows_no_recovery() {
        violates(
            Recovers,
            &Tree::new(),
            [broken(5), served(6, true)],
            "nobody told",
        );
        let over = (1000, What::FaultsOver);
        let after = [over, broken(2000), served(2001, true)];
        violates(Recovers, &Tree::new(), after, "after the faults were over");
    }
}
