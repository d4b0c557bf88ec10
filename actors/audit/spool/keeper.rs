//! `Keeper`: the actor that owns the spool's file.
//!
//! It alone writes it, one entry at a time, and answers once the entry is on disk; a task of its
//! own sends the entries on ([`super::ship`]). At its start it reads the file again: a record that
//! a crash cut short is cut off, for nobody was told of it. What is damaged beyond that is set
//! aside whole, an entry about it is put in line, and what is good before the damage is kept.
//!
//! Starts without a disk and tries again by itself. After any failure nothing is assumed: the file
//! is read again before anything more is written to it. Lost on restart: nothing. Assumes a
//! permanent restart, one incarnation at a time.

use super::format::{End, Roll};
use super::ship::ship;
use super::{EmergencySpool, SpoolError, SpoolReceipt};
use crate::audit::AuditError;
use crate::pump::Pump;
use plantao_schema::audit::{Entry, Outcome, Phase, Severity};
use plantao_supervisors::{Envelope, Reply};
use ractor::{Actor, ActorProcessingErr, ActorRef};
use std::sync::atomic::Ordering;

/// What the keeper is asked.
pub(super) enum Message {
    /// Put an entry on disk.
    Keep {
        entry: Box<Entry>,
        reply: Reply<Result<SpoolReceipt, AuditError>>,
    },
    /// The trail has the entries up to this number.
    Delivered(i64),
    /// The file is not open: try again.
    Open,
}

/// The actor.
pub(super) struct Keeper;

/// What it owns.
pub(super) struct Keeping {
    spool: EmergencySpool,
    /// What the file holds; nothing while that is not known.
    roll: Option<Roll>,
    _pump: Pump,
}

impl Drop for Keeping {
    fn drop(&mut self) {
        self.spool.state.is_open.store(false, Ordering::Relaxed);
    }
}

impl Actor for Keeper {
    type Msg = Envelope<Message>;
    type State = Keeping;
    type Arguments = EmergencySpool;

    async fn pre_start(
        &self,
        myself: ActorRef<Self::Msg>,
        spool: EmergencySpool,
    ) -> Result<Keeping, ActorProcessingErr> {
        let pump = Pump::start(myself, ship(spool.clone()));
        let mut keeping = Keeping {
            spool,
            roll: None,
            _pump: pump,
        };
        // Without it emergencies are refused for a while; with a failed start, so is the rest.
        if let Err(error) = keeping.open().await {
            tracing::error!(%error, "the emergency spool cannot be used");
        }
        Ok(keeping)
    }

    async fn handle(
        &self,
        _myself: ActorRef<Self::Msg>,
        envelope: Self::Msg,
        keeping: &mut Keeping,
    ) -> Result<(), ActorProcessingErr> {
        let (message, _in_flight) = envelope.open();
        match message {
            Message::Keep { entry, reply } if !reply.is_abandoned() => {
                reply.send(keeping.keep(*entry).await);
            }
            Message::Keep { .. } => {}
            Message::Delivered(through) => keeping.delivered(through).await,
            Message::Open => {
                if let Err(error) = keeping.open().await {
                    tracing::debug!(%error, "the emergency spool still cannot be used");
                }
            }
        }
        Ok(())
    }
}

impl Keeping {
    /// Puts an entry on disk, if there is room.
    async fn keep(&mut self, entry: Entry) -> Result<SpoolReceipt, AuditError> {
        let failed = |error: SpoolError| {
            tracing::error!(%error, "an emergency read is refused: it cannot be kept");
            AuditError::Unavailable
        };
        let limits = self.spool.limits;
        let roll = self.open().await.map_err(failed)?;
        let full = AuditError::SpoolFull {
            limit: limits.entries,
        };
        let (item, record) = roll.next(entry).ok_or(AuditError::Unavailable)?;
        let at = roll.bytes();
        let is_full = roll.waiting().len() >= limits.entries;
        if is_full || at.saturating_add(record.len()) > limits.bytes {
            tracing::error!(
                event = "emergency_spool_full",
                "an emergency read is refused"
            );
            return Err(full);
        }
        let (receipt, size) = (SpoolReceipt::of(&item), record.len());
        if let Err(error) = self.spool.store.append(at, record).await {
            self.close();
            return Err(failed(error));
        }
        let waiting = self.change(|roll| roll.push(item, size));
        tracing::warn!(
            event = "emergency_spooled",
            entry = %receipt.entry(),
            number = receipt.number(),
            waiting,
            "an emergency read is in the spool: the trail is away"
        );
        Ok(receipt)
    }

