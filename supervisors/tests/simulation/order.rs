//! Fixed children come up in order, and are stopped in reverse: one that is stopped while a later
//! one is there was asked for by somebody.

use plantao_supervisors::{Lifecycle, LifecycleEvent};

use crate::answers::Answers;
use crate::census::{Census, Family, Seen, above};

pub(crate) struct Order;

impl Order {
    pub(crate) fn hear(
        &self,
        census: &Census,
        answers: &Answers,
        event: &Lifecycle,
    ) -> Result<(), String> {
        let Some((above, id)) = above(&event.path) else {
            return Ok(());
        };
        let Some(family) = census.families.get(above) else {
            return Ok(());
        };
        if census.is_unclear(above) || answers.change(above) {
            return Ok(());
        }
        let Some(place) = family.order.iter().position(|other| other == id) else {
            return Ok(());
        };
        match event.event {
            LifecycleEvent::Started | LifecycleEvent::Ignored if !family.up => {
                // One that was up before may be restarted: its supervisor is up by then, too,
                // and only not known to be.
                let first = !family.members.contains_key(id);
                let mut later = family.order.iter().skip(place + 1);
                // A request may add one while its supervisor is coming up.
                let planned = |later: &&String| {
                    let member = family.members.get(*later);
                    member.is_some_and(|member| !member.apart)
                };
                match later.find(planned) {
                    Some(later) if first => Err(format!("{} comes up after {later}", event.path)),
                    _ => Ok(()),
                }
            }
            LifecycleEvent::Stopped { .. } => {
                // Started by request while its group was being stopped.
                let apart = |later: &String| {
                    let member = family.members.get(later);
                    member.is_some_and(|member| member.apart)
                };
                let asked = family.members.get(id).is_some_and(|member| member.touched);
                match later(family, place) {
                    Some(later) if !asked && !answers.concern(above, id) && !apart(later) => {
                        Err(format!("{} is stopped before {later}", event.path))
                    }
                    _ => Ok(()),
                }
            }
            _ => Ok(()),
        }
    }
}

/// A child after this place that is there.
pub(crate) fn later(family: &Family, place: usize) -> Option<&String> {
    let mut later = family.order.iter().skip(place + 1);
    later.find(|id| {
        let member = family.members.get(*id);
        member.is_some_and(|member| member.state != Seen::Down)
    })
}
