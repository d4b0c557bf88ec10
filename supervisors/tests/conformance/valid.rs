//! Making what was drawn valid: what both sides refuse is repaired, and so is what would hang on a
//! few milliseconds.

use crate::model::*;

/// Ids of children that are in a specification.
pub(crate) const IDS: [&str; 6] = ["a", "b", "c", "d", "e", "f"];

/// How a draft is repaired.
#[derive(Clone, Copy)]
pub(crate) struct Repair {
    /// Windows close between two steps.
    pub(crate) short: bool,
}

impl Repair {
    /// Made valid, with ids by place.
    pub(crate) fn supervisor(self, drawn: Supervisor) -> Supervisor {
        let auto = drawn.auto_shutdown;
        let named = drawn.children.into_iter().zip(IDS);
        let children = named
            .map(|(child, id)| self.named_child(id, child, auto))
            .collect();
        Supervisor {
            limit: self.limit(drawn.limit),
            children,
            ..drawn
        }
    }

    /// A child of a supervisor that shuts down as `auto` says.
    pub(crate) fn named_child(self, id: &str, drawn: Child, auto: AutoShutdown) -> Child {
        let body = match drawn.body {
            Body::Supervisor(supervisor) => Body::Supervisor(self.supervisor(supervisor)),
            Body::Dynamic(dynamic) => Body::Dynamic(self.dynamic(dynamic)),
            worker @ Body::Worker(..) => worker,
        };
        let allowed = auto != AutoShutdown::Never && drawn.restart != Restart::Permanent;
        Child {
            id: id.to_owned(),
            significant: drawn.significant && allowed,
            shutdown: self.patience(drawn.shutdown, &body),
            body,
            ..drawn
        }
    }

    fn dynamic(self, drawn: Dynamic) -> Dynamic {
        let mut template = self.named_child("any", *drawn.template, drawn.auto_shutdown);
        // A plan belongs to a path, and a template has none.
        unplan(&mut template.body);
        Dynamic {
            limit: self.limit(drawn.limit),
            template: Box::new(template),
            ..drawn
        }
    }

    fn limit(self, drawn: Limit) -> Limit {
        let period_s = if self.short {
            SHORT_PERIOD_S
        } else {
            drawn.period_s
        };
        Limit { period_s, ..drawn }
    }

    /// Keeps times apart: a child that hangs is given a time that ends, and supervisors one that
    /// their children's times do not come near.
    fn patience(self, drawn: Shutdown, body: &Body) -> Shutdown {
        match (body, drawn) {
            (Body::Worker(Manner::Hang, _), Shutdown::BrutalKill) => drawn,
            (Body::Worker(Manner::Hang, _), Shutdown::Timeout { .. }) if !self.short => drawn,
            (Body::Worker(Manner::Hang, _), _) => Shutdown::Timeout { ms: SHORT_MS },
            (Body::Worker(..), Shutdown::Timeout { .. }) => Shutdown::Timeout { ms: LONG_MS },
            (Body::Worker(..), _) => drawn,
            (body, Shutdown::Timeout { .. }) if !is_flat(body) => Shutdown::Infinity,
            (_, Shutdown::Timeout { .. }) => Shutdown::Timeout {
                ms: SUPERVISOR_SHORT_MS,
            },
            (_, drawn) => drawn,
        }
    }

    /// The same for a child that comes later to the supervisor at `path`, whose own time may be
    /// short.
    pub(crate) fn late_patience(self, path: &str, drawn: Shutdown, body: &Body) -> Shutdown {
        match body {
            Body::Supervisor(_) | Body::Dynamic(_) if path != ROOT => Shutdown::Infinity,
            body => self.patience(drawn, body),
        }
    }
}

/// Only workers below: of two times of supervisors, one in the other, which is over first would
/// hang on a few milliseconds.
fn is_flat(body: &Body) -> bool {
    let is_worker = |child: &Child| matches!(child.body, Body::Worker(..));
    match body {
        Body::Worker(..) => true,
        Body::Supervisor(supervisor) => supervisor.children.iter().all(is_worker),
        Body::Dynamic(dynamic) => is_worker(&dynamic.template),
    }
}

fn unplan(body: &mut Body) {
    match body {
        Body::Worker(_, plan) => plan.clear(),
        Body::Supervisor(supervisor) => {
            for child in &mut supervisor.children {
                unplan(&mut child.body);
            }
        }
        Body::Dynamic(_) => {}
    }
}
