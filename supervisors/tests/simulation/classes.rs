//! A child is started again only when its class, its group or somebody's request says so, after
//! its end, and is counted right.

use plantao_supervisors::{Lifecycle, LifecycleEvent, Restart, Strategy};

use crate::answers::Answers;
use crate::census::{Census, Last, Plans, Seen, above};
use crate::order::later;
use crate::plan::Body;

pub(crate) struct Classes;

impl Classes {
    pub(crate) fn hear(
        &self,
        census: &Census,
        answers: &Answers,
        plans: &Plans,
        event: &Lifecycle,
    ) -> Result<(), String> {
        let LifecycleEvent::Restarting { attempt } = event.event else {
            return Ok(());
        };
        let path = &event.path;
        let (Some((above, id)), Some(node)) = (above(path), plans.get(path)) else {
            return Err(format!("{path} is restarted, and nobody knows it"));
        };
        let Some(member) = census.member(path) else {
            return Err(format!("{path} is restarted without having been there"));
        };
        if member.state != Seen::Down {
            return Err(format!(
                "{path} is restarted while it is {:?}",
                member.state
            ));
        }
        if census.is_unclear(above) || answers.change(above) {
            return Ok(());
        }
        let touched = member.touched || answers.concern(above, id);
        if attempt != member.attempt + 1 && !(touched && attempt == 1) {
            return Err(format!(
                "{path}: attempt {attempt} after {}",
                member.attempt
            ));
        }
        if node.restart == Restart::Temporary {
            return Err(format!("{path} is temporary and restarted"));
        }
        let called = matches!(
            member.last,
            Last::Exited(true) | Last::StartFailed | Last::Resting
        );
        if alone(plans, above) {
            if !called && !touched {
                return Err(format!("{path} is restarted after {:?}", member.last));
            }
            return Ok(());
        }
        let family = census.families.get(above);
        let place = family.and_then(|family| family.order.iter().position(|other| other == id));
        if let (Some(family), Some(place)) = (family, place)
            && let Some(later) = later(family, place)
            && !family.members.get(later).is_some_and(|member| member.apart)
            && !touched
        {
            return Err(format!(
                "{path} is restarted with its group while {later} is there"
            ));
        }
        Ok(())
    }
}

/// The children of this supervisor are restarted alone.
pub(crate) fn alone(plans: &Plans, path: &str) -> bool {
    match plans.get(path).map(|node| &node.body) {
        Some(Body::Fixed(fixed)) => fixed.strategy == Strategy::OneForOne,
        _ => true,
    }
}
