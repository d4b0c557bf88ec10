//! What the adapter keeps with each child.

use ractor::ActorCell;
use std::fmt;
use std::sync::Arc;
use tokio::task::AbortHandle;

use crate::birth::Body;
use crate::core::Payload;
use crate::place::CommandBody;
use crate::pulse::Pulse;
use crate::station::Station;

/// See the module.
pub(crate) struct Slot {
    pub(crate) body: Arc<dyn Body>,
    pub(crate) running: Running,
    extra: Option<Box<Extra>>,
}

/// What reaches the child's task.
#[derive(Default)]
pub(crate) enum Running {
    #[default]
    Nothing,
    /// Killed when nothing was there yet.
    Doomed,
    Launching(AbortHandle),
    Live(ActorCell),
}

/// What only some children have.
#[derive(Default)]
struct Extra {
    station: Option<Arc<Station>>,
    pulse: Option<Arc<Pulse>>,
}

impl Payload for Slot {
    fn renew(&mut self, other: Self) -> Self {
        let Self { body, .. } = other;
        let mut before = Self::new(Arc::clone(&self.body));
        match (self.station(), body.command()) {
            (Some(station), Some(command)) => {
                station.set_command(command.command.clone());
                command.place.take(Arc::clone(station));
            }
            // Another kind of child: what belonged to the old one goes with it.
            (Some(_), None) => before.extra = self.extra.take(),
            (None, _) => {}
        }
        self.body = body;
        before
    }
}

impl Slot {
    pub(crate) fn new(body: Arc<dyn Body>) -> Self {
        Self {
            body,
            running: Running::Nothing,
            extra: None,
        }
    }

    /// Nobody reaches this incarnation any more.
    pub(crate) fn vacate(&self) {
        let actor = match &self.running {
            Running::Live(cell) => Some(cell.get_id()),
            Running::Launching(_) | Running::Nothing | Running::Doomed => None,
        };
        self.body.vacate(actor);
    }

    /// There is an actor now.
    pub(crate) fn settle(&mut self, cell: ActorCell) {
        if let Running::Doomed = self.running {
            cell.kill();
        }
        self.running = Running::Live(cell);
    }

    pub(crate) fn station(&self) -> Option<&Arc<Station>> {
        self.extra.as_ref()?.station.as_ref()
    }

    /// What the next incarnation is started from.
    pub(crate) fn origin(&self) -> Arc<dyn Body> {
        match (self.body.command(), self.station()) {
            (Some(body), Some(station)) => Arc::new(CommandBody {
                place: Arc::clone(&body.place),
                command: station.command(),
            }),
            _ => Arc::clone(&self.body),
        }
    }

    pub(crate) fn pulse(&self) -> Option<&Arc<Pulse>> {
        self.extra.as_ref()?.pulse.as_ref()
    }

    /// Makes what only some children have, before their first start.
    pub(crate) fn equip(&mut self, above: &Arc<Station>, id: &str, measured: bool, metered: bool) {
        if let Some(command) = self.body.command()
            && self.station().is_none()
        {
            let station = Station::below(above, id, command.command.clone());
            self.extra.get_or_insert_default().station = Some(station);
        }
        let same = |pulse: &Arc<Pulse>| pulse.is_metered() == metered;
        if measured && !self.pulse().is_some_and(same) {
            let pulse = Arc::new(Pulse::new(above.clock(), metered));
            self.extra.get_or_insert_default().pulse = Some(pulse);
        }
    }
}

impl fmt::Debug for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Slot").finish_non_exhaustive()
    }
}
