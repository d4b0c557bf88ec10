//! A child that failed is started again by its own task, on that task's way out.
//!
//! Most restarts are simple: the child alone comes back, at once. Its supervisor decides nothing
//! then that its rules, which are in a shared cell, do not say to anybody; so it is not woken, and
//! the start costs no further task. A start that waits goes on in a task as any other does, and
//! whatever is not simple is left to the supervisor.

use std::sync::Arc;
use tokio::runtime;

use crate::birth::{Birth, Body, Launch, Started};
use crate::core::{Action, Key, Life, Revival};
use crate::exit::ExitReason;
use crate::life::{News, Token};
use crate::post::Post;
use crate::slot::Running;
use crate::snapshot::NodeKind;
use crate::station::drop_quietly;
use crate::supervisor::Message;

/// False when the end of this life is still to be told.
pub(crate) fn revive(
    post: &Arc<Post>,
    above: &Arc<Token>,
    ended: (Key, Life),
    reason: &ExitReason,
) -> bool {
    // What was told before is acted upon before.
    if !post.is_empty() || runtime::Handle::try_current().is_err() {
        return false;
    }
    let station = &post.station;
    let press = station.press();
    let Some((life, (body, birth), notes)) = begin(post, above, ended, reason) else {
        return false;
    };
    for note in notes {
        if let Action::Note(Some((id, _)), event) = note {
            station.publish(&id, NodeKind::Worker, event);
        }
    }
    drop(press);
    match body.launch(birth) {
        Launch::Over(Some(Started { cell, up }), token) => {
            if let Some(cell) = station.seat_quietly(token.report(), cell, up) {
                token.report().send(News::Spawned { cell, up });
            }
        }
        // The token tells.
        Launch::Over(None, _) => {}
        Launch::Task(launch) => station.seat_launch((ended.0, life), launch),
    }
    true
}

/// What is to be started, and what is to be told.
type Begun = (Life, (Arc<dyn Body>, Birth), Vec<Action>);

fn begin(
    post: &Arc<Post>,
    above: &Arc<Token>,
    (key, life): (Key, Life),
    reason: &ExitReason,
) -> Option<Begun> {
    let station = &post.station;
    let watched = station.bulletin().is_watched();
    // Whoever holds it now may be this very thread.
    let (begun, unwatched, gone, deadline) = station.try_write(|rules| {
        rules.set_watched(watched);
        let now = station.now();
        let Revival { life, notes } = rules.revive_alone(now, (key, life), reason)?;
        let child = rules.child_mut(key)?;
        child.payload.vacate();
        child.payload.running = Running::Nothing;
        let (body, mut birth) = Birth::prepare(rules, post, above, (key, life))?;
        birth.inline = true;
        let deadline = rules.child(key)?.deadline();
        let unwatched = rules.set_watched(watched);
        let begun = (life, (body, birth), notes);
        Some((begun, unwatched, rules.take_gone(), deadline))
    })??;
    gone.into_iter().for_each(drop_quietly);
    if unwatched > 0 {
        station.bulletin().skip(unwatched);
    }
    if deadline.is_some_and(|deadline| !post.looks_by(deadline)) {
        post.send(Message::LookAtDeadlines);
    }
    Some(begun)
}
