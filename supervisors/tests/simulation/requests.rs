//! Requests to supervisors, each asked by a caller of its own that notes the answer.

use fastrand::Rng;
use plantao_supervisors::{
    AutoShutdown, CallError, DynamicHandle, NodeKind, SupervisorError, SupervisorHandle, Tree,
};
use std::fmt::Debug;
use std::time::Duration;
use tokio::time::Instant;

use crate::journal::{ABANDONED, Journal};
use crate::picture::Sight;
use crate::plan::{Body, Fixed, Mood, Node, even, intensity, newcomer, strategy, worker};
use crate::worker::Cue;

/// Ids for children that come and go: few, so that they are asked for twice.
const FRESH: u8 = 5;
/// tokio's timers count in milliseconds.
const TICK: Duration = Duration::from_millis(1);

/// What requests are made of.
pub(crate) struct Desk<'a> {
    pub(crate) rng: &'a mut Rng,
    pub(crate) mood: &'a Mood,
    pub(crate) tree: &'a Tree,
    pub(crate) journal: &'a Journal,
}

impl Desk<'_> {
    /// A request to the supervisor seen there.
    pub(crate) fn request(&mut self, supervisor: &Sight, children: &[&Sight]) {
        let path = &*supervisor.path;
        let id = match children.len() {
            0 => "nobody".to_owned(),
            several => {
                let path = &*children[self.rng.usize(..several)].path;
                path.rsplit('/').next().unwrap_or_default().to_owned()
            }
        };
        if supervisor.kind == NodeKind::Dynamic {
            if let Some(handle) = self.tree.dynamic(path) {
                self.dynamic(path, id, handle);
            }
            return;
        }
        let Some(handle) = self.tree.supervisor(path) else {
            return;
        };
        match self.rng.u8(..10) {
            0..3 => self.start(path, &id, handle),
            3..6 => self.touch(path, &id, "terminate", async move |id| {
                handle.terminate_child(id).await
            }),
            6..9 => self.touch(path, &id, "restart", async move |id| {
                handle.restart_child(id).await
            }),
            _ if !self.mood.surgery => self.start(path, &id, handle),
            _ if self.rng.bool() => self.delete(path, &id, handle),
            _ => self.change(path, handle),
        }
    }

    fn dynamic(&mut self, path: &str, id: String, handle: DynamicHandle) {
        if self.rng.u8(..3) == 0 {
            return self.touch(path, &id, "terminate", async move |id| {
                handle.terminate_child(id).await
            });
        }
        let node = self.newcomer(path, &id);
        let spec = node.spec(&format!("{path}/{}", node.id), self.journal);
        let ticket = self.journal.ask(path, &node.id, "start");
        self.answer(ticket, async move { handle.start_child(spec).await });
    }

    fn start(&mut self, path: &str, id: &str, handle: SupervisorHandle) {
        let node = self.newcomer(path, id);
        let spec = node.spec(&format!("{path}/{}", node.id), self.journal);
        let ticket = self.journal.ask(path, &node.id, "start");
        // Some callers do not wait for the answer.
        let patience = (self.rng.u8(..8) == 0).then(|| even(self.rng, 200));
        let Some(patience) = patience else {
            return self.answer(ticket, async move { handle.start_child(spec).await });
        };
        let journal = self.journal.clone();
        tokio::task::spawn_local(async move {
            let start = tokio::time::timeout(patience, handle.start_child(spec));
            match start.await {
                Ok(answer) => journal.answered(ticket, &format!("{answer:?}")),
                Err(_) => journal.answered(ticket, ABANDONED),
            }
        });
    }

    /// A child to add: one that is there already at times, and one that was there before.
    fn newcomer(&mut self, path: &str, id: &str) -> Node {
        let there = id != "nobody" && self.rng.u8(..6) == 0;
        let id = if there {
            id.to_owned()
        } else {
            format!("x{}", self.rng.u8(..FRESH))
        };
        let at = format!("{path}/{id}");
        let (known, above) = {
            let record = self.journal.record();
            (
                record.plans.get(&at).cloned(),
                record.plans.get(path).map(auto_shutdown),
            )
        };
        let node =
            known.unwrap_or_else(|| newcomer(self.rng, self.mood, id, above.unwrap_or_default()));
        self.journal.plan(&at, &node);
        node
    }

    fn touch<T: Debug + Send + 'static>(
        &mut self,
        path: &str,
        id: &str,
        what: &'static str,
        ask: impl AsyncFnOnce(&str) -> Result<T, SupervisorError> + 'static,
    ) where
        Self: Sized,
    {
        let ticket = self.journal.ask(path, id, what);
        self.journal.touch(path, id);
        let id = id.to_owned();
        self.answer(ticket, async move { ask(&id).await });
    }

    fn delete(&mut self, path: &str, id: &str, handle: SupervisorHandle) {
        let ticket = self.journal.ask(path, id, "delete");
        self.journal.loosen(path);
        let id = id.to_owned();
        self.answer(ticket, async move { handle.delete_child(&id).await });
    }

    /// The same children in another order and one more, under another strategy.
    fn change(&mut self, path: &str, handle: SupervisorHandle) {
        let plan = self.journal.record().plans.get(path).cloned();
        let Some(Node {
            body: Body::Fixed(before),
            ..
        }) = &plan
        else {
            return;
        };
        let mut fixed: Fixed = before.clone();
        fixed.strategy = strategy(self.rng);
        fixed.intensity = intensity(self.rng, false);
        self.rng.shuffle(&mut fixed.children);
        if fixed.children.iter().all(|child| child.id != "y") {
            let more = worker(self.rng, self.mood, "y".to_owned(), fixed.auto_shutdown);
            fixed.children.push(more);
        }
        let ticket = self.journal.ask(path, "", "change");
        self.journal.record().census.change(path);
        let spec = fixed.spec(path, self.journal);
        if let Some(mut node) = plan {
            node.body = Body::Fixed(fixed);
            self.journal.plan(path, &node);
        }
        self.answer(ticket, async move { handle.code_change(spec).await });
    }

    fn answer<T: Debug>(&self, ticket: u64, asked: impl Future<Output = T> + 'static) {
        let journal = self.journal.clone();
        tokio::task::spawn_local(async move {
            let answer = asked.await;
            journal.answered(ticket, &format!("{answer:?}"));
        });
    }

    /// A call to a worker, which has to end by its deadline.
    pub(crate) fn call(&mut self, path: &str) {
        let deadline = even(self.rng, 600);
        let (line, journal) = (self.journal.line(path), self.journal.clone());
        let ticket = journal.ask(path, "", "call");
        tokio::task::spawn_local(async move {
            let asked = Instant::now();
            let answer = line.call(deadline, Cue::Ping).await;
            let took = asked.elapsed();
            let in_time = match answer {
                Ok(()) | Err(CallError::Unavailable) => took <= deadline,
                Err(CallError::Overloaded { .. }) => took.is_zero(),
                Err(CallError::Timeout { after }) => {
                    after == deadline && took >= deadline && took <= deadline + TICK
                }
            };
            if !in_time {
                let late = format!("a call to be answered in {deadline:?} took {took:?}");
                journal.record().object(late);
            }
            journal.answered(ticket, &format!("call {answer:?}"));
        });
    }
}

fn auto_shutdown(node: &Node) -> AutoShutdown {
    match &node.body {
        Body::Fixed(fixed) => fixed.auto_shutdown,
        Body::Dynamic(dynamic) => dynamic.auto_shutdown,
        Body::Worker(_) => AutoShutdown::Never,
    }
}
