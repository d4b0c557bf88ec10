//! Refusals of requests that nobody in particular made, audited as rate-limited summaries.
//!
//! A stranger must not be able to fill the trail, and must not go unseen either: the first refusal
//! of a window is written at once, the rest of the window as one count.

use plantao_actors::audit::{AuditError, AuditLog, AuditReceipt};
use plantao_actors::clock::WallClock;
use plantao_schema::audit::{Entry, Outcome, Phase, Severity};
use plantao_schema::id::Tenant;
use plantao_schema::problem::ProblemCode;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::time::{Duration, Instant};

/// One summary per window.
const WINDOW: Duration = Duration::from_secs(10);

/// Counts refusals and writes their summaries. Clones share the counts.
#[derive(Clone)]
pub struct Refusals(Arc<Inner>);

struct Inner {
    audit: AuditLog,
    clock: WallClock,
    tenant: Tenant,
    window: Mutex<Window>,
}

#[derive(Default)]
struct Window {
    counts: BTreeMap<&'static str, u64>,
    flushed: Option<Instant>,
    scheduled: bool,
}

impl Refusals {
    /// Summaries go to the trail of `tenant`: the institution that runs the door.
    #[must_use]
    pub fn new(audit: AuditLog, clock: WallClock, tenant: Tenant) -> Self {
        Self(Arc::new(Inner {
            audit,
            clock,
            tenant,
            window: Mutex::default(),
        }))
    }

    /// Counts one refusal.
    pub(super) fn count(&self, code: ProblemCode) {
        let now = Instant::now();
        let wait = {
            let mut window = self.0.window.lock().unwrap_or_else(PoisonError::into_inner);
            *window.counts.entry(code.slug()).or_default() += 1;
            if window.scheduled {
                return;
            }
            window.scheduled = true;
            let elapsed = window.flushed.map(|at| now.saturating_duration_since(at));
            elapsed.map_or(Duration::ZERO, |elapsed| WINDOW.saturating_sub(elapsed))
        };
        let refusals = self.clone();
        tokio::spawn(async move {
            tokio::time::sleep(wait).await;
            refusals.flush().await;
        });
    }

    /// Writes what is counted: at the end of a window, and before the door is gone.
    pub(super) async fn flush(&self) {
        let counts = {
            let mut window = self.0.window.lock().unwrap_or_else(PoisonError::into_inner);
            window.scheduled = false;
            window.flushed = Some(Instant::now());
            std::mem::take(&mut window.counts)
        };
        let total: u64 = counts.values().sum();
        if total == 0 {
            return;
        }
        let parts: Vec<String> = counts
            .iter()
            .map(|(code, n)| format!("{code} {n}"))
            .collect();
        let summary = format!("{total} unauthenticated refused: {}", parts.join(", "));
        if let Err(error) = self.write(summary).await {
            // Nothing was answered with data, so nothing is owed; the counts go to the next one.
            tracing::warn!(%error, total, "summary of refusals could not be written");
            let mut window = self.0.window.lock().unwrap_or_else(PoisonError::into_inner);
            for (code, count) in counts {
                *window.counts.entry(code).or_default() += count;
            }
        }
    }

    async fn write(&self, summary: String) -> Result<AuditReceipt, AuditError> {
        self.0.audit.append(self.entry(summary)?).await
    }

    fn entry(&self, explanation: String) -> Result<Entry, AuditError> {
        Ok(Entry {
            id: self.0.audit.entry_key()?,
            at: self.0.clock.now(),
            phase: Phase::Single,
            opens: None,
            severity: Severity::Warning,
            tenant: self.0.tenant.clone(),
            principal: "anonymous".to_owned(),
            role: "none".to_owned(),
            action: "read".to_owned(),
            resource_kind: "system".to_owned(),
            resource_id: None,
            patient: None,
            purpose: "none".to_owned(),
            verdict: "deny".to_owned(),
            score: 0,
            explanation,
            request_id: "summary".to_owned(),
            outcome: Outcome::Refused,
            plugin: None,
            commitment: None,
        })
    }
}
