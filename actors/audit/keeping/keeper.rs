//! `Keeper`: the actor that keeps the trail's partitions, on one node at a time.
//!
//! Looks once an hour, as the owner of the schema and on a session that ends with the look. What
//! goes wrong is told and tried again; nothing else waits for it, since months are made well ahead
//! and the alarm partition takes what none was made for. Lost on restart: nothing. Restart class:
//! permanent.

use super::archive::ArchiveError;
use super::export::export;
use super::partitions::{Owner, Part};
use crate::clock::WallClock;
use crate::database::{DatabaseConfig, DatabaseError};
use crate::pump::Pump;
use plantao_supervisors::{ChildSpec, Envelope, Handle, Limits};
use ractor::{Actor, ActorProcessingErr, ActorRef};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

/// Months that are made ahead: a node that is switched off for a season finds its place.
pub const AHEAD: i32 = 3;

/// Years that entries stay in the database: those of the records that they are about
/// (Lei 13.787/2018 Art. 6).
pub const RETENTION_DEFAULT_YEARS: u32 = 20;
/// The least that may be configured: 45 CFR 164.316(b)(2)(i).
pub const RETENTION_MIN_YEARS: u32 = 6;

const EVERY: Duration = Duration::from_hours(1);
/// After a failure: a database that starts, a lock that was not had.
const PAUSE: Duration = Duration::from_secs(20);
/// A look that makes months takes milliseconds, one that archives a month takes minutes.
const LOOK_DEADLINE: Duration = Duration::from_hours(2);
/// A year of the calendar, on average.
const YEAR_US: i64 = 31_556_952 * 1_000_000;

/// Why the partitions are not as they should be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(in crate::audit) enum KeepingError {
    /// The database.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// The archive.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// A chain is not signed as far as it would be archived.
    #[error("chain `{chain}` is not signed as far as its old entries go: nothing is archived")]
    Unsigned {
        /// Which.
        chain: String,
    },
    /// An entry of a chain is missing.
    #[error("an entry of chain `{chain}` is missing: nothing is archived")]
    Short {
        /// Which.
        chain: String,
    },
    /// Entries came after the export.
    #[error("partition `{part}` holds entries that no archive does: it is not dropped")]
    Grown {
        /// Which.
        part: String,
    },
    /// The look took too long.
    #[error("keeping the partitions took longer than {after:?}")]
    Timeout {
        /// The deadline.
        after: Duration,
    },
    /// The thread that writes to disk panicked.
    #[error("the thread that writes archives panicked")]
    Panicked,
}

/// What a keeper is made from.
#[derive(Clone, Debug)]
pub struct KeeperParts {
    /// Whose partitions.
    pub database: DatabaseConfig,
    /// What time it is.
    pub clock: WallClock,
    /// How long entries stay in the database.
    pub retention_years: u32,
    /// Where what is older goes; without a folder it stays.
    pub archive: Option<PathBuf>,
}

/// What the last look came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Condition {
    /// Whether there was one that came to an end.
    pub is_known: bool,
    /// Months that are made after this one.
    pub ahead: i64,
    /// Entries in the alarm partition.
    pub stray: i64,
    /// A partition that is past the retention and has no folder to go to.
    pub waits_for_a_folder: Option<String>,
    /// What went wrong.
    pub trouble: Option<String>,
}

/// The handle.
#[derive(Clone)]
pub struct Keeper {
    parts: KeeperParts,
    handle: Handle<Message>,
    condition: Arc<watch::Sender<Condition>>,
}

impl Keeper {
    /// A keeper that does not look yet.
    #[must_use]
    pub fn new(parts: KeeperParts) -> Self {
        Self {
            parts,
            handle: Handle::new(Limits::in_flight(1)),
            condition: Arc::new(watch::Sender::new(Condition::default())),
        }
    }

    /// The actor, as a child named `partitions`.
    #[must_use]
    pub fn child(&self) -> ChildSpec {
        let keeper = self.clone();
        ChildSpec::worker("partitions", &self.handle, move || {
            (Keeping, keeper.clone())
        })
    }

    /// What the last look came to, and when that changes.
    #[must_use]
    pub fn condition(&self) -> watch::Receiver<Condition> {
        self.condition.subscribe()
    }

