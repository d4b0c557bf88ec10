//! A viewer's standing: whether it may still look, and what it has been shown.
//!
//! One live view is one access. It is decided when it opens, and decided anew on a short clock and
//! whenever the policy, a consent or a session changes; before the data of a patient reach this
//! viewer, an entry of that patient's trail is durable, once per window and not once per frame.
//!
//! PHI: pseudonyms of the patients shown. Purpose: accountability (LGPD Art. 6 X, 37); legal
//! basis: legal obligation (Art. 7 II); retention: as long as the view is open; access: this
//! process; encryption: none in memory; audit: this is it.

use super::page::Patients;
use super::{CloseReason, LiveCounts};
use crate::audit::{AuditError, AuditLog, OpenEntry};
use crate::clock::WallClock;
use crate::policy::{Permit, Policy, Verdict, ViewGrant};
use futures_util::future::join_all;
use plantao_schema::access::{AccessRequest, Reason};
use plantao_schema::audit::{Entry, Outcome, Phase};
use plantao_schema::id::PatientId;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;

/// How long a disclosure stands for what follows it: a ward round, not a shift.
pub const DISCLOSURE_WINDOW: Duration = Duration::from_mins(15);

/// How long the receipts of one disclosure are waited for.
const RECEIPTS_DEADLINE: Duration = Duration::from_secs(5);

/// Decided anew at least this often, give or take [`JITTER_MS`].
const DECIDE_EVERY_MS: u64 = 30_000;

/// So that a thousand viewers of one minute do not decide in the same millisecond for ever.
const JITTER_MS: u64 = 3_000;

/// Whom viewers ask; one for all of them.
pub(super) struct Offices {
    pub(super) policy: Policy,
    pub(super) audit: AuditLog,
    pub(super) clock: WallClock,
    pub(super) counts: Arc<LiveCounts>,
}

/// What a viewer comes in with.
pub struct Admission {
    /// The permit to open the view.
    pub permit: Permit,
    /// Where the viewer's connection comes from.
    pub peer: IpAddr,
    /// The opened entry of the view, completed when the view ends.
    pub open: OpenEntry,
}

/// Why a viewer does not go on as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Halt {
    /// There is no policy to decide by; there may be one in a moment.
    Undecided,
    /// The view is over.
    Over(CloseReason),
}

/// One viewer's standing.
pub(super) struct Standing {
    offices: Arc<Offices>,
    access: AccessRequest,
    peer: IpAddr,
    number: u64,
    open: Option<OpenEntry>,
    /// Whom this viewer has been shown since `since`: the topic's own set, shared.
    disclosed: Patients,
    since: Instant,
    /// Entries without a receipt yet: sent again under the same keys.
    owed: BTreeMap<PatientId, Entry>,
}

impl Standing {
    /// The standing of viewer `number`.
    pub(super) fn new(
        offices: Arc<Offices>,
        (permit, peer): (&Permit, IpAddr),
        open: Option<OpenEntry>,
        number: u64,
    ) -> Self {
        Self {
            offices,
            access: permit.access().clone(),
            peer,
            number,
            open,
            disclosed: Patients::default(),
            since: Instant::now(),
            owed: BTreeMap::new(),
        }
    }

    /// Moves when a decision may have become another.
    pub(super) fn changes(&self) -> watch::Receiver<u64> {
        self.offices.policy.changes()
    }

    /// When to decide anew at the latest.
    pub(super) fn next(&self) -> Instant {
        // Spread by the viewer's number: no chance in it, so that a run can be repeated.
        let spread = self.number.wrapping_mul(2_654_435_761) % (2 * JITTER_MS + 1);
        let clock_ms = DECIDE_EVERY_MS - JITTER_MS + spread;
        let expires_at = self.access.principal.expires_at.micros();
        let left_us = expires_at.saturating_sub(self.offices.clock.now().micros());
        let left_ms = u64::try_from(left_us / 1_000).unwrap_or(0) + 1;
        Instant::now() + Duration::from_millis(clock_ms.min(left_ms))
    }

