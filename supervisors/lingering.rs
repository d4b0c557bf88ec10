//! Actors that are over, but not gone: what a supervisor does about a state that is slow to go.

use ractor::ActorId;
use std::collections::HashMap;

use crate::core::GRACE;
use crate::exit::ExitReason;
use crate::life::News;
use crate::slot::Running;
use crate::supervisor::{ActorEnd, Message, State};

/// The reason of an actor that failed and is not gone.
pub(crate) const LINGERS: &str = "its state does not go";

impl State {
    /// Actors that were over a while ago, and whose state or whatever else of them is not: their
    /// tasks do not end.
    pub(crate) fn look_for_lingering(&mut self) {
        let now = self.station.now();
        let late = |end: &ActorEnd| now >= end.at.saturating_add(GRACE);
        let late: HashMap<ActorId, ActorEnd> = self.ends.extract_if(|_, end| late(end)).collect();
        if late.is_empty() {
            return;
        }
        let lives: Vec<_> = self.station.read(|rules| {
            let children = rules.children().into_iter();
            let lives = children.filter_map(|(key, child)| match &child.payload.running {
                Running::Live(cell) => {
                    Some((key, child.life, late.get(&cell.get_id())?.reason.clone()))
                }
                _ => None,
            });
            lives.collect()
        });
        for (key, life, reason) in lives {
            let reason = reason.unwrap_or_else(|| ExitReason::Error(LINGERS.to_owned()));
            let orderly = false;
            // Behind the end of that life, if that waits to be heard.
            self.post
                .send(Message::News(key, life, News::Lingers { reason, orderly }));
        }
    }

    pub(crate) fn arm_for_ends(&mut self) {
        if let Some(first) = self.ends.values().map(|end| end.at).min() {
            self.arm(Some(first.saturating_add(GRACE)));
        }
    }
}
