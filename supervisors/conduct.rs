//! What a supervisor does for its rules: starts, signals, timers, answers and news.

use std::sync::Arc;
use std::time::Duration;

use crate::birth::Birth;
use crate::core::{Action, Event, Key, Life, Rules};
use crate::exit::{ExitReason, SHUTDOWN};
use crate::life::{News, Outcome, StartFailure};
use crate::lifecycle::LifecycleEvent;
use crate::lingering::LINGERS;
use crate::slot::{Running, Slot};
use crate::snapshot::NodeKind;
use crate::supervisor::{Message, State};

impl State {
    pub(crate) fn carry_out(&mut self, action: Action) {
        match action {
            Action::Start(key, life) => self.start(key, life),
            Action::Ask(key) => self.signal(key, Signal::Ask),
            Action::Kill(key) => self.signal(key, Signal::Kill),
            Action::Retry(key, life) => self.tell_myself(Event::Retry(key, life)),
            Action::Probe(key, life) => self.probe(key, life),
            Action::Ready => self.token.report().send(News::Up),
            Action::Answer(ticket, answer) => {
                if let Some(command) = self.changes.remove(&ticket)
                    && answer.is_ok()
                {
                    self.station.remember(command);
                }
                if let Some(reply) = self.replies.remove(&ticket) {
                    // The caller stopped waiting; what was done stays, as after a lost answer.
                    let _ = reply.send(answer);
                }
            }
            Action::Note(whom, event) => self.publish(whom, event),
            Action::Exit(reason) => self.exit(reason),
        }
    }

    fn probe(&self, key: Key, life: Life) {
        let (leaving, since) = self.station.read(|rules| match rules.child(key) {
            Some(child) => (
                child.leaving,
                child.payload.pulse().and_then(|pulse| pulse.busy_since()),
            ),
            None => (false, None),
        });
        if leaving {
            let reason = ExitReason::Error(LINGERS.to_owned());
            let orderly = false;
            self.post
                .send(Message::News(key, life, News::Lingers { reason, orderly }));
        } else {
            self.tell_myself(Event::Probed(key, life, since));
        }
    }

    fn tell_myself(&self, event: Event) {
        // It fails only when this supervisor is leaving.
        self.post.send(Message::Event(event));
    }

    fn start(&self, key: Key, life: Life) {
        let made = self
            .station
            .write(|rules| Birth::prepare(rules, &self.post, &self.token, (key, life)));
        // Started with nothing held: an actor may look at its supervisor.
        let Some((body, birth)) = made else {
            return;
        };
        body.launch(birth).seat(&self.station, (key, life));
    }

    fn signal(&self, key: Key, signal: Signal) {
        self.station.read(|rules| {
            if let Some(child) = rules.child(key) {
                signal.send(&child.payload);
            }
        });
    }

    fn publish(&mut self, whom: Option<(Arc<str>, bool)>, event: LifecycleEvent) {
        let path = Arc::clone(self.station.path());
        let Some((id, supervisor)) = whom else {
            let (kind, bulletin) = (self.station.command().kind(), self.station.bulletin());
            return bulletin.publish(|| path.to_string(), kind, event);
        };
        if event == LifecycleEvent::Quarantined {
            self.station.read(|rules| {
                if let Some((_, child)) = rules.find(&id) {
                    child.payload.vacate();
                }
            });
        }
        let child = || format!("{path}/{id}");
        let detail = match &event {
            LifecycleEvent::StartFailed {
                reason: ExitReason::StartFailed(detail),
            } => Some(detail.clone()),
            LifecycleEvent::Quarantined => Some("its task does not end".to_owned()),
            _ => None,
        };
        if let Some(detail) = detail {
            let own = || StartFailure {
                path: child(),
                detail,
            };
            self.failure = Some(self.below.take().unwrap_or_else(own));
        }
        let kind = if supervisor {
            self.kind_of(&id)
        } else {
            NodeKind::Worker
        };
        let _press = self.station.press();
        self.station.publish(&id, kind, event);
    }

    fn kind_of(&self, id: &str) -> NodeKind {
        let command = |rules: &Rules<Slot>| {
            let (_, child) = rules.find(id)?;
            Some(child.payload.body.command()?.command.kind())
        };
        self.station.read(command).unwrap_or(NodeKind::Supervisor)
    }

    fn exit(&mut self, reason: ExitReason) {
        self.left = true;
        let lingers = self.station.read(|rules| rules.len_stuck() > 0);
        let outcome = match (&reason, self.failure.take()) {
            (ExitReason::StartFailed(_), Some(failure)) => Outcome::Failed(failure),
            _ => Outcome::Reason(reason.clone()),
        };
        self.token.conclude(outcome);
        if lingers {
            let orderly = true;
            self.token.report().send(News::Lingers { reason, orderly });
        }
        self.post.mailbox.stop(Some(SHUTDOWN.to_owned()));
    }

    /// Sees that a tick comes when the next deadline is due. One that comes early does no harm.
    pub(crate) fn arm(&mut self, deadline: Option<Duration>) {
        let Some(deadline) = deadline else {
            return;
        };
        if let Some((at, timer)) = self.timer() {
            if *at <= deadline {
                return;
            }
            timer.abort();
        }
        // Beyond what a clock can show, it never comes.
        let Some(at) = self.station.clock().checked_add(deadline) else {
            return;
        };
        let post = Arc::clone(&self.post);
        let timer = tokio::spawn(async move {
            tokio::time::sleep_until(at).await;
            post.send(Message::Event(Event::Tick));
        });
        self.set_timer(Some((deadline, timer.abort_handle())));
    }
}

#[derive(Clone, Copy)]
pub(crate) enum Signal {
    Ask,
    Kill,
}

impl Signal {
    pub(crate) fn send(self, slot: &Slot) {
        if let (Some(station), Running::Live(_)) = (slot.station(), &slot.running) {
            // A supervisor leaves by its own rules, after its children, giving this reason.
            station.send(Message::Event(Event::Stop(match self {
                Self::Ask => ExitReason::Shutdown,
                Self::Kill => ExitReason::Killed,
            })));
            return;
        }
        match (&slot.running, self) {
            (Running::Nothing, _) => {}
            (Running::Launching(launch), signal) => {
                if matches!(signal, Self::Ask) {
                    slot.body.asked();
                }
                launch.abort();
            }
            (Running::Live(actor), Self::Ask) => actor.stop(Some(SHUTDOWN.to_owned())),
            (Running::Live(actor), Self::Kill) => actor.kill(),
        }
    }
}
