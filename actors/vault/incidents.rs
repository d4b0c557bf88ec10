//! What has to be in the trail though no request asked for it: security incidents and ends of
//! rotations, on their way to whoever keeps the trail.
//!
//! They wait in a bounded queue that outlives its reader: who opens a value never waits for the
//! trail. Each is in the log at once. Not durable: what waits when the process ends is in the log
//! only. Never a key, a value or a row: what failed is named by its table and column.

use plantao_schema::id::Tenant;
use std::sync::Arc;
use tokio::sync::{Mutex, mpsc};

/// Notices that wait at most: whoever makes more of them by force finds the first ones kept.
const WAITING_MAX: usize = 256;

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IncidentKind {
    /// A sealed value does not open: changed, moved, or sealed under another key.
    DecryptionFailed,
    /// A wrapped key does not unwrap.
    UnwrapFailed,
    /// Another master key is in use than what is held.
    OtherMasterKey,
    /// The key of somebody erased was there again, as from a restored copy, and was destroyed.
    ErasedKeyReturned,
    /// An erasure is in the database and could not be written to the file outside of it.
    TombstoneUnwritten,
    /// No incident: a rotation came to its end.
    RotationFinished,
}

impl IncidentKind {
    /// Its name in logs and in the trail.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::DecryptionFailed => "decryption_failed",
            Self::UnwrapFailed => "unwrap_failed",
            Self::OtherMasterKey => "other_master_key",
            Self::ErasedKeyReturned => "erased_key_returned",
            Self::TombstoneUnwritten => "tombstone_unwritten",
            Self::RotationFinished => "rotation_finished",
        }
    }

    /// Whether it is one that somebody has to look at.
    #[must_use]
    pub const fn is_critical(self) -> bool {
        !matches!(self, Self::RotationFinished)
    }
}

/// One of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Incident {
    /// What happened.
    pub kind: IncidentKind,
    /// In which institution.
    pub tenant: Tenant,
    /// Where: a table, a column, a version. Never a row.
    pub what: String,
}

/// The queue. Clones share it.
#[derive(Clone)]
pub(super) struct Incidents {
    sender: mpsc::Sender<Incident>,
    receiver: Arc<Mutex<mpsc::Receiver<Incident>>>,
}

impl Incidents {
    pub(super) fn new() -> Self {
        let (sender, receiver) = mpsc::channel(WAITING_MAX);
        Self {
            sender,
            receiver: Arc::new(Mutex::new(receiver)),
        }
    }

    /// Tells of one, in the log at once.
    pub(super) fn tell(&self, kind: IncidentKind, tenant: &Tenant, what: &str) {
        if kind.is_critical() {
            tracing::error!(incident = kind.name(), %tenant, what,
                "security incident in the vault");
        } else {
            tracing::info!(%tenant, what, "{}", kind.name());
        }
        let (tenant, what) = (tenant.clone(), what.to_owned());
        let told = self.sender.try_send(Incident { kind, tenant, what });
        if told.is_err() {
            tracing::error!(
                limit = WAITING_MAX,
                "more incidents wait for the trail than may: this one is in the log only"
            );
        }
    }

    /// The next one. Cancel safe.
    pub(super) async fn next(&self) -> Incident {
        let next = self.receiver.lock().await.recv().await;
        match next {
            Some(incident) => incident,
            // Not with a sender beside it; then there is nothing to come.
            None => std::future::pending().await,
        }
    }
}