    /// Decides the same access anew.
    pub(super) fn judge(&self, grant: &ViewGrant) -> Result<Permit, Halt> {
        let mut access = self.access.clone();
        access.at = self.offices.clock.now();
        let refusal = match self.offices.policy.review(access, self.peer) {
            Verdict::Permit(permit) if self.offices.policy.view(&permit) == *grant => {
                return Ok(permit);
            }
            // The engine may have gone between the two.
            Verdict::Permit(_) if !self.offices.policy.is_up() => return Err(Halt::Undecided),
            Verdict::Permit(_) => return Err(Halt::Over(CloseReason::Resync)),
            Verdict::StepUp(_) => return Err(Halt::Over(CloseReason::StepUp)),
            Verdict::Denial(refusal) => refusal,
        };
        Err(match refusal.decision.reason {
            Reason::PolicyUnavailable => Halt::Undecided,
            Reason::CredentialExpired => Halt::Over(CloseReason::CredentialExpired),
            Reason::SessionRevoked => Halt::Over(CloseReason::SessionRevoked),
            Reason::ConsentRevoked => Halt::Over(CloseReason::ConsentRevoked),
            _ => Halt::Over(CloseReason::Denied),
        })
    }

    /// Decides anew, waiting a moment for a policy that is between two lives.
    pub(super) async fn judge_patiently(&self, grant: &ViewGrant) -> Result<Permit, Halt> {
        if let Ok(permit) = self.judge(grant) {
            return Ok(permit);
        }
        // At most a second each.
        for _ in 0..2 {
            let tenant = &self.access.principal.tenant;
            self.offices.policy.ready(tenant).await;
            match self.judge(grant) {
                Err(Halt::Undecided) => {}
                decided => return decided,
            }
        }
        Err(Halt::Over(CloseReason::PolicyUnavailable))
    }

    /// True when these patients' trails already say that this viewer sees them.
    pub(super) fn covers(&self, patients: &Patients) -> bool {
        let same = Arc::ptr_eq(patients, &self.disclosed);
        patients.is_empty() || same && self.since.elapsed() < DISCLOSURE_WINDOW
    }

    /// Makes it so that [`Standing::covers`]; false when there are no receipts, and then nothing
    /// of these patients may be sent.
    pub(super) async fn disclose(
        &mut self,
        grant: &ViewGrant,
        patients: &Patients,
    ) -> Result<bool, Halt> {
        let again = self.since.elapsed() >= DISCLOSURE_WINDOW;
        let unknown = |one: &&PatientId| again || !self.disclosed.contains(*one);
        let wanted: Vec<&PatientId> = patients.iter().filter(unknown).collect();
        if !wanted.is_empty() {
            let permit = self.judge(grant)?;
            let entries: Result<BTreeMap<PatientId, Entry>, AuditError> = wanted
                .into_iter()
                .map(|patient| {
                    let entry = match self.owed.get(patient) {
                        Some(known) => known.clone(),
                        None => self.entry(&permit, patient)?,
                    };
                    Ok((patient.clone(), entry))
                })
                .collect();
            let Ok(entries) = entries else {
                return Ok(false);
            };
            if !self.recorded(&entries).await {
                self.owed = entries;
                return Ok(false);
            }
            self.owed.clear();
            self.offices.counts.disclosed(entries.len());
        }
        if again || self.disclosed.is_empty() {
            self.since = Instant::now();
        }
        self.disclosed = Arc::clone(patients);
        Ok(true)
    }

    async fn recorded(&self, entries: &BTreeMap<PatientId, Entry>) -> bool {
        let append = |entry: &Entry| self.offices.audit.append(entry.clone());
        let receipts = join_all(entries.values().map(append));
        let receipts = tokio::time::timeout(RECEIPTS_DEADLINE, receipts).await;
        receipts.is_ok_and(|all| all.iter().all(Result::is_ok))
    }

    fn entry(&self, permit: &Permit, patient: &PatientId) -> Result<Entry, AuditError> {
        let (access, decision) = (permit.access(), permit.decision());
        let (phase, outcome) = (Phase::Single, Outcome::Success);
        let audit = &self.offices.audit;
        let entry = audit.decided(access, decision, phase, outcome)?;
        Ok(Entry {
            patient: Some(patient.to_string()),
            ..entry
        })
    }

    /// Completes the view's own entry.
    pub(super) async fn finish(&mut self, outcome: Outcome) {
        if let Some(open) = self.open.take() {
            // Without a receipt the trail's own writer completes it, when it can.
            let _unavailable = self.offices.audit.complete(open, outcome).await;
        }
    }
}
