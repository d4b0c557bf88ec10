//! Where a supervisor is met, and what it supervises: the same across its incarnations and those
//! of whoever is above it.

use ractor::ActorId;
use std::sync::{Arc, Mutex};
use tokio::sync::oneshot;

use crate::birth::{Birth, Body, Launch, start_supervisor};
use crate::core::{Answer, Child, Intensity, Rules};
use crate::error::SupervisorError;
use crate::slot::Slot;
use crate::snapshot::NodeKind;
use crate::spec::{DynamicSpec, SupervisorSpec};
use crate::station::Station;
use crate::supervisor::Message;
use crate::sync::lock;

/// Finds the cell of the incarnation that lives.
#[derive(Default)]
pub(crate) struct SupervisorPlace {
    station: Mutex<Option<Arc<Station>>>,
    /// One specification is applied at a time.
    pub(crate) turn: tokio::sync::Mutex<()>,
}

pub(crate) type Reply = oneshot::Sender<Result<Answer, SupervisorError>>;

impl SupervisorPlace {
    pub(crate) fn take(&self, station: Arc<Station>) {
        *lock(&self.station) = Some(station);
    }

    pub(crate) fn station(&self) -> Result<Arc<Station>, SupervisorError> {
        lock(&self.station)
            .clone()
            .ok_or(SupervisorError::Unavailable)
    }

    /// Replaces what is supervised, here and at every start from now on.
    pub(crate) async fn change(&self, command: Command) -> Result<(), SupervisorError> {
        let command = Box::new(command);
        let asked = self.ask(|reply| Message::Change(command, reply));
        asked.await.map(|_| ())
    }

    /// Reads the children, if the supervisor is up.
    pub(crate) fn read<T>(
        &self,
        view: impl FnOnce(&Rules<Slot>) -> T,
    ) -> Result<T, SupervisorError> {
        let station = self.station()?;
        if !station.is_attended() {
            return Err(SupervisorError::Unavailable);
        }
        Ok(station.read(view))
    }

    /// Reads one child.
    pub(crate) fn read_child<T>(
        &self,
        id: &str,
        view: impl FnOnce(&Child<Slot>) -> T,
    ) -> Result<T, SupervisorError> {
        self.read(|rules| rules.find(id).map(|(_, child)| view(child)))?
            .ok_or_else(|| SupervisorError::NotFound { id: id.to_owned() })
    }

    /// Asks the supervisor and waits for its answer.
    pub(crate) async fn ask(
        &self,
        make: impl FnOnce(Reply) -> Message,
    ) -> Result<Answer, SupervisorError> {
        let (reply, answer) = oneshot::channel();
        if !self.station()?.send(make(reply)) {
            return Err(SupervisorError::Unavailable);
        }
        answer.await.unwrap_or(Err(SupervisorError::Unavailable))
    }
}

/// What a supervisor supervises.
#[derive(Debug, Clone)]
pub(crate) enum Command {
    Fixed(Arc<SupervisorSpec>),
    Dynamic(DynamicSpec),
}

impl Command {
    pub(crate) fn budget(&self) -> Option<Intensity> {
        match self {
            Self::Fixed(spec) => spec.budget,
            Self::Dynamic(_) => None,
        }
    }

    pub(crate) fn kind(&self) -> NodeKind {
        match self {
            Self::Fixed(_) => NodeKind::Supervisor,
            Self::Dynamic(_) => NodeKind::Dynamic,
        }
    }

    /// The same with `new` for what the supervisor further down at `ids` supervises; `None` when
    /// there is none like it.
    pub(crate) fn with(&self, ids: &[&str], new: &Self) -> Option<Self> {
        let (Self::Fixed(spec), [id, deeper @ ..]) = (self, ids) else {
            return None;
        };
        let at = spec.children.iter().position(|child| *child.id == **id)?;
        let body = spec.children.get(at)?.body.command()?;
        let command = match deeper {
            [] if body.command.kind() == new.kind() => new.clone(),
            [] => return None,
            deeper => body.command.with(deeper, new)?,
        };
        let place = Arc::clone(&body.place);
        let mut spec = (**spec).clone();
        spec.children.get_mut(at)?.body = Arc::new(CommandBody { place, command });
        Some(Self::Fixed(Arc::new(spec)))
    }
}

/// A supervisor as a child.
pub(crate) struct CommandBody {
    pub(crate) place: Arc<SupervisorPlace>,
    pub(crate) command: Command,
}

impl Body for CommandBody {
    fn launch(self: Arc<Self>, birth: Birth) -> Launch {
        let Birth {
            token,
            post,
            station,
            ..
        } = birth;
        let start = async move {
            // Its supervisor makes the cell before the start.
            if let Some(station) = station {
                self.place.take(Arc::clone(&station));
                start_supervisor(station, token, Some(post.mailbox.get_cell())).await;
            }
        };
        Launch::Task(tokio::spawn(start).abort_handle())
    }

    fn vacate(&self, _: Option<ActorId>) {
        if let Some(station) = &*lock(&self.place.station) {
            station.leave();
        }
    }

    fn spent(&self) -> Arc<dyn Body> {
        Arc::new(Self {
            place: Arc::clone(&self.place),
            command: self.command.clone(),
        })
    }

    fn command(&self) -> Option<&CommandBody> {
        Some(self)
    }
}
