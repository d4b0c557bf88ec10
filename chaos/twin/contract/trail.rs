//! The trail's contract: what is kept in a chain, what is refused, and who may write.

use super::{AT, Both, agree, entry, patient, scope};
use crate::twin::{TwinConsents, TwinTrail};
use fastrand::Rng;
use futures_util::future::join;
use plantao_actors::audit::{Pending, PostgresTrail, SettlingSession, TrailSession, TrailStore};
use plantao_actors::consent::{ConsentStore, PostgresConsents, Statement};
use plantao_actors::database::{DatabaseError, Login, STATEMENT_DEADLINE};
use plantao_schema::access::{ConsentStatus, Purpose};
use plantao_schema::audit::{ChainHead, Chained, Entry, Outcome, Phase};
use plantao_schema::time::Timestamp;
use std::sync::Arc;
use uuid::Uuid;

/// Of two nodes, and of one whose name begins as another's.
const CHAINS: [&str; 4] = [
    "node-1/north",
    "node-1/south",
    "node-10/north",
    "node-2/north",
];

const STEPS: usize = 250;

/// A batch beyond what goes out in one statement.
const BULK: usize = 100;

#[derive(Debug)]
enum Ask {
    Add(Vec<Chained>),
    Head(&'static str),
    Find(Vec<Uuid>),
    Completions(Vec<Uuid>),
    Pending(&'static str, Vec<Uuid>, usize),
    Record(Pending, Timestamp),
    FindSettling(Vec<Uuid>),
}

#[derive(Debug, PartialEq)]
enum Answer {
    Added,
    Head(ChainHead),
    Rows(Vec<Chained>),
    Pending(Vec<Pending>),
    Recorded(Option<Outcome>),
}

struct Sessions {
    writing: Box<dyn TrailSession>,
    settling: Box<dyn SettlingSession>,
}

impl Sessions {
    async fn of(trail: &dyn TrailStore) -> Self {
        Self {
            writing: trail.write("node-1").await.unwrap(),
            settling: trail.settle().await.unwrap(),
        }
    }

    async fn ask(&self, ask: &Ask) -> Result<Answer, DatabaseError> {
        let (writing, settling) = (&self.writing, &self.settling);
        Ok(match ask {
            Ask::Add(rows) => writing.add(rows).await.map(|()| Answer::Added)?,
            Ask::Head(chain) => Answer::Head(writing.head(chain).await?),
            Ask::Find(keys) => Answer::Rows(sorted(writing.find(keys).await?)),
            Ask::Completions(opened) => Answer::Rows(sorted(writing.completions(opened).await?)),
            Ask::Pending(node, held, limit) => {
                Answer::Pending(settling.pending(node, held, *limit).await?)
            }
            Ask::Record(one, at) => Answer::Recorded(settling.record(one, *at).await?),
            Ask::FindSettling(keys) => Answer::Rows(sorted(settling.find(keys).await?)),
        })
    }
}

fn sorted(mut rows: Vec<Chained>) -> Vec<Chained> {
    rows.sort_by(|a, b| (&a.chain, a.seq).cmp(&(&b.chain, b.seq)));
    rows
}

fn stores(both: &Both) -> (Arc<dyn TrailStore>, Arc<dyn TrailStore>) {
    let real = PostgresTrail::new(both.database.config());
    (Arc::new(TwinTrail(both.disk.clone())), Arc::new(real))
}

/// Asks questions; knows which entries it has tried to add.
struct Asking {
    rng: Rng,
    known: Vec<(&'static str, Uuid)>,
}

impl Asking {
    fn one<T: Clone>(&mut self, of: &[T]) -> T {
        of[self.rng.usize(..of.len())].clone()
    }

    /// Mostly a known entry, and at times one that nobody knows.
    fn key(&mut self) -> (&'static str, Uuid) {
        if self.known.is_empty() || self.rng.u8(..8) == 0 {
            return (self.one(&CHAINS), Uuid::from_u128(self.rng.u128(..)));
        }
        let recent = self.known.len().saturating_sub(30);
        self.known[self.rng.usize(recent..self.known.len())]
    }

    fn keys(&mut self) -> Vec<Uuid> {
        (0..self.rng.usize(..6)).map(|_| self.key().1).collect()
    }

    fn entry(&mut self, chain: &'static str) -> Entry {
        let (_, name) = chain.split_once('/').unwrap();
        let id = Uuid::from_u128(self.rng.u128(..));
        match self.rng.u8(..10) {
            0..4 => entry(name, id, Phase::Opened),
            4..8 => Entry {
                opens: Some(self.key().1),
                outcome: self.one(&[Outcome::Success, Outcome::Failed]),
                ..entry(name, id, Phase::Completed)
            },
            8 => entry(name, self.key().1, Phase::Single),
            _ => Entry {
                patient: Some("maria".into()),
                plugin: Some("echo".into()),
                score: self.rng.u8(..),
                at: AT.plus_seconds(self.rng.i64(-9..9)),
                ..entry(name, id, Phase::Single)
            },
        }
    }

    /// Rows after a head; at times in a place that is taken, or none, or beyond the next.
    fn rows(&mut self, chain: &'static str, head: ChainHead) -> Vec<Chained> {
        let mut head = match self.rng.u8(..12) {
            0 => ChainHead::EMPTY,
            1 => ChainHead { seq: -1, ..head },
            2 => ChainHead {
                seq: head.seq + 2,
                ..head
            },
            _ => head,
        };
        let count = if self.rng.u8(..20) == 0 {
            BULK
        } else {
            self.rng.usize(..4)
        };
        let mut rows: Vec<Chained> = Vec::with_capacity(count);
        for _ in 0..count {
            let made = if count == BULK {
                entry("north", Uuid::from_u128(self.rng.u128(..)), Phase::Opened)
            } else {
                self.entry(chain)
            };
            self.known.push((chain, made.id));
            let row = Chained::after(chain, &head, made);
            head = row.head();
            rows.push(row);
        }
        rows
    }

    fn look(&mut self) -> Ask {
        match self.rng.u8(..6) {
            0 => Ask::Find(self.keys()),
            1 => Ask::Completions(self.keys()),
            2 => Ask::FindSettling(self.keys()),
            3 => {
                let (chain, id) = self.key();
                let chain = if self.rng.u8(..6) == 0 {
                    self.one(&CHAINS)
                } else {
                    chain
                };
                let chain = chain.to_owned();
                Ask::Record(Pending { chain, id }, AT.plus_seconds(self.rng.i64(0..9)))
            }
            _ => {
                let node = self.one(&["node-1", "node-10", "node-2", "node", "node-3"]);
                let held = self.keys();
                let limit = self.one(&[0, 1, 5, 50, 1_000]);
                Ask::Pending(node, held, limit)
            }
        }
    }
}

#[tokio::test]
async fn a_trail_drawn_from_a_seed_is_kept_alike() {
    let both = Both::new(1).await;
    let (twin, real) = stores(&both);
    let (twin, real) = join(Sessions::of(&*twin), Sessions::of(&*real)).await;
    let (rng, known) = (Rng::with_seed(1), Vec::new());
    let mut asking = Asking { rng, known };
    let (mut kept, mut refused) = (0, 0);
    for _ in 0..STEPS {
        let look = asking.look();
        agree(&look, twin.ask(&look), real.ask(&look))
            .await
            .unwrap();
        let chain = asking.one(&CHAINS);
        let head = Ask::Head(chain);
        let head = agree(&head, twin.ask(&head), real.ask(&head)).await;
        let Ok(Answer::Head(head)) = head else {
            panic!("no head: {head:?}");
        };
        let add = Ask::Add(asking.rows(chain, head));
        match agree(&add, twin.ask(&add), real.ask(&add)).await {
            Ok(_) => kept += 1,
            Err(_) => refused += 1,
        }
    }
    assert!(kept > 50 && refused > 50, "{kept} kept, {refused} refused");
    both.recorded_alike().await;
    both.end().await;
}

#[tokio::test]
async fn a_row_is_refused_for_the_same_reason() {
    let both = Both::new(2).await;
    let (twin, real) = stores(&both);
    let (twin, real) = join(Sessions::of(&*twin), Sessions::of(&*real)).await;
    let (id, other) = (Uuid::from_u128(1), Uuid::from_u128(2));
    let at = |seq: i64| ChainHead {
        seq: seq - 1,
        ..ChainHead::EMPTY
    };
    let row = |seq, made: Entry| Chained::after("node-1/north", &at(seq), made);
    let opened = || entry("north", id, Phase::Opened);
    let single = || entry("north", other, Phase::Single);
    let done = |key: u128| Entry {
        opens: Some(id),
        ..entry("north", Uuid::from_u128(key), Phase::Completed)
    };
    let taken = |constraint: &str| {
        let constraint = constraint.to_owned();
        Err(DatabaseError::Conflict { constraint })
    };
    let added = || Ok(Answer::Added);
    let none = DatabaseError::Rejected {
        sqlstate: "23514".to_owned(),
    };
    for (rows, wanted) in [
        (vec![], added()),
        (vec![row(0, opened())], Err(none)),
        (vec![row(1, opened())], added()),
        (vec![row(1, single())], taken("audit_entry_pkey")),
        (vec![row(2, opened())], taken("audit_entry_once")),
        (
            vec![row(2, single()), row(2, done(3))],
            taken("audit_entry_pkey"),
        ),
        (
            vec![row(2, single()), row(3, single())],
            taken("audit_entry_once"),
        ),
        (
            vec![row(2, done(3)), row(3, done(4))],
            taken("audit_entry_completes"),
        ),
        // A gap, and a predecessor that is none: it is the writer that numbers and chains.
        (vec![row(7, done(3))], added()),
        (vec![row(8, done(4))], taken("audit_entry_completes")),
    ] {
        let add = Ask::Add(rows);
        let answer = agree(&add, twin.ask(&add), real.ask(&add)).await;
        assert_eq!(answer, wanted, "{add:?}");
    }
    both.end().await;
}

#[tokio::test]
async fn what_a_change_recorded_of_itself_is_what_the_settler_reads() {
    let mut both = Both::with_patients(3).await;
    let (twin, real) = stores(&both);
    let (twin, real) = join(Sessions::of(&*twin), Sessions::of(&*real)).await;
    let (changed, left) = (both.id(), both.id());
    let mut head = ChainHead::EMPTY;
    for id in [changed, left] {
        let row = Chained::after("node-1/north", &head, entry("north", id, Phase::Opened));
        head = row.head();
        let add = Ask::Add(vec![row]);
        agree(&add, twin.ask(&add), real.ask(&add)).await.unwrap();
    }
    let (twin_said, real_said) = (
        TwinConsents(both.disk.clone()),
        PostgresConsents::new(both.database.database()),
    );
    let (north, maria) = (scope("north"), patient("maria"));
    let statement = Statement {
        patient: &maria,
        purpose: Purpose::Research,
        status: ConsentStatus::Granted,
        at: AT,
    };
    let record = |id| {
        let chain = "node-1/north".to_owned();
        Ask::Record(Pending { chain, id }, AT)
    };
    let open = both.open_as("north", changed).await;
    let set = agree(
        "a change",
        twin_said.set(&north, &statement, &open),
        real_said.set(&north, &statement, &open),
    );
    set.await.unwrap();
    for (id, outcome) in [(changed, Outcome::Success), (left, Outcome::Unknown)] {
        let asked = record(id);
        let recorded = agree(&asked, twin.ask(&asked), real.ask(&asked)).await;
        assert_eq!(recorded, Ok(Answer::Recorded(Some(outcome))));
    }
    // From then on there can be no such change.
    let open = both.open_as("north", left).await;
    let late = agree(
        "a change that was given up",
        twin_said.set(&north, &statement, &open),
        real_said.set(&north, &statement, &open),
    );
    late.await.unwrap_err();
    both.recorded_alike().await;
    both.end().await;
}

#[tokio::test]
async fn the_right_to_write_goes_from_hand_to_hand_for_each_node() {
    let both = Both::new(4).await;
    let (twin, real) = stores(&both);
    let hand_over = async |trail: Arc<dyn TrailStore>| {
        let first = trail.write("node-1").await?;
        let next = tokio::spawn({
            let trail = Arc::clone(&trail);
            async move { trail.write("node-1").await }
        });
        // Another node's is another's, and nobody waits for it.
        let other = trail.write("node-2").await?;
        let settling = trail.settle().await?;
        let mut held = vec![
            settling.is_held(first.holder()).await?,
            settling.is_held(other.holder()).await?,
            settling.is_held(0).await?,
            next.is_finished(),
        ];
        let before = first.holder();
        drop(first);
        let next = next.await.unwrap()?;
        held.push(settling.is_held(before).await?);
        held.push(settling.is_held(next.holder()).await?);
        Ok::<_, DatabaseError>(held)
    };
    let held = agree("who holds the right", hand_over(twin), hand_over(real)).await;
    assert_eq!(held, Ok(vec![true, true, false, false, false, true]));
    both.end().await;
}

#[tokio::test]
async fn a_right_that_is_not_given_back_is_refused_in_time() {
    let both = Both::new(5).await;
    let (twin, real) = stores(&both);
    let wait = async |trail: Arc<dyn TrailStore>| {
        let _held = trail.write("node-1").await?;
        trail.write("node-1").await.map(drop)
    };
    let refused = agree("a right that is held", wait(twin), wait(real)).await;
    let after = STATEMENT_DEADLINE;
    assert_eq!(refused, Err(DatabaseError::Timeout { after }));
    both.end().await;
}

#[tokio::test]
async fn an_ended_session_answers_nothing_and_its_right_goes_on() {
    let both = Both::new(6).await;
    let (twin, real) = stores(&both);
    let row = Chained::after(
        "node-1/north",
        &ChainHead::EMPTY,
        entry("north", Uuid::from_u128(1), Phase::Single),
    );
    let add = Ask::Add(vec![row]);
    let (mine, theirs) = join(Sessions::of(&*twin), Sessions::of(&*real)).await;
    agree(&add, mine.ask(&add), theirs.ask(&add)).await.unwrap();
    let session = both.database.session(Login::Audit).await;
    let end = "SELECT pg_terminate_backend($1)";
    let holder = theirs.writing.holder();
    session.query(end, &[&holder]).await.unwrap();
    both.disk.end_sessions();
    for ask in [Ask::Head("node-1/north"), add] {
        let answer = agree(&ask, mine.ask(&ask), theirs.ask(&ask)).await;
        assert_eq!(answer, Err(DatabaseError::Unavailable));
    }
    assert!(mine.writing.is_closed() && theirs.writing.is_closed());
    let (mine, theirs) = join(Sessions::of(&*twin), Sessions::of(&*real)).await;
    let head = Ask::Head("node-1/north");
    let head = agree(&head, mine.ask(&head), theirs.ask(&head)).await;
    assert!(matches!(head, Ok(Answer::Head(head)) if head.seq == 1));
    both.end().await;
}
