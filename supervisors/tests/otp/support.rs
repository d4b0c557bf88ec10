//! Workers that are told by id what to do, and whose lives are numbered as pids are: growing.

use plantao_supervisors::{ChildSpec, Envelope, Handle, Ignore, Limits, Restart};
use ractor::{Actor, ActorProcessingErr, ActorRef};
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

pub(crate) const SECOND: Duration = Duration::from_secs(1);

/// How long a start takes that fails late.
const LATE: Duration = Duration::from_secs(2);

/// One life of a child, or why there is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Pid {
    At(u64),
    Undefined,
    Restarting,
}

pub(crate) enum Order {
    /// Stop by itself, for this reason.
    Finish(Option<&'static str>),
    /// Never come back from the handler.
    Sleep,
    /// Leave the supervisor's supervision, as no well-behaved child does.
    Unlink,
}

pub(crate) const STOP: Order = Order::Finish(None);
pub(crate) const DIE: Order = Order::Finish(Some("died"));

/// What a start comes to.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) enum Birth {
    #[default]
    Well,
    Ignore,
    Refuse,
    Panic,
    /// Takes two seconds, and fails then.
    RefuseLate,
}

/// How a worker takes an order to stop.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) enum Farewell {
    #[default]
    Prompt,
    Late(Duration),
    Fails(&'static str),
}

struct Seat {
    line: Handle<Order>,
    life: Option<u64>,
    next_births: VecDeque<Birth>,
    births: Birth,
    farewell: Farewell,
}

#[derive(Default)]
struct Roll {
    lives: u64,
    seats: BTreeMap<String, Seat>,
    journal: Vec<String>,
}

impl Roll {
    fn seat(&mut self, id: &str) -> &mut Seat {
        self.seats.entry(id.to_owned()).or_insert_with(|| Seat {
            line: Handle::new(Limits::in_flight(4)),
            life: None,
            next_births: VecDeque::new(),
            births: Birth::Well,
            farewell: Farewell::Prompt,
        })
    }
}

/// All workers of one test, by their ids.
#[derive(Default, Clone)]
pub(crate) struct Crew(Arc<Mutex<Roll>>);

impl Crew {
    fn with<T>(&self, look: impl FnOnce(&mut Roll) -> T) -> T {
        look(&mut self.0.lock().unwrap())
    }

    pub(crate) fn worker(&self, id: &str) -> ChildSpec {
        self.laden(id, Arc::new(()))
    }

    pub(crate) fn of_class(&self, id: &str, restart: Restart) -> ChildSpec {
        self.worker(id).restart(restart)
    }

    pub(crate) fn significant(&self, id: &str, restart: Restart) -> ChildSpec {
        self.of_class(id, restart).significant(true)
    }

    /// A worker whose factory holds on to `cargo`.
    pub(crate) fn laden<T: Send + Sync + 'static>(&self, id: &str, cargo: Arc<T>) -> ChildSpec {
        let (crew, name) = (self.clone(), id.to_owned());
        let line = self.with(|roll| roll.seat(id).line.clone());
        ChildSpec::worker(id, &line, move || {
            let _cargo = &cargo;
            let (crew, id) = (crew.clone(), name.clone());
            (Worker { id, crew }, ())
        })
    }

    /// The next starts of `id`, one by one; those after them are as ever.
    pub(crate) fn next_births(&self, id: &str, births: impl IntoIterator<Item = Birth>) {
        self.with(|roll| roll.seat(id).next_births.extend(births));
    }

    /// All starts of `id` from now on.
    pub(crate) fn births(&self, id: &str, birth: Birth) {
        self.with(|roll| roll.seat(id).births = birth);
    }

    pub(crate) fn farewell(&self, id: &str, farewell: Farewell) {
        self.with(|roll| roll.seat(id).farewell = farewell);
    }

    pub(crate) fn tell(&self, id: &str, order: Order) {
        let line = self.with(|roll| roll.seat(id).line.clone());
        line.cast(order).unwrap();
    }

    pub(crate) fn pid(&self, id: &str) -> Pid {
        let life = self.with(|roll| roll.seats.get(id)?.life);
        life.map_or(Pid::Undefined, Pid::At)
    }

    /// Lives there have been.
    pub(crate) fn lives(&self) -> u64 {
        self.with(|roll| roll.lives)
    }

    /// Lives there are.
    pub(crate) fn alive(&self) -> usize {
        self.with(|roll| {
            let lives = roll.seats.values().filter(|seat| seat.life.is_some());
            lives.count()
        })
    }

    /// The starts and ends since the last call, in order.
    pub(crate) fn journal(&self) -> Vec<String> {
        self.with(|roll| std::mem::take(&mut roll.journal))
    }
}

pub(crate) struct Worker {
    id: String,
    crew: Crew,
}

/// A life: it ends when this is dropped.
pub(crate) struct Life {
    id: String,
    crew: Crew,
}

impl Drop for Life {
    fn drop(&mut self) {
        self.crew.with(|roll| {
            roll.seat(&self.id).life = None;
            roll.journal.push(format!("end {}", self.id));
        });
    }
}

#[cfg_attr(feature = "async-trait", ractor::async_trait)]
impl Actor for Worker {
    type Msg = Envelope<Order>;
    type State = Life;
    type Arguments = ();

    async fn pre_start(&self, _: ActorRef<Self::Msg>, (): ()) -> Result<Life, ActorProcessingErr> {
        let birth = self.crew.with(|roll| {
            let seat = roll.seat(&self.id);
            seat.next_births.pop_front().unwrap_or(seat.births)
        });
        match birth {
            Birth::Well => {}
            Birth::Ignore => return Err(Ignore.into()),
            Birth::Refuse => return Err("refused".into()),
            Birth::Panic => panic!("broken"),
            Birth::RefuseLate => {
                tokio::time::sleep(LATE).await;
                return Err("refused late".into());
            }
        }
        let (id, crew) = (self.id.clone(), self.crew.clone());
        crew.with(|roll| {
            roll.lives += 1;
            let life = roll.lives;
            let before = roll.seat(&id).life.replace(life);
            roll.journal.push(match before {
                None => format!("start {id}"),
                Some(_) => format!("second life of {id}"),
            });
        });
        Ok(Life { id, crew })
    }

    async fn handle(
        &self,
        myself: ActorRef<Self::Msg>,
        message: Self::Msg,
        _: &mut Life,
    ) -> Result<(), ActorProcessingErr> {
        let (order, _in_flight) = message.open();
        match order {
            Order::Finish(reason) => myself.stop(reason.map(str::to_owned)),
            Order::Sleep => std::future::pending().await,
            Order::Unlink => {
                let supervisor = myself.get_cell().try_get_supervisor().unwrap();
                myself.unlink(supervisor);
            }
        }
        Ok(())
    }

    async fn post_stop(
        &self,
        _: ActorRef<Self::Msg>,
        _: &mut Life,
    ) -> Result<(), ActorProcessingErr> {
        match self.crew.with(|roll| roll.seat(&self.id).farewell) {
            Farewell::Prompt => Ok(()),
            Farewell::Fails(reason) => Err(reason.into()),
            Farewell::Late(time) => {
                tokio::time::sleep(time).await;
                Ok(())
            }
        }
    }
}
