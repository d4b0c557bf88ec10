//! Fifty observations a second, and when each of a crowd of viewers saw each of them.

use crate::client::Client;
use crate::crowd::{Arrivals, Crowd};
use crate::peer::Peer;
use crate::stage::{HEART_RATE, Stage, bed, observation, patient};
use crate::support::{children, cpu_seconds};
use crate::viewer::Asking;
use crate::wire::{Frame, Slot, Tree};
use crate::{BEDS, stage};
use bytes::Bytes;
use std::time::{Duration, Instant};
use time::OffsetDateTime;
use tokio::task::JoinSet;

/// Every bed once a second.
const ROUNDS: usize = 20;
const BEAT: Duration = Duration::from_millis(20);
/// What is not there by then counts as not arrived.
pub(crate) const GRACE: Duration = Duration::from_secs(5);
/// Heart rates from here on, one more each round: no other text of a bed is one of them.
const FIRST: usize = 60;
/// The heart rate of every bed before.
const BEFORE: f64 = 55.0;
const FHIR: &str = "/fhir/Observation";

/// Of many times, two. Infinite: it did not come within [`GRACE`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Latency {
    pub(crate) p50_ms: f64,
    pub(crate) p99_ms: f64,
}

/// What was found under the load.
#[derive(Debug)]
pub(crate) struct Load {
    pub(crate) updates: usize,
    /// Updates that were answered in time.
    pub(crate) taken: usize,
    /// From the POST's first byte to the viewer's frame.
    pub(crate) sent: Latency,
    /// From the POST's answer to the viewer's frame; nothing where the frame came first.
    pub(crate) answered: Latency,
    /// From the POST's first byte to its answer.
    pub(crate) answer: Latency,
    /// Which part of all updates at all viewers arrived.
    pub(crate) arrived: f64,
    pub(crate) frames_per_viewer: usize,
    pub(crate) cpu_s_per_1000: f64,
    /// Of one update at one viewer.
    pub(crate) cpu_us_per_arrival: f64,
    pub(crate) database_cpu_s_per_1000: Option<f64>,
}

/// One observation: which, and when it was sent; when it was answered, and what was said.
struct Posted {
    round: usize,
    bed: usize,
    sent: Instant,
    answer: Option<(Instant, String)>,
}

impl Load {
    /// Of the hospital's live page.
    pub(crate) async fn of_hospital(stage: &Stage, asking: &Asking, viewers: usize) -> Self {
        let crowd = Crowd::open(asking, viewers).await;
        let mut reader = asking.watch().await;
        reader.first().await;
        let (pid, postmaster) = (stage.hospital.pid(), stage.hospital.postmaster());
        let of_database = || {
            let workers = children(postmaster).into_iter().map(cpu_seconds);
            cpu_seconds(postmaster) + workers.sum::<f64>()
        };
        // A connection of its own: an idle one is closed by the door.
        let client = stage.hospital.as_principal("medica").await;
        for bed in 0..BEDS {
            let body = observation(&patient(bed), HEART_RATE, BEFORE, OffsetDateTime::now_utc());
            let reply = client.post(FHIR, "application/fhir+json", body.to_string());
            assert_eq!(reply.await.unwrap().status, 201);
        }
        settle(&crowd).await;
        let quiet = reader.now().frames.len();
        let (before, database) = (cpu_seconds(pid), of_database());
        let posted = post_all(&[client], FHIR).await;
        tokio::time::sleep(GRACE).await;
        let (used, database) = (cpu_seconds(pid) - before, of_database() - database);
        assert_eq!(crowd.ended(), 0, "viewers were lost");
        let frames = reader.now().frames;
        let numbers = numbers(&frames, quiet, &posted);
        let numbered = posted.iter().zip(numbers);
        let mut load = Self::of(&crowd.take(), numbered, used);
        load.database_cpu_s_per_1000 = Some(database * 1_000.0 / posted.len() as f64);
        load
    }

    /// Of the peer.
    pub(crate) async fn of_peer(peer: &Peer, asking: &Asking, viewers: usize) -> Self {
        let crowd = Crowd::open(asking, viewers).await;
        settle(&crowd).await;
        let clients = peer.clients(asking).await;
        let before = cpu_seconds(peer.pid());
        let posted = post_all(&clients, "/observation").await;
        tokio::time::sleep(GRACE).await;
        let used = cpu_seconds(peer.pid()) - before;
        let number = |one: &Posted| one.answer.as_ref()?.1.parse().ok();
        let numbers: Vec<Option<u64>> = posted.iter().map(number).collect();
        Self::of(&crowd.take(), posted.iter().zip(numbers), used)
    }

