//! From a snapshot to the table's tree of values.

use super::templates::{MORE, NODE, ROOT};
use crate::pages::lines::Epoch;
use crate::pages::words::Words;
use plantao_actors::live::diff::{Item, Rendered, Slot};
use plantao_schema::locale::Locale;
use plantao_schema::time::Timestamp;
use plantao_supervisors::{ExitReason, NodeKind, NodeState, Snapshot};
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Children shown below one supervisor whose children come and go: the worst. The rest is counted.
pub(super) const CHILDREN_SHOWN: usize = 50;
/// Deepest indentation; what lies deeper stands there too.
const DEPTH_MAX: usize = 6;
/// Clocks are read at slightly different moments: a start that moves by less has not moved.
const SINCE_SLACK_S: i64 = 2;

/// The page, and what it called the nodes it showed.
#[derive(Debug)]
pub(in crate::pages) struct SupervisionView {
    locale: Locale,
    epoch: Epoch,
    nodes: BTreeMap<String, Known>,
    /// How many names were given: none is given twice.
    named: u64,
}

/// A node that was shown before.
#[derive(Clone, Debug)]
struct Known {
    key: Arc<str>,
    since_s: i64,
    body: Option<Arc<Rendered>>,
}

impl SupervisionView {
    /// An empty page.
    pub(in crate::pages) const fn new(locale: Locale, epoch: Epoch) -> Self {
        Self {
            locale,
            epoch,
            nodes: BTreeMap::new(),
            named: 0,
        }
    }

    /// The page of a tree; of none while it is starting.
    pub(in crate::pages) fn render(
        &mut self,
        snapshot: Option<&Snapshot>,
        now: Timestamp,
    ) -> Rendered {
        let words = Words::of(self.locale);
        let mut rows = Vec::new();
        let before = std::mem::take(&mut self.nodes);
        if let Some(snapshot) = snapshot {
            self.node(snapshot, 0, &before, now, &mut rows);
        }
        let note = snapshot.map_or(words.supervision_starting, |_| "");
        let slots = vec![Slot::text("live"), Slot::text(note), Slot::List(rows)];
        Rendered::new(ROOT, slots)
    }

    fn node(
        &mut self,
        node: &Snapshot,
        depth: usize,
        before: &BTreeMap<String, Known>,
        now: Timestamp,
        rows: &mut Vec<Item>,
    ) {
        let mut known = self.known(&node.path, before);
        if let Some(uptime_ms) = node.uptime_ms {
            let uptime_s = i64::try_from(uptime_ms / 1_000).unwrap_or(i64::MAX);
            let since_s = self.epoch.seconds(now).saturating_sub(uptime_s);
            if known.since_s.abs_diff(since_s) > SINCE_SLACK_S.unsigned_abs() {
                known.since_s = since_s;
            }
        }
        let body = self.row(node, depth, known.since_s);
        // The same row keeps its memory, so that comparing it costs nothing.
        let body = match known.body.take() {
            Some(same) if *same == body => same,
            _ => Arc::new(body),
        };
        known.body = Some(Arc::clone(&body));
        rows.push(Item::new(Arc::clone(&known.key), body));
        self.nodes.insert(node.path.clone(), known);

        let (shown, left_out) = children(node);
        for child in shown {
            self.node(child, depth + 1, before, now, rows);
        }
        if left_out > 0 {
            let path = format!("{}/*", node.path);
            let known = self.known(&path, before);
            rows.push(Item::new(
                Arc::clone(&known.key),
                self.more(left_out, depth + 1),
            ));
            self.nodes.insert(path, known);
        }
    }

    fn known(&mut self, path: &str, before: &BTreeMap<String, Known>) -> Known {
        before.get(path).cloned().unwrap_or_else(|| {
            self.named += 1;
            let key = Arc::from(format!("n{}", self.named));
            Known {
                key,
                since_s: i64::MIN,
                body: None,
            }
        })
    }

