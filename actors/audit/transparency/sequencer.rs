//! `Sequencer`: the actor that appends committed entries to the Merkle logs and signs what they
//! come to.
//!
//! Owns the right edge of each log of this node, which it makes again from tiles and rows at each
//! start. Looks when the writer has committed something, once a second at most. Refuses to sign
//! what does not follow: a gap, an entry that names another predecessor, a tail that is not what
//! the last checkpoint says it was. Such a chain is signed no further, and that is said loudly: the
//! trail was changed behind the writer's back, or its disk has lost something.
//!
//! Starts without a database and waits for one. Lost on restart: nothing. Restart class: permanent.

use super::keys::{LogKeys, Occasion};
use super::restored::{Log, before, restore};
use super::ship::Shipping;
use super::store::{Growth, LogSession};
use super::unsigned::{Unsigned, follows};
use super::witness::Witnesses;
use crate::audit::trail::TrailStore;
use crate::audit::{AuditError, AuditLog};
use crate::clock::WallClock;
use crate::database::DatabaseError;
use crate::pump::Pump;
use plantao_schema::audit::ChainHead;
use plantao_schema::audit::merkle::{Checkpoint, FullTile};
use plantao_schema::time::Timestamp;
use plantao_supervisors::{ChildSpec, Envelope, Handle, Limits, Reply};
use ractor::{Actor, ActorProcessingErr, ActorRef};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until, timeout};

/// Between one look and the next.
const EVERY: Duration = Duration::from_secs(1);
/// After a failure.
const PAUSE: Duration = Duration::from_millis(900);
/// After a checkpoint that did not get off the host, beyond the next look.
const SEND_AGAIN: Duration = Duration::from_secs(4);
/// Entries that are read at once.
const PAGE: usize = 4_096;
/// Entries between two checkpoints of one chain while it catches up.
const STRIDE: u64 = 65_536;
/// Who asks for a look waits so long.
const LOOK_DEADLINE: Duration = Duration::from_secs(10);
/// Those who may wait for a look at once.
const ASKING_MAX: usize = 16;
/// Between two seals of a chain.
const DAY_US: i64 = 24 * 3_600 * 1_000_000;

/// The handle: asks for a look, and hears what is not signed any more.
#[derive(Clone)]
pub struct TransparencyLog {
    handle: Handle<Message>,
    broken: Arc<dashmap::DashSet<String>>,
}

impl Default for TransparencyLog {
    fn default() -> Self {
        Self::new()
    }
}

impl TransparencyLog {
    /// A handle that no sequencer serves yet.
    #[must_use]
    pub fn new() -> Self {
        Self {
            handle: Handle::new(Limits::in_flight(ASKING_MAX)),
            broken: Arc::default(),
        }
    }

    /// Looks now: what was committed before the call is signed once this returns.
    ///
    /// # Errors
    /// [`AuditError`] when no look came to an end in time.
    pub async fn look(&self) -> Result<(), AuditError> {
        let looked = self.handle.call(LOOK_DEADLINE, Message::Look).await?;
        looked.map_err(|error| error.into())
    }

    /// The chains that are signed no further, because they do not follow from what was signed.
    #[must_use]
    pub fn broken(&self) -> BTreeSet<String> {
        self.broken.iter().map(|chain| chain.clone()).collect()
    }
}

/// What a sequencer is made from.
#[derive(Clone)]
pub struct Sequencer {
    /// Its handle.
    pub log: TransparencyLog,
    /// What tells it that something was committed.
    pub audit: AuditLog,
    /// What keeps trail and log.
    pub trail: Arc<dyn TrailStore>,
    /// Whose chains.
    pub node: String,
    /// What it signs with.
    pub keys: LogKeys,
    /// What dates checkpoints.
    pub clock: WallClock,
    /// Where checkpoints go beside the database.
    pub shipping: Shipping,
    /// Who cosigns them.
    pub witnesses: Witnesses,
}

impl Sequencer {
    /// The actor, as a child named `sequencer`.
    #[must_use]
    pub fn child(self) -> ChildSpec {
        let handle = self.log.handle.clone();
        ChildSpec::worker("sequencer", &handle, move || (Signer, self.clone()))
    }
}