    fn of<'a>(
        arrivals: &[Arrivals],
        posted: impl Iterator<Item = (&'a Posted, Option<u64>)>,
        used_s: f64,
    ) -> Self {
        let (mut sent, mut answered, mut answer) = (Vec::new(), Vec::new(), Vec::new());
        let (mut updates, mut wanted) = (0, 0);
        for (one, number) in posted {
            updates += 1;
            let answered_at = one.answer.as_ref().map(|(at, _)| *at);
            answer.extend(answered_at.map(|at| at - one.sent));
            for viewer in arrivals {
                wanted += 1;
                let shown = number.and_then(|number| {
                    let place = viewer.partition_point(|(frame, _)| *frame < number);
                    viewer.get(place)
                });
                let in_time = shown.filter(|(_, at)| *at < one.sent + GRACE);
                if let Some((_, at)) = in_time {
                    sent.push(at.saturating_duration_since(one.sent));
                    answered.extend(answered_at.map(|it| at.saturating_duration_since(it)));
                }
            }
        }
        let frames: usize = arrivals.iter().map(Vec::len).sum();
        Self {
            updates,
            taken: answer.len(),
            arrived: sent.len() as f64 / wanted as f64,
            cpu_us_per_arrival: used_s * 1_000_000.0 / sent.len() as f64,
            sent: quantiles(sent, wanted),
            answered: quantiles(answered, wanted),
            answer: quantiles(answer, updates),
            frames_per_viewer: frames / arrivals.len(),
            cpu_s_per_1000: used_s * 1_000.0 / updates as f64,
            database_cpu_s_per_1000: None,
        }
    }
}

/// Of so many times that were to be; those that are missing took for ever.
fn quantiles(mut times: Vec<Duration>, wanted: usize) -> Latency {
    times.sort_unstable();
    let at = |part: f64| {
        let place = (wanted as f64 * part) as usize;
        times
            .get(place)
            .map_or(f64::INFINITY, |time| time.as_secs_f64() * 1_000.0)
    };
    Latency {
        p50_ms: at(0.5),
        p99_ms: at(0.99),
    }
}

/// Waits until what opening brought about is over.
async fn settle(crowd: &Crowd) {
    tokio::time::sleep(Duration::from_secs(3)).await;
    crowd.take();
}

/// Posts at its rhythm, whether or not what came before has been answered.
async fn post_all(clients: &[Client], path: &'static str) -> Vec<Posted> {
    let mut beat = tokio::time::interval(BEAT);
    let mut posting = JoinSet::new();
    for number in 0..ROUNDS * BEDS {
        beat.tick().await;
        let (round, bed) = (number / BEDS, number % BEDS);
        let client = clients[number % clients.len()].clone();
        let value = (FIRST + round) as f64;
        let body = observation(&patient(bed), HEART_RATE, value, OffsetDateTime::now_utc());
        posting.spawn(async move {
            let (body, sent) = (Bytes::from(body.to_string()), Instant::now());
            let post = client.post(path, "application/fhir+json", body);
            // A server that is swamped does not answer; what it owes did not arrive.
            let answer = match tokio::time::timeout(GRACE, post).await {
                Ok(Ok(reply)) if reply.status < 300 => Some((Instant::now(), reply.text())),
                _ => None,
            };
            Posted {
                round,
                bed,
                sent,
                answer,
            }
        });
    }
    posting.join_all().await
}

/// For each observation the number of the first frame that shows it, by reading all frames; the
/// first `quiet` came before.
fn numbers(frames: &[Bytes], quiet: usize, posted: &[Posted]) -> Vec<Option<u64>> {
    let mut first = vec![[None; ROUNDS]; BEDS];
    let mut shown = [0; BEDS];
    let mut tree: Option<Tree> = None;
    for (place, frame) in frames.iter().enumerate() {
        let number = match (Frame::parse(frame), &mut tree) {
            (Frame::Full(_, number, whole), tree) => {
                *tree = Some(whole);
                number
            }
            (Frame::Diff(number, within), Some(tree)) => {
                tree.apply(&within);
                number
            }
            (Frame::Diff(..) | Frame::Heartbeat, _) => continue,
        };
        let Some(tree) = tree.as_ref().filter(|_| place >= quiet) else {
            continue;
        };
        for bed in 0..BEDS {
            let item = item(tree, bed);
            let newest = (shown[bed]..ROUNDS)
                .rev()
                .find(|round| item.shows(&(FIRST + round).to_string()));
            if let Some(newest) = newest {
                first[bed][shown[bed]..=newest].fill(Some(number));
                shown[bed] = newest + 1;
            }
        }
    }
    posted.iter().map(|one| first[one.bed][one.round]).collect()
}

/// What a bed shows: the item of the list that bears its name.
fn item(tree: &Tree, number: usize) -> &Tree {
    let name = bed(number);
    let named = |text: &&str| *text == name || text.ends_with(&format!(" {name}"));
    let found = items(tree).find(|item| item.texts().iter().any(named));
    found.unwrap_or_else(|| panic!("no bed `{name}` in {}", stage::WARD))
}

fn items(tree: &Tree) -> Box<dyn Iterator<Item = &Tree> + '_> {
    Box::new(tree.slots.iter().flat_map(|slot| match slot {
        Slot::List(items) => Box::new(items.iter().map(|(_, item)| item)),
        Slot::Part(part) => items(part),
        Slot::Text(_) | Slot::Series(_) => Box::new(std::iter::empty()),
    }))
}
