//! The emergency spool: where emergency reads of emergency cards are written down while the trail
//! is away, so that the patient in front of somebody is not the one who pays for it.
//!
//! The only way around the trail, and it is narrow. It takes [`CardEmergency`] and nothing else,
//! which only a permit of emergency access to one emergency card comes to; it makes the entry
//! itself; and it gives a [`SpoolReceipt`] once the entry is on disk here, which proves that much
//! and no more: whoever asks for an [`AuditReceipt`] does not take it. The trail is asked first. As
//! soon as it is back the entries go to it, under the keys and times that they have, marked as kept
//! here meanwhile, and leave the spool once the trail has them: a crash in between sends them
//! again, which the trail takes once.
//!
//! Bounded in entries and in bytes; full, it refuses. A disk that fails or stands still refuses.
//!
//! ```compile_fail,E0451
//! let forged = plantao_actors::audit::SpoolReceipt { entry: uuid::Uuid::nil(), number: 1 };
//! ```
//! ```compile_fail,E0308
//! # use plantao_actors::audit::{AuditReceipt, SpoolReceipt};
//! fn as_good_as(receipt: SpoolReceipt) -> AuditReceipt {
//!     receipt
//! }
//! ```
//! ```compile_fail,E0308
//! # use plantao_actors::audit::EmergencySpool;
//! # use plantao_schema::access::AccessRequest;
//! async fn undecided(spool: &EmergencySpool, access: AccessRequest) {
//!     let _kept = spool.record(&access).await;
//! }
//! ```
//!
//! PHI: none, as in the trail: pseudonyms, verdicts, generated sentences and a redacted reason.
//! - Purpose: accountability of access to protect life (LGPD Art. 11 II e, Art. 37; 45 CFR
//!   164.312(a)(2)(ii) and (b)).
//! - Legal basis: legal obligation (LGPD Art. 7 II, 11 II a).
//! - Retention: until the trail has the entry; damaged files until somebody has looked into them.
//! - Access: the runtime's own user, files of mode 0600 in a folder of mode 0700. Encryption: that
//!   of the disk, as the trail's.
//! - Audit: it is the audit.

mod format;
mod keeper;
mod ship;
mod store;

pub use store::{FileSpool, SPOOL_DEADLINE, SpoolError, SpoolStore, Spooling};

use super::log::storable;
use super::{AuditError, AuditLog, AuditReceipt};
use crate::policy::CardEmergency;
use format::Roll;
use keeper::{Keeper, Message};
use plantao_schema::audit::{Chained, Entry, Outcome, Phase};
use plantao_schema::id::Tenant;
use plantao_supervisors::{ChildSpec, Handle, Limits};
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::timeout;
use uuid::Uuid;

/// How long the trail is waited for when it is not known to be away: a hundred times what an entry
/// usually takes, and little at a bedside.
pub const TRAIL_PATIENCE: Duration = Duration::from_millis(1_500);

/// The longest that an entry may wait for its turn at the disk and for the disk.
pub const KEEP_DEADLINE: Duration = Duration::from_secs(3);

/// Entries that may wait for the disk at once.
const IN_FLIGHT: usize = 256;

/// How much a spool holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SpoolLimits {
    /// Entries.
    pub entries: usize,
    /// Bytes of its file.
    pub bytes: usize,
}

impl Default for SpoolLimits {
    fn default() -> Self {
        Self {
            entries: 1_000,
            bytes: 4 * 1024 * 1024,
        }
    }
}

/// Proof that an entry is on this node's disk and on its way to the trail. Only the spool makes
/// one, for emergency reads of emergency cards alone.
#[derive(Debug)]
pub struct SpoolReceipt {
    entry: Uuid,
    number: i64,
}

impl SpoolReceipt {
    const fn of(item: &Chained) -> Self {
        Self {
            entry: item.entry.id,
            number: item.seq,
        }
    }

    /// The key of the entry: the trail has it under the same.
    #[must_use]
    pub const fn entry(&self) -> Uuid {
        self.entry
    }