    fn row(&self, node: &Snapshot, depth: usize, since_s: i64) -> Rendered {
        let words = Words::of(self.locale);
        let (kind_class, kind) = match node.kind {
            NodeKind::Worker => ("worker", words.kind_worker),
            NodeKind::Supervisor => ("supervisor", words.kind_supervisor),
            NodeKind::Dynamic => ("dynamic", words.kind_dynamic),
        };
        let (state_class, state) = match node.state {
            NodeState::Starting => ("s-busy", words.state_starting),
            NodeState::Running => ("s-running", words.state_running),
            NodeState::Restarting => ("s-busy", words.state_restarting),
            NodeState::Stopping => ("s-busy", words.state_stopping),
            NodeState::Stopped => ("s-down", words.state_stopped),
            NodeState::Failed => ("s-failed", words.state_failed),
            NodeState::Quarantined => ("s-failed", words.state_quarantined),
        };
        let (budget_class, budget) = budget(node);
        let class = format!("d{} {kind_class} {state_class}", depth.min(DEPTH_MAX));
        let since = if node.uptime_ms.is_some() {
            since_s.to_string()
        } else {
            dash()
        };
        let texts = [
            class,
            node.id.clone(),
            kind.to_owned(),
            state.to_owned(),
            node.restarts.to_string(),
            budget_class.to_owned(),
            budget,
            node.mailbox_depth
                .map_or_else(dash, |depth| depth.to_string()),
            waited(node.oldest_message_ms),
            since,
            node.last_exit
                .as_ref()
                .map_or("", |exit| ended(exit, words))
                .to_owned(),
            node.path.clone(),
        ];
        Rendered::new(NODE, texts.into_iter().map(Slot::text).collect())
    }

    fn more(&self, left_out: usize, depth: usize) -> Rendered {
        let words = Words::of(self.locale);
        let class = format!("d{} more", depth.min(DEPTH_MAX));
        let text = format!("{} {left_out} {}", words.and_more, words.nodes_more);
        Rendered::new(MORE, vec![Slot::text(class), Slot::text(text)])
    }
}

/// The children shown and how many are left out: all of a fixed list, the worst of a dynamic one.
fn children(node: &Snapshot) -> (Vec<&Snapshot>, usize) {
    let mut all: Vec<&Snapshot> = node.children.iter().collect();
    if node.kind != NodeKind::Dynamic {
        return (all, 0);
    }
    all.sort_by_key(|child| {
        let down = child.state != NodeState::Running;
        let depth = child.mailbox_depth.unwrap_or(0);
        (
            Reverse(down),
            Reverse(child.restarts),
            Reverse(depth),
            child.path.as_str(),
        )
    });
    let left_out = all.len().saturating_sub(CHILDREN_SHOWN);
    all.truncate(CHILDREN_SHOWN);
    (all, left_out)
}

/// Restarts that are left before a supervisor gives up, of how many.
fn budget(node: &Snapshot) -> (&'static str, String) {
    let (Some(used), Some(allowed)) = (node.restarts_in_window, node.restarts_allowed) else {
        return ("number", dash());
    };
    let left = allowed.saturating_sub(used);
    let class = if left * 4 <= allowed {
        "number spent"
    } else {
        "number"
    };
    (class, format!("{left}/{allowed}"))
}

/// How long the oldest message has waited, once that is worth a thought.
fn waited(oldest_ms: Option<u64>) -> String {
    match oldest_ms {
        Some(waited_ms @ 1_000..) => format!("{} s", waited_ms / 1_000),
        _ => dash(),
    }
}

/// The kind of an exit; its text is for the log.
const fn ended(exit: &ExitReason, words: &Words) -> &'static str {
    match exit {
        ExitReason::Normal => words.exit_normal,
        ExitReason::Shutdown | ExitReason::ShutdownWith(_) => words.exit_shutdown,
        ExitReason::Stalled => words.exit_stalled,
        ExitReason::Error(_) => words.exit_error,
        ExitReason::Panic(_) => words.exit_panic,
        ExitReason::Killed => words.exit_killed,
        ExitReason::Cancelled => words.exit_cancelled,
        ExitReason::StartFailed(_) => words.exit_start_failed,
    }
}

