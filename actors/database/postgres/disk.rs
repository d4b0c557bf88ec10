//! `Disk`: the actor that watches how much space the private cluster has left.
//!
//! Below `free_min_bytes` the node takes no changes: what is left is for the trail, so that reads
//! can go on and refusals can be written down. Below what a server needs to go on at all the
//! ballast is freed. Both are taken back by themselves, and later than they began, once there is
//! space again: first the ballast is made anew, then changes are taken. Nothing is decided from
//! what the server says: by then it is too late.
//!
//! Owns the ballast. While it is down the last thing that it said holds. Lost on restart: nothing.
//! Restart class: permanent.

use super::Layout;
use super::PostgresError;
use super::ballast::Ballast;
use crate::database::pool::{Never, Session};
use crate::database::{Database, DatabaseConfig, EmbeddedConfig, Room, Space};
use crate::pump::Pump;
use plantao_supervisors::{ChildSpec, Envelope, Handle, Limits};
use ractor::{Actor, ActorProcessingErr, ActorRef};
use std::path::Path;
use std::time::Duration;
use tokio::time::{sleep, timeout};

/// Between two looks: what a busy server writes meanwhile is less than what it needs to go on.
const EVERY: Duration = Duration::from_secs(1);

/// What a server needs to go on, and to recover: two segments of its log. With less, it is taken
/// for full.
pub(super) const FULL_BELOW_BYTES: u64 = 32 << 20;

/// Space is back when there is a quarter more than what it began to be scarce at.
const BACK_ABOVE_QUARTERS: u64 = 5;

/// A checkpoint lets the server use the files of its log again instead of making new ones.
const CHECKPOINT_DEADLINE: Duration = Duration::from_secs(30);

/// The watch as a child.
#[must_use]
pub fn disk_child(config: EmbeddedConfig, database: Database) -> ChildSpec {
    let handle = Handle::<Never>::new(Limits::in_flight(1));
    ChildSpec::worker("disk", &handle, move || {
        (Disk, (config.clone(), database.clone()))
    })
}

struct Disk;

impl Actor for Disk {
    type Msg = Envelope<Never>;
    type State = Pump;
    type Arguments = (EmbeddedConfig, Database);

