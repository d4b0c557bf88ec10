//! A history as a person reads it: a line for each event.

use super::{Event, History, What};
use std::fmt;

impl fmt::Display for History {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.events()
            .iter()
            .try_for_each(|event| writeln!(f, "{event}"))
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = self.at.as_micros();
        write!(f, "{:>8}.{:03} ms  {}", at / 1_000, at % 1_000, self.what)
    }
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lifecycle(told) => {
                write!(f, "{} {}", told.path, told.change)?;
                told.reason
                    .map_or(Ok(()), |reason| write!(f, " ({reason})"))
            }
            Self::LifeBegan { path, life } => write!(f, "{path} life {life} begins"),
            Self::LifeEnded { path, life } => write!(f, "{path} life {life} is over"),
            Self::SupervisorEnded { path } => write!(f, "{path} is over with all below it"),
            Self::FaultInjected { kind, detail, .. } if detail.is_empty() => {
                write!(f, "FAULT {kind}")
            }
            Self::FaultInjected { detail, .. } => write!(f, "FAULT {detail}"),
            Self::Pushed { request, patients } => {
                write!(f, "request {request} is pushed {}", patients.join(", "))
            }
            Self::FaultsOver => f.write_str("nothing is broken any more"),
            Self::CallBegan {
                call,
                actor,
                deadline_ms,
            } => write!(f, "call {call} to {actor} within {deadline_ms} ms"),
            Self::CallEnded { call, outcome } => write!(f, "call {call} {outcome}"),
            Self::Depth(look) => {
                let (actor, depth, limit) = (&look.actor, look.depth, look.limit);
                write!(f, "{actor} has {depth} of {limit} in flight")
            }
            Self::NodeCrashed => f.write_str("the node is down"),
            Self::NodeStarted => f.write_str("the node starts"),
            Self::Served { ok } => write!(f, "serves: {ok}"),
            other => other.of_data(f),
        }
    }
}

impl What {
    /// What is about requests, permits, entries and records.
    fn of_data(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let of = |patient: &Option<String>| patient.clone().unwrap_or_else(|| "-".to_owned());
        match self {
            Self::RequestBegan(one) => write!(
                f,
                "request {} by {}: {} {} of {}",
                one.request,
                one.principal,
                one.action,
                one.resource,
                of(&one.patient)
            ),
            Self::RequestEnded(one) => {
                write!(f, "request {} {}", one.request, one.status)?;
                if let Some(entry) = one.receipt {
                    write!(f, ", entry {entry}")?;
                }
                one.permit
                    .map_or(Ok(()), |permit| write!(f, ", permit {permit}"))
            }
            Self::PermitGiven(one) => {
                let glass = if one.break_glass { ", break glass" } else { "" };
                let patient = of(&one.patient);
                write!(f, "permit {} for {patient}{glass}", one.permit)
            }
            Self::PermitUsed { permit } => write!(f, "permit {permit} is handed in"),
            Self::Revoked(scope) => write!(f, "consent of {} is withdrawn", of(&scope.patient)),
            Self::Granted(scope) => write!(f, "consent of {} may be given", of(&scope.patient)),
            Self::EntryAcknowledged { entry, chain, seq } => {
                write!(f, "entry {entry} is kept as {chain} {seq}")
            }
            Self::EntrySpooled { entry } => write!(f, "entry {entry} is spooled for the trail"),
            Self::EntryOpened { entry } => write!(f, "entry {entry} opens a change"),
            Self::EntryCompleted { entry, outcome } => {
                write!(f, "the change of entry {entry} ends: {}", outcome.as_str())
            }
            Self::WriteAcknowledged { resource, version } => {
                write!(f, "{resource} is written, version {version} or later")
            }
            Self::FinalTrail { entries } => write!(f, "the trail has {} entries", entries.len()),
            Self::FinalRecord {
                resource, version, ..
            } => write!(f, "{resource} is there as {version:?}"),
            // The others are told above.
            _ => Ok(()),
        }
    }
}