    /// One look: months ahead, the alarm partition, the retention.
    ///
    /// # Errors
    /// [`KeepingError`]; what was done until then stays done.
    pub(in crate::audit) async fn look(&self) -> Result<Condition, KeepingError> {
        let parts = &self.parts;
        let now_us = parts.clock.now().micros();
        let owner = Owner::open(&parts.database).await?;
        let mut condition = Condition {
            is_known: true,
            ..Condition::default()
        };
        if !owner.is_native().await? {
            return Ok(condition);
        }
        condition.stray = owner.stray().await?;
        if condition.stray > 0 {
            let entries = condition.stray;
            tracing::error!(
                entries,
                "audit entries are in the alarm partition: a clock is wrong, \
                or no month was made in time"
            );
        }
        if owner.takes_the_lock().await? {
            let made = owner.make(now_us, AHEAD).await? + owner.settle(now_us, AHEAD).await?;
            if made > 0 {
                tracing::info!(made, "partitions of the audit trail made");
            }
            condition.waits_for_a_folder = self.retire(&owner, now_us).await?;
        }
        condition.ahead = owner.ahead(now_us).await?;
        condition.stray = owner.stray().await?;
        Ok(condition)
    }

    /// Archives and drops what is past the retention; answers what would be, had it a folder.
    async fn retire(&self, owner: &Owner, now_us: i64) -> Result<Option<String>, KeepingError> {
        for left in owner.left_off().await? {
            owner.drop_table(&left).await?;
        }
        let kept_us = YEAR_US.saturating_mul(self.parts.retention_years.into());
        while let Some(part) = owner.due(now_us.saturating_sub(kept_us)).await? {
            let Some(folder) = &self.parts.archive else {
                return Ok(Some(part.name));
            };
            self.retire_one(owner, &part, folder.clone(), now_us)
                .await?;
        }
        Ok(None)
    }

    async fn retire_one(
        &self,
        owner: &Owner,
        part: &Part,
        folder: PathBuf,
        now_us: i64,
    ) -> Result<(), KeepingError> {
        let exported = export(&self.parts.database, &folder, part).await?;
        let (departed, floors) = (&exported.departed, &exported.floors);
        owner.take_off(part, departed, floors, now_us).await?;
        owner.drop_table(&part.name).await?;
        let (part, entries) = (&part.name, exported.entries);
        tracing::info!(
            part,
            entries,
            "a month of the audit trail is archived and dropped"
        );
        Ok(())
    }

    async fn keep(self) {
        loop {
            let looked = timeout(LOOK_DEADLINE, self.look()).await;
            let after = LOOK_DEADLINE;
            let looked = looked.unwrap_or(Err(KeepingError::Timeout { after }));
            let pause = if looked.is_ok() { EVERY } else { PAUSE };
            match looked {
                Ok(condition) => {
                    self.condition.send_replace(condition);
                }
                Err(error) => self.tell(&error),
            }
            sleep(pause).await;
        }
    }

    fn tell(&self, error: &KeepingError) {
        let is_passing = matches!(error, KeepingError::Database(error) if error.is_unavailable());
        let told = Some(error.to_string());
        let is_new = self.condition.send_if_modified(|now| {
            let is_new = now.trouble != told;
            now.trouble = told;
            is_new
        });
        match (is_new, is_passing) {
            (true, false) => tracing::error!(%error, "the audit trail's partitions are not kept"),
            _ => tracing::debug!(%error, "the audit trail's partitions wait for their database"),
        }
    }
}

enum Message {}

struct Keeping;

impl Actor for Keeping {
    type Msg = Envelope<Message>;
    type State = Pump;
    type Arguments = Keeper;

    async fn pre_start(
        &self,
        myself: ActorRef<Self::Msg>,
        keeper: Keeper,
    ) -> Result<Pump, ActorProcessingErr> {
        Ok(Pump::start(myself, keeper.keep()))
    }

    async fn handle(
        &self,
        _myself: ActorRef<Self::Msg>,
        envelope: Self::Msg,
        _state: &mut Pump,
    ) -> Result<(), ActorProcessingErr> {
        match envelope.open().0 {}
    }
}