    async fn pre_start(
        &self,
        myself: ActorRef<Self::Msg>,
        (config, database): Self::Arguments,
    ) -> Result<Pump, ActorProcessingErr> {
        let layout = Layout::of(&config)?;
        let mut watch = Watch {
            ballast: Ballast::of(&layout, config.ballast_bytes),
            layout,
            config,
            database,
            is_without: false,
        };
        // Known before anything is served.
        watch.look().await;
        Ok(Pump::start(myself, async move {
            loop {
                sleep(EVERY).await;
                watch.look().await;
            }
        }))
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

struct Watch {
    layout: Layout,
    ballast: Ballast,
    config: EmbeddedConfig,
    database: Database,
    /// It could not be made, which was said.
    is_without: bool,
}

impl Watch {
    async fn look(&mut self) {
        let Ok(free) = free_bytes(&self.layout.data_dir) else {
            tracing::warn!("the space that is left cannot be read");
            return;
        };
        let before = self.database.space().room;
        let least = self.config.free_min_bytes;
        let mut room = room(before, free, least, self.ballast.missing());
        match room {
            Room::Gone => {
                if self.ballast.free() {
                    tracing::error!(free, "the disk is full: the ballast was freed");
                }
            }
            Room::Scarce => {}
            // On the way back it is a condition; at any other time its lack is a risk.
            Room::Enough if !self.put_by(free) && before != Room::Enough => room = Room::Scarce,
            Room::Enough => {}
        }
        self.database.standing().set_space(Space {
            room,
            free_bytes: Some(free),
            free_min_bytes: least,
        });
        self.tell(before, room, free).await;
    }

    /// Makes the ballast where there is space for both; whether space is no reason why it is not
    /// there. There are disks on which none can be made.
    fn put_by(&mut self, free: u64) -> bool {
        let missing = self.ballast.missing();
        if free.saturating_sub(missing) < self.config.free_min_bytes {
            return true;
        }
        let made = self.ballast.make();
        if let Err(error) = &made
            && !self.is_without
        {
            tracing::warn!(kind = %error.kind(), "no ballast could be put by");
        }
        self.is_without = made.is_err();
        !made.is_err_and(|error| error.kind() == std::io::ErrorKind::StorageFull)
    }

    async fn tell(&self, before: Room, room: Room, free: u64) {
        if before == room {
            return;
        }
        let free_min = self.config.free_min_bytes;
        if room == Room::Enough {
            tracing::info!(free, "there is space again: changes are taken");
        } else if before == Room::Enough {
            tracing::error!(free, free_min, "space is scarce: changes are refused");
            self.checkpoint().await;
        }
    }

    /// What the server keeps of its log before a checkpoint may be gigabytes.
    async fn checkpoint(&self) {
        let config = DatabaseConfig {
            embedded: Some(self.config.clone()),
            ..DatabaseConfig::embedded(&self.config.state_dir)
        };
        let Ok(Some(maintenance)) = config.maintenance() else {
            return;
        };
        let work = async {
            let session = Session::open(&maintenance).await.ok()?;
            session.client.batch_execute("CHECKPOINT").await.ok()
        };
        if timeout(CHECKPOINT_DEADLINE, work).await.is_err() {
            tracing::warn!("the checkpoint that would give space back takes long");
        }
    }
}

/// What may be done with so much space. Pure.
fn room(before: Room, free: u64, least: u64, ballast_missing: u64) -> Room {
    if least == 0 {
        return Room::Enough;
    }
    // The ballast's space is not there to be used while it is there.
    let full_below = FULL_BELOW_BYTES.min(least / 2);
    let back_above = (least / 4).saturating_mul(BACK_ABOVE_QUARTERS);
    match before {
        _ if free < full_below => Room::Gone,
        Room::Enough if free >= least => Room::Enough,
        Room::Scarce | Room::Gone if free >= back_above.saturating_add(ballast_missing) => {
            Room::Enough
        }
        // What was freed was the ballast's: full until there is that much more.
        Room::Gone if ballast_missing > 0 && free < full_below + ballast_missing => Room::Gone,
        _ => Room::Scarce,
    }
}

/// What the server's own user can still write.
pub(super) fn free_bytes(dir: &Path) -> Result<u64, PostgresError> {
    let found = rustix::fs::statvfs(dir);
    let found = found.map_err(|error| super::cluster::directory(dir, error.into()))?;
    Ok(found.f_bavail.saturating_mul(found.f_frsize))
}

/// What a start finds: a disk so full that a recovery would fail. The ballast is freed first.
pub(super) fn is_full(config: &EmbeddedConfig, layout: &Layout) -> bool {
    let least = config.free_min_bytes;
    let too_little = |free: u64| free < FULL_BELOW_BYTES.min(least / 2);
    let look = || free_bytes(&layout.data_dir).is_ok_and(too_little);
    if !look() {
        return false;
    }
    if Ballast::of(layout, config.ballast_bytes).free() {
        tracing::error!("the disk is full: the ballast was freed before the server's start");
    }
    look()
}

/// Whether a server that ended may have ended for want of space.
pub(super) fn is_scarce(config: &EmbeddedConfig, layout: &Layout) -> bool {
    free_bytes(&layout.data_dir).is_ok_and(|free| free < config.free_min_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use Room::{Enough, Gone, Scarce};

    const MIB: u64 = 1 << 20;

    #[test]
    fn space_is_scarce_before_it_is_gone_and_back_later_than_it_went() {
        let least = 256 * MIB;
        let step = |before, free| room(before, free * MIB, least, 0);
        assert_eq!(step(Enough, 256), Enough);
        assert_eq!(step(Enough, 255), Scarce);
        assert_eq!(step(Scarce, 300), Scarce, "not yet");
        assert_eq!(step(Scarce, 320), Enough);
        assert_eq!(step(Scarce, 32), Scarce);
        assert_eq!(step(Scarce, 31), Gone);
        assert_eq!(step(Enough, 0), Gone, "however fast it went");
    }

    #[test]
    fn changes_wait_until_the_ballast_can_be_put_by_again() {
        let least = 256 * MIB;
        let step = |free| room(Gone, free * MIB, least, 64 * MIB);
        assert_eq!(step(70), Gone, "what was freed is not space that came back");
        assert_eq!(step(96), Scarce);
        assert_eq!(step(383), Scarce);
        assert_eq!(step(384), Enough);
    }

    #[test]
    fn a_small_minimum_leaves_room_between_scarce_and_gone() {
        let step = |before, free| room(before, free * MIB, 40 * MIB, 0);
        assert_eq!(step(Enough, 39), Scarce);
        assert_eq!(step(Enough, 19), Gone);
        assert_eq!(room(Gone, 0, 0, 0), Enough, "a watch that is switched off");
    }
}
