//! What a snapshot takes of a child, and the picture made of that when nothing is held any more.

use std::sync::Arc;
use std::time::Duration;

use crate::birth::Body;
use crate::core::{Child, Phase, Restart};
use crate::exit::ExitReason;
use crate::pulse::Pulse;
use crate::slot::Slot;
use crate::snapshot::{NodeKind, NodeState, Snapshot};
use crate::station::{Station, millis};

/// What is taken of a child while the rules are held: no more than counters and references.
pub(crate) struct Sight {
    id: Arc<str>,
    restart: Restart,
    state: NodeState,
    restarts: u32,
    up_since: Option<Duration>,
    last_exit: Option<ExitReason>,
    body: Arc<dyn Body>,
    pub(crate) station: Option<Arc<Station>>,
    pulse: Option<Arc<Pulse>>,
}

impl Sight {
    pub(crate) fn of(child: &Child<Slot>) -> Self {
        let up = matches!(child.phase, Phase::Up);
        Self {
            id: Arc::clone(&child.id),
            restart: child.policy.restart,
            state: child.state(),
            restarts: child.restarts(),
            up_since: up.then(|| child.up_since()).flatten(),
            last_exit: child.last_exit.as_deref().cloned(),
            body: Arc::clone(&child.payload.body),
            station: child.payload.station().cloned(),
            pulse: child.payload.pulse().cloned(),
        }
    }

    pub(crate) fn picture(self, above: &str, now: Duration) -> Snapshot {
        let kind = self.body.command().map(|body| body.command.kind());
        let path = format!("{above}/{}", self.id);
        Snapshot {
            restart: Some(self.restart),
            restarts: u64::from(self.restarts),
            last_exit: self.last_exit,
            uptime_ms: self.up_since.map(|since| millis(now.saturating_sub(since))),
            mailbox_depth: self.body.depth(),
            oldest_message_ms: self.body.oldest_age().map(millis),
            handle_time: self.pulse.and_then(|pulse| pulse.handle_time()),
            ..Snapshot::new(path, kind.unwrap_or(NodeKind::Worker), self.state)
        }
    }
}
