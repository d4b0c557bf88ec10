//! A child that failed is started again by its own task, on that task's way out.
//!
//! Most restarts are simple: the child alone comes back, at once. Its supervisor decides nothing
//! then that its rules, which are in a shared cell, do not say to anybody; so it is not woken, and
//! the start costs no further task. A start that waits goes on in a task as any other does, and
//! whatever is not simple is left to the supervisor.

use std::sync::Arc;
use tokio::runtime;

use crate::birth::{Birth, Body};
use crate::core::{Action, GRACE, Key, Life, Revival};
use crate::exit::ExitReason;
use crate::life::Token;
use crate::post::Post;
use crate::slot::Running;
use crate::snapshot::NodeKind;
use crate::supervisor::Message;

/// Gives the reason back when the end of this life is still to be told.
pub(crate) fn revive(
    post: &Arc<Post>,
    above: &Arc<Token>,
    ended: (Key, Life),
    reason: ExitReason,
) -> Result<(), ExitReason> {
    // What was told before is acted upon before.
    if !post.is_empty() || runtime::Handle::try_current().is_err() {
        return Err(reason);
    }
    let station = &post.station;
    let Some(press) = station.try_press() else {
        return Err(reason);
    };
    let Some((life, (body, birth), notes)) = begin(post, above, ended, reason, press.is_some())?
    else {
        return Ok(());
    };
    for note in notes {
        if let Action::Note(Some((id, _)), event) = note {
            station.publish(&id, NodeKind::Worker, event);
        }
    }
    drop(press);
    body.launch(birth).seat(station, (ended.0, life));
    Ok(())
}

/// A life failed, and its task is about to be over. Its supervisor need not be woken for that:
/// ractor is kept from telling it. False when it has to be told.
pub(crate) fn leave(post: &Post, key: Key, life: Life) -> bool {
    let station = &post.station;
    let noted = station.try_write(|rules| {
        let Running::Live(cell) = &rules.child(key)?.payload.running else {
            return None;
        };
        let cell = cell.clone();
        let now = station.now();
        rules.leave_alone(now, key, life).then_some((cell, now))
    });
    let Some((cell, now)) = noted.flatten() else {
        return false;
    };
    cell.unlink(post.mailbox.get_cell());
    if !post.looks_by(now.saturating_add(GRACE)) {
        post.send(Message::LookAtDeadlines);
        // What a task wakes last is run next, and by the same thread, which the actor's state may
        // be about to block.
        drop(tokio::spawn(async {}));
    }
    true
}

/// What is to be started, and what is to be told.
type Begun = (Life, (Arc<dyn Body>, Birth), Vec<Action>);

/// `None` when the supervisor has to do something else after all.
fn begin(
    post: &Arc<Post>,
    above: &Arc<Token>,
    ended: (Key, Life),
    reason: ExitReason,
    watched: bool,
) -> Result<Option<Begun>, ExitReason> {
    let station = &post.station;
    let mut reason = Some(reason);
    let decided = station.try_write(|rules| {
        let now = station.now();
        let reason = reason.take_if(|reason| rules.revives_alone(now, ended, reason))?;
        rules.set_watched(watched);
        let child = rules.child_mut(ended.0)?;
        child.payload.vacate();
        let before = std::mem::take(&mut child.payload.running);
        let begun = rules
            .revive_alone(now, ended, reason)
            .and_then(|Revival { life, notes }| {
                let prepared = Birth::prepare(rules, post, above, (ended.0, life))?;
                Some((life, prepared, notes))
            });
        let deadline = rules.next_deadline();
        Some((begun, before, rules.set_watched(watched), deadline))
    });
    let Some((begun, before, unwatched, deadline)) = decided.flatten() else {
        return Err(reason.unwrap_or(ExitReason::Cancelled));
    };
    drop(before);
    if unwatched > 0 {
        station.bulletin().skip(unwatched);
    }
    if begun.is_none() || deadline.is_some_and(|deadline| !post.looks_by(deadline)) {
        post.send(Message::LookAtDeadlines);
    }
    Ok(begun.map(|(life, (body, mut birth), notes)| {
        birth.inline = true;
        (life, (body, birth), notes)
    }))
}
