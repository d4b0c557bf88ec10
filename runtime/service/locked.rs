//! Accounts that too many wrong tries have locked, each an entry of the trail under its name.
//!
//! Log-in monitoring (45 CFR 164.308(a)(5)(ii)(C)). At most one entry per account and lock, so that
//! guessing fills no trail; single wrong tries are in the summaries of refusals.

use crate::tree::Parts;
use plantao_actors::audit::{AuditError, AuditLog};
use plantao_actors::clock::WallClock;
use plantao_actors::login::{AccountLocked, LogIns};
use plantao_schema::audit::{Entry, Outcome, Phase, Severity};
use std::time::Duration;

/// Before an entry is offered again that the trail could not take.
const AGAIN: Duration = Duration::from_secs(1);

/// From the desk where people log in to the trail.
pub(super) struct Trail {
    log_ins: LogIns,
    audit: AuditLog,
    clock: WallClock,
}

impl Trail {
    pub(super) fn of(parts: &Parts, clock: WallClock) -> Self {
        let (log_ins, audit) = (parts.log_ins.clone(), parts.audit.clone());
        Self {
            log_ins,
            audit,
            clock,
        }
    }

    /// Writes each lock down, for as long as the process lives.
    pub(super) async fn write(self) {
        loop {
            let locked = self.log_ins.locked().await;
            let entry = loop {
                match self.entry(&locked) {
                    Ok(entry) => break entry,
                    Err(_) => tokio::time::sleep(AGAIN).await,
                }
            };
            while let Err(error) = self.audit.append(entry.clone()).await {
                if !error.is_unavailable() {
                    tracing::error!(%error, "a locked account is not in the trail");
                    break;
                }
                tokio::time::sleep(AGAIN).await;
            }
        }
    }

    fn entry(&self, locked: &AccountLocked) -> Result<Entry, AuditError> {
        Ok(Entry {
            id: self.audit.entry_key()?,
            at: self.clock.now(),
            phase: Phase::Single,
            opens: None,
            severity: Severity::Warning,
            tenant: locked.tenant.clone(),
            principal: locked.principal.to_string(),
            role: "none".to_owned(),
            action: "write".to_owned(),
            resource_kind: "session".to_owned(),
            resource_id: None,
            patient: None,
            purpose: "operations".to_owned(),
            verdict: "deny".to_owned(),
            score: 0,
            explanation: "account_locked: too many wrong tries to log in".to_owned(),
            request_id: "log-in".to_owned(),
            outcome: Outcome::Refused,
            plugin: None,
            commitment: None,
        })
    }
}
