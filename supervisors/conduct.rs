//! What a supervisor does for its rules: starts, signals, timers, answers and news; and what its
//! own abrupt end does to its children.

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
use crate::station::Station;
use crate::supervisor::{Message, State};

impl State {
    pub(crate) fn carry_out(&mut self, action: Action) {
        match action {
            Action::Start(key, life) => self.start(key, life),
            Action::Ask(key) => self.signal(key, Signal::Ask),
            Action::Kill(key) => self.signal(key, Signal::Kill),
            Action::Retry(key, life) => self.tell_myself(Event::Retry(key, life)),
            Action::Probe(key, life) => self.probe(key, life),
            Action::Late(key, life) => self.report_late(key, life),
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
        let since = self
            .station
            .read(|rules| rules.child(key)?.payload.pulse()?.busy_since());
        self.tell_myself(Event::Probed(key, life, since));
    }

    fn report_late(&self, key: Key, life: Life) {
        let news = News::Lingers {
            reason: ExitReason::Error(LINGERS.to_owned()),
            orderly: false,
        };
        self.post.send(Message::News(key, life, news));
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
        self.station.write(|rules| {
            if let Some(child) = rules.child_mut(key) {
                signal.send(&mut child.payload);
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
    pub(crate) fn send(self, slot: &mut Slot) {
        if let (Some(station), Running::Live(_)) = (slot.station(), &slot.running) {
            // A supervisor leaves by its own rules, after its children, giving this reason.
            station.send(Message::Event(Event::Stop(match self {
                Self::Ask => ExitReason::Shutdown,
                Self::Kill => ExitReason::Killed,
            })));
            return;
        }
        match (&slot.running, self) {
            (Running::Nothing, Self::Kill) => slot.running = Running::Doomed,
            (Running::Nothing | Running::Doomed, _) => {}
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

/// An abrupt end takes the children along; an orderly one leaves those that do not end.
impl Drop for State {
    fn drop(&mut self) {
        if let Some((_, timer)) = self.timer() {
            timer.abort();
        }
        let mut alive = false;
        self.station.leave();
        // At once, so that none is started meanwhile.
        self.station.write(|rules| {
            for key in rules.keys() {
                if let Some(child) = rules.child_mut(key) {
                    alive |= child.has_task();
                    Signal::Kill.send(&mut child.payload);
                }
            }
            rules.abandon();
        });
        if alive && !self.left {
            let reason = match self.token.outcome() {
                Some(Outcome::Reason(reason)) => reason.clone(),
                _ => ExitReason::Killed,
            };
            let orderly = false;
            self.token.report().send(News::Lingers { reason, orderly });
        }
    }
}

/// Used by the tree for its root, which nobody supervises.
pub(crate) fn stop(station: &Station, reason: ExitReason) -> bool {
    station.send(Message::Event(Event::Stop(reason)))
}