enum Message {
    Look(Reply<Result<(), DatabaseError>>),
}

struct Signer;

struct Signing {
    asked: mpsc::UnboundedSender<Reply<Result<(), DatabaseError>>>,
    _pump: Pump,
}

impl Actor for Signer {
    type Msg = Envelope<Message>;
    type State = Signing;
    type Arguments = Sequencer;

    async fn pre_start(
        &self,
        myself: ActorRef<Self::Msg>,
        parts: Sequencer,
    ) -> Result<Signing, ActorProcessingErr> {
        // Unbounded here, bounded by the handle: who asks holds a permit of it.
        let (asked, asking) = mpsc::unbounded_channel();
        let work = Work {
            parts,
            session: None,
            logs: BTreeMap::new(),
            signed: BTreeMap::new(),
        };
        let pump = Pump::start(myself, work.run(asking));
        Ok(Signing { asked, _pump: pump })
    }

    async fn handle(
        &self,
        _myself: ActorRef<Self::Msg>,
        envelope: Self::Msg,
        state: &mut Signing,
    ) -> Result<(), ActorProcessingErr> {
        let (Message::Look(reply), _in_flight) = envelope.open();
        // When the task has ended so does this actor, and the caller is told that there is nobody.
        let _gone = state.asked.send(reply);
        Ok(())
    }
}

struct Work {
    parts: Sequencer,
    session: Option<Box<dyn LogSession>>,
    logs: BTreeMap<String, Log>,
    /// Up to where each chain was signed, whichever server kept it: outlives sessions, because the
    /// next one may lead to a standby that did not have it all.
    signed: BTreeMap<String, ChainHead>,
}

impl Work {
    async fn run(mut self, mut asking: mpsc::UnboundedReceiver<Reply<Result<(), DatabaseError>>>) {
        let audit = self.parts.audit.clone();
        let mut next = Instant::now();
        loop {
            sleep_until(next).await;
            let looked = self.look().await;
            next = Instant::now() + if looked.is_ok() { EVERY } else { PAUSE };
            if let Err(error) = &looked {
                tracing::debug!(%error, "the transparency log waits for its database");
                self.session = None;
                // What was done and not heard of is read again.
                self.logs.clear();
                continue;
            }
            tokio::select! {
                biased;
                asked = asking.recv() => {
                    let Some(reply) = asked else { return };
                    let mut all = vec![reply];
                    while let Ok(more) = asking.try_recv() {
                        all.push(more);
                    }
                    let looked = self.look().await;
                    for reply in all {
                        reply.send(looked.clone());
                    }
                }
                () = audit.grew() => {}
                // The trail may be quiet for long, and its end is what nobody else knows of.
                () = sleep_until(next + SEND_AGAIN), if self.is_unsent() => {}
            }
        }
    }

    /// Appends and signs whatever was committed.
    async fn look(&mut self) -> Result<(), DatabaseError> {
        let node = self.parts.node.clone();
        self.open().await?;
        for (chain, tenant, head) in self.session()?.heads(&node).await? {
            if self.parts.log.broken.contains(&chain) {
                continue;
            }
            let grown = self.grow(&chain, &tenant, head).await;
            match grown {
                Ok(()) => {}
                Err(Unsigned::Database(error)) => return Err(error),
                Err(Unsigned::Keys(error)) => {
                    tracing::warn!(%error, "the audit trail is not signed");
                    return Err(DatabaseError::Unavailable);
                }
                Err(reason) => {
                    tracing::error!(chain, %reason, "SECURITY: the audit trail does not hold; \
                        this chain is signed no further");
                    self.parts.log.broken.insert(chain);
                }
            }
        }
        Ok(())
    }

    fn is_unsent(&self) -> bool {
        self.logs.values().any(|log| log.unsent.is_some())
    }