    /// Takes out what the trail has.
    async fn delivered(&mut self, through: i64) {
        let done = async {
            let roll = self.open().await?;
            if roll.waiting().front().is_none_or(|one| one.seq > through) {
                return Ok(None);
            }
            let rest = roll.without(through);
            let bytes = rest.to_bytes().ok_or(UNWRITABLE)?;
            self.spool.store.replace(bytes).await?;
            Ok::<_, SpoolError>(Some(rest))
        };
        match done.await {
            Ok(None) => {}
            Ok(Some(rest)) => {
                let waiting = self.change(|roll| *roll = rest);
                tracing::info!(
                    event = "emergency_spool_delivered",
                    waiting,
                    "the trail has the entries of the emergency spool"
                );
            }
            // They are sent again, and the trail takes them once.
            Err(error) => {
                tracing::warn!(%error, "what the trail has is still in the emergency spool");
                self.close();
            }
        }
    }

    /// What the file holds, read where that is not known.
    async fn open(&mut self) -> Result<&Roll, SpoolError> {
        if self.roll.is_none() {
            let roll = self.read().await?;
            self.spool
                .state
                .waiting
                .send_replace(roll.waiting().clone());
            self.spool.state.is_open.store(true, Ordering::Relaxed);
            if !roll.waiting().is_empty() {
                let waiting = roll.waiting().len();
                tracing::info!(waiting, "the emergency spool holds entries for the trail");
            }
            self.roll = Some(roll);
        }
        self.roll.as_ref().ok_or(UNWRITABLE)
    }

    /// Reads the file and puts it in order.
    async fn read(&self) -> Result<Roll, SpoolError> {
        let store = &self.spool.store;
        let bytes = store.read().await?;
        let (mut roll, end) = Roll::read(&bytes);
        match end {
            End::Whole if !bytes.is_empty() => return Ok(roll),
            End::Whole => {}
            End::Torn => tracing::warn!(
                event = "emergency_spool_torn",
                "a record that nobody was told of is cut off the emergency spool"
            ),
            End::Damaged => {
                tracing::error!(
                    event = "emergency_spool_damaged",
                    intact = roll.waiting().len(),
                    "the emergency spool was changed by somebody else: it is set aside"
                );
                store.set_aside(bytes).await?;
                let told = self.damage(roll.waiting().len())?;
                let (item, record) = roll.next(told).ok_or(UNWRITABLE)?;
                roll.push(item, record.len());
            }
        }
        let bytes = roll.to_bytes().ok_or(UNWRITABLE)?;
        store.replace(bytes).await?;
        Ok(roll)
    }

    /// What the trail is told of a damaged spool.
    fn damage(&self, intact: usize) -> Result<Entry, SpoolError> {
        let log = &self.spool.log;
        Ok(Entry {
            id: log.entry_key().map_err(|_| UNWRITABLE)?,
            at: log.clock.now(),
            phase: Phase::Single,
            opens: None,
            severity: Severity::Critical,
            tenant: self.spool.tenant.clone(),
            principal: "system".to_owned(),
            role: "none".to_owned(),
            action: "operate".to_owned(),
            resource_kind: "audit".to_owned(),
            resource_id: None,
            patient: None,
            purpose: "audit".to_owned(),
            verdict: "none".to_owned(),
            score: 0,
            explanation: format!(
                "emergency_spool_damaged: entries of emergency reads were edited or removed on \
                 this node; {intact} before them are intact, the file is set aside"
            ),
            request_id: "spool".to_owned(),
            outcome: Outcome::Unknown,
            plugin: None,
            commitment: None,
        })
    }

    /// Changes what is known of the file, once the file is changed; how many wait then.
    fn change(&mut self, change: impl FnOnce(&mut Roll)) -> usize {
        let Some(roll) = &mut self.roll else { return 0 };
        change(roll);
        let waiting = roll.waiting().clone();
        let count = waiting.len();
        self.spool.state.waiting.send_replace(waiting);
        count
    }

    /// Whatever the file holds now has to be read.
    fn close(&mut self) {
        self.roll = None;
        self.spool.state.is_open.store(false, Ordering::Relaxed);
    }
}

/// An entry that cannot be written, which no entry is that was read or taken in.
const UNWRITABLE: SpoolError = SpoolError::Refused {
    action: "write an entry to",
    kind: std::io::ErrorKind::InvalidData,
};