    /// Its number in this node's spool.
    #[must_use]
    pub const fn number(&self) -> i64 {
        self.number
    }
}

/// What an emergency read is proved by.
#[derive(Debug)]
pub enum EmergencyReceipt {
    /// It is in the trail, as anything else.
    Trail(AuditReceipt),
    /// The trail is away: it is in the spool.
    Spool(SpoolReceipt),
}

/// The handle: cheap to clone, made before the tree.
#[derive(Clone)]
pub struct EmergencySpool {
    log: AuditLog,
    handle: Handle<Message>,
    store: Arc<dyn SpoolStore>,
    limits: SpoolLimits,
    tenant: Tenant,
    state: Arc<Shared>,
}

/// What all incarnations of the keeper tell.
struct Shared {
    /// The entries that wait, oldest first.
    waiting: watch::Sender<VecDeque<Arc<Chained>>>,
    /// Whether the file is known and good.
    is_open: AtomicBool,
}

impl EmergencySpool {
    /// A handle that no keeper serves yet. Entries go to `log`; what befalls the spool itself is
    /// told in the trail of `tenant`, the institution that runs this node.
    #[must_use]
    pub fn new(
        log: AuditLog,
        store: Arc<dyn SpoolStore>,
        limits: SpoolLimits,
        tenant: Tenant,
    ) -> Self {
        Self {
            log,
            handle: Handle::new(Limits::in_flight(IN_FLIGHT)),
            store,
            limits,
            tenant,
            state: Arc::new(Shared {
                waiting: watch::Sender::default(),
                is_open: AtomicBool::new(false),
            }),
        }
    }

    /// Writes down an emergency read that is about to be answered: in the trail, or here when the
    /// trail is away.
    ///
    /// # Errors
    /// [`AuditError`], [`AuditError::SpoolFull`] among them; then no answer may go out.
    pub async fn record(&self, emergency: &CardEmergency) -> Result<EmergencyReceipt, AuditError> {
        let (access, decision) = (emergency.access(), emergency.decision());
        let (phase, outcome) = (Phase::Single, Outcome::Success);
        let entry = self.log.decided(access, decision, phase, outcome)?;
        if self.log.is_reached() {
            let appended = self.log.append(entry.clone());
            match timeout(TRAIL_PATIENCE, appended).await {
                Ok(Ok(receipt)) => return Ok(EmergencyReceipt::Trail(receipt)),
                Ok(Err(error)) if !error.is_unavailable() => return Err(error),
                // It may be there all the same, or come to be: it has the same key here.
                Ok(Err(_)) | Err(_) => {}
            }
        }
        self.keep(entry).await.map(EmergencyReceipt::Spool)
    }

    /// The keeper, as a child named `spool`.
    #[must_use]
    pub fn child(&self) -> ChildSpec {
        let parts = self.clone();
        ChildSpec::worker("spool", &self.handle, move || (Keeper, parts.clone()))
    }

    /// How many entries wait for the trail.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.state.waiting.borrow().len()
    }

    /// How many may.
    #[must_use]
    pub const fn limits(&self) -> SpoolLimits {
        self.limits
    }

    /// Whether an emergency read could be kept now, room aside.
    #[must_use]
    pub fn is_up(&self) -> bool {
        self.handle.is_up() && self.state.is_open.load(Ordering::Relaxed)
    }

    async fn keep(&self, entry: Entry) -> Result<SpoolReceipt, AuditError> {
        // What the trail will be given has to be what it takes.
        storable(&ship::marked(&entry))?;
        let entry = Box::new(entry);
        self.handle
            .call(KEEP_DEADLINE, |reply| Message::Keep { entry, reply })
            .await?
    }
}

/// The entries that a spool's bytes hold, oldest first, as far as they follow from each other: for
/// whoever looks at them without a keeper.
#[must_use]
pub fn spooled(bytes: &[u8]) -> Vec<Entry> {
    let (roll, _end) = Roll::read(bytes);
    let waiting = roll.waiting().iter();
    waiting.map(|item| item.entry.clone()).collect()
}

#[cfg(test)]
mod tests;
