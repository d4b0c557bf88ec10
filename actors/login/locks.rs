//! Notices of locked accounts, on their way to whoever keeps the trail.
//!
//! They wait in a bounded queue that outlives its reader, so that a log-in never waits for the
//! trail: its time would tell that there is such an account. Not durable: what waits when the
//! process ends is in its log only.

use plantao_schema::id::{PrincipalId, Tenant};
use plantao_schema::time::Timestamp;
use std::sync::Arc;
use tokio::sync::{Mutex, mpsc};

/// Notices that wait at most. A lock takes five tries, and addresses have twenty in five minutes.
const WAITING_MAX: usize = 1_024;

/// An account was locked after wrong tries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountLocked {
    /// In which institution.
    pub tenant: Tenant,
    /// Whose.
    pub principal: PrincipalId,
    /// Since when.
    pub at: Timestamp,
    /// Until when.
    pub until: Timestamp,
}

/// The queue. Clones share it.
#[derive(Clone)]
pub(super) struct Locks {
    sender: mpsc::Sender<AccountLocked>,
    receiver: Arc<Mutex<mpsc::Receiver<AccountLocked>>>,
}

impl Locks {
    pub(super) fn new() -> Self {
        let (sender, receiver) = mpsc::channel(WAITING_MAX);
        Self {
            sender,
            receiver: Arc::new(Mutex::new(receiver)),
        }
    }

    /// Tells of a lock, in the log at once.
    pub(super) fn tell(&self, locked: AccountLocked) {
        tracing::warn!(
            incident = "account_locked",
            tenant = %locked.tenant,
            principal = %locked.principal,
            "security incident: an account is locked after wrong tries"
        );
        if self.sender.try_send(locked).is_err() {
            tracing::error!(
                limit = WAITING_MAX,
                "more locked accounts wait for the trail than may: this one is in the log only"
            );
        }
    }

    /// The next notice. Cancel safe.
    pub(super) async fn next(&self) -> AccountLocked {
        let next = self.receiver.lock().await.recv().await;
        match next {
            Some(locked) => locked,
            // Not with a sender beside it; then there is nothing to come.
            None => std::future::pending().await,
        }
    }
}