    async fn grow(&mut self, chain: &str, tenant: &str, head: ChainHead) -> Result<(), Unsigned> {
        let mut log = match self.logs.remove(chain) {
            Some(log) => log,
            None => {
                self.look_back(chain, head).await?;
                let now = self.parts.clock.now();
                let log = restore(self.session()?, (chain, tenant), head, now).await?;
                // Whether the incarnation before got that far is not known.
                if let Some(newest) = &log.unsent {
                    self.parts.witnesses.offer(newest);
                }
                log
            }
        };
        if let Some(newest) = log.unsent.take() {
            let is_there = self.parts.shipping.catch_up(&newest).await;
            log.unsent = (!is_there).then_some(newest);
        }
        while log.head.seq < head.seq {
            let (tiles, before) = (self.append(chain, &mut log).await?, log.sealed_at);
            let now = self.parts.clock.now();
            let is_due = |last: Timestamp| now.micros().saturating_sub(last.micros()) >= DAY_US;
            let is_seal = before.is_none_or(is_due);
            let checkpoint = Checkpoint::of(chain, &log.edge);
            let growth = Growth {
                chain: chain.to_owned(),
                tenant: tenant.to_owned(),
                tiles,
                size: log.edge.size(),
                note: self.sign(checkpoint, is_seal).await?,
                at: now,
                is_seal,
            };
            self.session()?.keep(&growth).await?;
            self.signed.insert(chain.to_owned(), log.head);
            if is_seal {
                log.sealed_at = Some(now);
            }
            let is_there = self.parts.shipping.ship(&growth).await;
            self.parts.witnesses.offer(&growth);
            log.unsent = (!is_there).then_some(growth);
        }
        self.logs.insert(chain.to_owned(), log);
        Ok(())
    }

    /// Whether what was signed is where it was.
    async fn look_back(&mut self, chain: &str, head: ChainHead) -> Result<(), Unsigned> {
        let Some(signed) = self.signed.get(chain).copied() else {
            return Ok(());
        };
        let size = u64::try_from(signed.seq).unwrap_or_default();
        if head.seq < signed.seq {
            let found = head.seq;
            return Err(Unsigned::Shorter { size, found });
        }
        let links = self.session()?.links(chain, before(size), 1).await?;
        match links.first() {
            Some(link) if link.hash == signed.hash => Ok(()),
            _ => Err(Unsigned::Forked { size }),
        }
    }

    /// Appends what was committed to one log, as much as one checkpoint covers.
    async fn append(&mut self, chain: &str, log: &mut Log) -> Result<Vec<FullTile>, Unsigned> {
        let (mut tiles, from) = (Vec::new(), log.edge.size());
        loop {
            let session = self.session()?;
            let links = session.links(chain, log.head.seq, PAGE).await?;
            for link in &links {
                log.head = follows(&log.head, link)?;
                tiles.extend(log.edge.push(&link.hash));
            }
            if links.len() < PAGE || log.edge.size() - from >= STRIDE {
                return Ok(tiles);
            }
        }
    }

    async fn sign(&self, checkpoint: Checkpoint, is_seal: bool) -> Result<String, Unsigned> {
        if !is_seal {
            return Ok(self.parts.keys.sign(&checkpoint, Occasion::Tick)?);
        }
        let keys = self.parts.keys.clone();
        let sign = move || keys.sign(&checkpoint, Occasion::Day);
        let signed = crate::aside::aside(sign).await;
        let signed = signed.ok_or(DatabaseError::Unavailable)?;
        Ok(signed?)
    }

    /// A session for one look. A new one may lead to another server than the last: nothing that
    /// was built on that one is gone on from.
    async fn open(&mut self) -> Result<(), DatabaseError> {
        if self.session.as_ref().is_some_and(|held| held.is_closed()) {
            self.session = None;
        }
        if self.session.is_none() {
            self.logs.clear();
            let opened = timeout(LOOK_DEADLINE, self.parts.trail.sequence()).await;
            let after = LOOK_DEADLINE;
            self.session = Some(opened.unwrap_or(Err(DatabaseError::Timeout { after }))?);
        }
        Ok(())
    }

    fn session(&self) -> Result<&dyn LogSession, DatabaseError> {
        self.session.as_deref().ok_or(DatabaseError::Unavailable)
    }
}
