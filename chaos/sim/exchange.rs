//! One request of the day, from its sending to its answer, as its history tells it.
//!
//! It is written down when it is over, and when it is cut off with its node, for what it asked may
//! have happened.

use super::client::{Answered, told};
use super::recorder::Recorder;
use super::workload::{Step, What as Asked};
use crate::history::{RequestEnd, Scope, Status, What};
use crate::twin::Disk;
use plantao_schema::access::Purpose;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use uuid::Uuid;

/// How many writes of each resource were acknowledged. Clones share it.
#[derive(Clone, Default)]
pub(super) struct Acknowledged(Arc<Mutex<BTreeMap<String, u64>>>);

impl Acknowledged {
    /// One more; the version that the resource has at least.
    fn add(&self, resource: &str) -> u64 {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(resource.to_owned()).or_default();
        *count += 1;
        *count
    }

    /// The resources that were written.
    pub(super) fn resources(&self) -> Vec<String> {
        let counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        counts.keys().cloned().collect()
    }
}

/// See the module.
pub(super) struct Exchange<'a> {
    pub(super) recorder: &'a Recorder,
    pub(super) disk: &'a Disk,
    pub(super) written: &'a Acknowledged,
    pub(super) step: &'a Step,
    pub(super) number: u64,
    pub(super) asked_at: Duration,
    pub(super) answered: Answered,
}

impl Drop for Exchange<'_> {
    fn drop(&mut self) {
        let answer = match &self.answered {
            // Never answered: the history shows that by saying nothing.
            Answered::Nothing => return,
            Answered::Whole(status, receipt, _) => Some((*status, receipt.as_deref())),
            Answered::NoDoor | Answered::Broken => None,
        };
        let receipt = answer.and_then(|(_, receipt)| Uuid::parse_str(receipt?).ok());
        let status = match (&self.answered, answer) {
            (_, Some((status, _))) => told(status),
            (Answered::NoDoor, None) => Status::Unavailable,
            (_, None) => Status::Lost,
        };
        let request_id = receipt.and_then(|key| self.disk.inspect(|rows| rows.request_of(&key)));
        let recorder = self.recorder;
        let is_done = status == Status::Answered;
        recorder.record(What::RequestEnded(RequestEnd {
            request: self.number,
            status,
            data_out: is_done,
            receipt: receipt.map(|key| recorder.entry(key)),
            permit: request_id.and_then(|id| recorder.permit_of(&id)),
        }));
        match &self.step.what {
            Asked::Write { resource, .. } if is_done => {
                recorder.record(What::WriteAcknowledged {
                    resource: resource.clone(),
                    version: self.written.add(resource),
                });
            }
            Asked::Say { patient, granted } => self.said(*patient, *granted, is_done),
            _ => {}
        }
    }
}

impl Exchange<'_> {
    /// A withdrawal counts once it is acknowledged; a consent may have been given once it was
    /// asked for.
    fn said(&self, patient: u32, granted: bool, is_done: bool) {
        let scope = Scope {
            patient: Some(format!("p{patient}")),
            session: None,
            purpose: Some(Purpose::Treatment.as_str().to_owned()),
            asked_at: self.asked_at,
        };
        match (granted, is_done) {
            (true, _) => self.recorder.record(What::Granted(scope)),
            (false, true) => self.recorder.record(What::Revoked(scope)),
            (false, false) => {}
        }
    }
}