fn dash() -> String {
    "–".to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use plantao_supervisors::Restart;

    const NOW: Timestamp = Timestamp::from_micros(1_790_000_000_000_000);

    fn node(path: &str, kind: NodeKind, children: Vec<Snapshot>) -> Snapshot {
        Snapshot {
            restart: Some(Restart::Permanent),
            uptime_ms: Some(5_000),
            children,
            ..Snapshot::new(path, kind, NodeState::Running)
        }
    }

    fn rows(rendered: &Rendered) -> Vec<(String, Vec<String>)> {
        let Some(Slot::List(items)) = rendered.slots.last() else {
            panic!("the rows are the last slot");
        };
        let text = |slot: &Slot| match slot {
            Slot::Text(text) => text.to_string(),
            other => panic!("{other:?}"),
        };
        let row = |item: &Item| {
            (
                item.key.to_string(),
                item.body.slots.iter().map(text).collect::<Vec<_>>(),
            )
        };
        items.iter().map(row).collect()
    }

    #[test]
    fn the_worst_children_of_many_are_shown_and_the_rest_is_counted() {
        let child = |n: usize| node(&format!("p/s/{n:03}"), NodeKind::Worker, Vec::new());
        let mut many: Vec<Snapshot> = (0..80).map(child).collect();
        many[70].restarts = 9;
        many[75].state = NodeState::Failed;
        let tree = node(
            "p",
            NodeKind::Supervisor,
            vec![node("p/s", NodeKind::Dynamic, many)],
        );
        let epoch = Epoch::at(NOW);
        let mut view = SupervisionView::new(Locale::PtBr, epoch);
        let rows = rows(&view.render(Some(&tree), NOW));
        assert_eq!(rows.len(), 2 + CHILDREN_SHOWN + 1);
        assert_eq!(
            (rows[2].1[1].as_str(), rows[3].1[1].as_str()),
            ("075", "070")
        );
        assert_eq!(rows[2].1[3], "falhou");
        assert_eq!(rows[52].1[1], "e mais 30 outros filhos");
    }

    #[test]
    fn a_restart_changes_one_number_and_idling_changes_nothing() {
        let tree = |restarts| {
            let mut actor = node("p/a", NodeKind::Worker, Vec::new());
            actor.restarts = restarts;
            node("p", NodeKind::Supervisor, vec![actor])
        };
        let mut view = SupervisionView::new(Locale::En, Epoch::at(NOW));
        let first = view.render(Some(&tree(0)), NOW);
        // A second later every uptime is a second longer.
        let mut later = tree(0);
        later.uptime_ms = Some(6_100);
        later.children[0].uptime_ms = Some(5_900);
        assert_eq!(view.render(Some(&later), NOW.plus_seconds(1)), first);
        let restarted = view.render(Some(&tree(1)), NOW.plus_seconds(1));
        let (before, after) = (rows(&first), rows(&restarted));
        assert_eq!(
            (before[1].1[4].as_str(), after[1].1[4].as_str()),
            ("0", "1")
        );
        assert_eq!(before[1].0, after[1].0, "it is the same row");
    }

    #[test]
    fn a_budget_that_runs_out_is_marked_and_an_exit_shows_no_text_of_its_own() {
        let mut tree = node("p", NodeKind::Supervisor, Vec::new());
        tree.restarts_in_window = Some(4);
        tree.restarts_allowed = Some(5);
        tree.last_exit = Some(ExitReason::Panic("secret of a patient".to_owned()));
        let mut view = SupervisionView::new(Locale::PtBr, Epoch::at(NOW));
        let rows = rows(&view.render(Some(&tree), NOW));
        assert_eq!(
            (rows[0].1[5].as_str(), rows[0].1[6].as_str()),
            ("number spent", "1/5")
        );
        assert_eq!(rows[0].1[10], "pânico");
    }

    #[test]
    fn a_tree_that_is_starting_says_so() {
        let mut view = SupervisionView::new(Locale::En, Epoch::at(NOW));
        let rendered = view.render(None, NOW);
        assert_eq!(rendered.slots[1], Slot::text("The tree is starting."));
    }
}
