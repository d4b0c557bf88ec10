//! Torture: power cuts at random moments, over and over, of the runtime, of PostgreSQL and of both.
//!
//! Each round lets several clients read, change, create, submit and be refused; kills with SIGKILL
//! at a random moment; waits until somebody is served again; stops the clients and then asks for
//! everything that was acknowledged. Nothing of it may be lost or be there twice, no change may be
//! without its outcome, and chain, Merkle log and the checkpoint that was shipped have to agree.
//!
//! `TORTURE_ROUNDS` says how many rounds (`make torture`), `TORTURE_SEED` which kills at which
//! moments. A seed repeats those, not how the machine interleaves what they strike.
//!
//! Not covered: a power cut of the machine itself, which the page cache outlives here.

mod load;
mod witness;
mod worker;

use crate::hospital::{Hospital, pause};
use load::Load;
use rustix::process::{Pid, Signal, kill_process};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};
use witness::Witness;

const ROUNDS: u32 = 20;
/// Rounds between two lines of progress.
const PROGRESS: u32 = 50;
/// Rounds between two verifications of the whole trail by the program itself.
const VERIFY: u32 = 50;
/// Answers that a round waits for before it strikes: between one and so many.
const ANSWERS_MAX: usize = 400;
/// And how much later it strikes, at most.
const LATER_US_MAX: u64 = 40_000;
/// Answers to what was sent after the kill that end a round.
const SERVED_AGAIN: usize = 5;
/// The longest that a round may be without service.
const RECOVERY_DEADLINE: Duration = Duration::from_secs(60);

/// What is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Blow {
    Runtime,
    Postmaster,
    /// Any process of the server: the others then lose their memory and recover.
    Backend,
    Both,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_acknowledged_is_lost_or_doubled_however_often_the_power_is_cut() {
    let (rounds, seed) = (
        given("TORTURE_ROUNDS", ROUNDS),
        given("TORTURE_SEED", now()),
    );
    eprintln!("torture: {rounds} rounds, TORTURE_SEED={seed}");
    let mut torture = Torture::start(fastrand::Rng::with_seed(seed)).await;
    for round in 1..=rounds {
        torture.round().await;
        if round % VERIFY == 0 || round == rounds {
            torture.verify().await;
        }
        if round % PROGRESS == 0 || round == rounds {
            torture.tell(round).await;
        }
    }
    let successes = torture.witness.successes();
    torture
        .load
        .everything_is_readable(&torture.hospital, successes)
        .await;
    torture.hospital.finish().await;
}

fn given<T: std::str::FromStr>(name: &str, otherwise: T) -> T {
    let given = std::env::var(name).ok();
    given.map_or(otherwise, |text| {
        text.parse()
            .unwrap_or_else(|_| panic!("{name}: expected a whole number"))
    })
}

/// Another seed for each run.
fn now() -> u64 {
    fastrand::u64(..1_000_000_000)
}

struct Torture {
    rng: fastrand::Rng,
    hospital: Hospital,
    load: Load,
    witness: Witness,
    /// How long nobody was served, for each kind of kill.
    outages: BTreeMap<Blow, Vec<Duration>>,
    _shipped: tempfile::TempDir,
}

impl Torture {
    async fn start(rng: fastrand::Rng) -> Self {
        let shipped = tempfile::tempdir().unwrap();
        let folder = format!("audit.checkpoints={}", shipped.path().display());
        let hospital = Hospital::start_with(&[&folder]).await;
        let load = Load::prepare(&hospital).await;
        let witness = Witness::start(&hospital, shipped.path()).await;
        Self {
            rng,
            hospital,
            load,
            witness,
            outages: BTreeMap::new(),
            _shipped: shipped,
        }
    }

    async fn round(&mut self) {
        let running = self.load.start(&self.hospital, self.rng.u64(..));
        let answers = self.rng.usize(1..=ANSWERS_MAX);
        let later = Duration::from_micros(self.rng.u64(..LATER_US_MAX));
        self.until("answers before the kill", |load| load.answered() >= answers)
            .await;
        // The random moment; nothing is waited for.
        tokio::time::sleep(later).await;
        let blow = match self.rng.u32(..100) {
            0..35 => Blow::Runtime,
            35..60 => Blow::Postmaster,
            60..80 => Blow::Backend,
            _ => Blow::Both,
        };
        let struck = Instant::now();
        self.load.struck(struck);
        self.strike(blow).await;
        self.until("answers after the kill", |load| {
            load.served_again() >= SERVED_AGAIN
        })
        .await;
        let outage = self.load.outage().expect("somebody was served");
        self.outages.entry(blow).or_default().push(outage);
        running.stop().await;
        let told = self.load.take();
        self.witness.testify(&self.hospital, &told).await;
        let successes = self.witness.successes();
        self.load
            .touched_is_readable(&self.hospital, successes)
            .await;
    }

    /// Kills, and starts the runtime again where it was what died.
    async fn strike(&mut self, blow: Blow) {
        let postmaster = self.hospital.postmaster();
        match blow {
            Blow::Runtime => self.hospital.kill_nine().await,
            Blow::Postmaster => kill(postmaster),
            Blow::Backend => {
                let backends = children(postmaster);
                if let Some(backend) = self.rng.choice(backends) {
                    kill(backend);
                }
            }
            Blow::Both => {
                let runtime_first = self.rng.bool();
                if runtime_first {
                    kill(self.hospital.pid());
                }
                kill(postmaster);
                self.hospital.kill_nine().await;
            }
        }
        if matches!(blow, Blow::Runtime | Blow::Both) {
            self.hospital.launch().await;
        }
    }

    async fn until(&mut self, what: &str, done: impl Fn(&Load) -> bool) {
        let end = Instant::now() + RECOVERY_DEADLINE;
        while !done(&self.load) {
            assert!(
                Instant::now() < end,
                "no {what} in time:\n{}",
                self.hospital.log()
            );
            assert!(self.hospital.is_running(), "the runtime ended by itself");
            pause().await;
        }
    }

    /// The whole trail, as an auditor proves it: with the checkpoint that left the host.
    async fn verify(&self) {
        self.witness.verify(&self.hospital).await;
        let log = self.hospital.log();
        assert!(!log.contains("SECURITY"), "the trail did not hold:\n{log}");
    }

    async fn tell(&self, round: u32) {
        let (load, witness) = (&self.load, &self.witness);
        eprintln!(
            "torture: {round} rounds; {} answers acknowledged, each of them there once; \
             {} refusals; {} changes not acknowledged; {} entries in the trail",
            load.acknowledged,
            load.refused,
            load.unacknowledged,
            witness.entries()
        );
        let mut all = Vec::new();
        for (blow, outages) in &self.outages {
            eprintln!("  {blow:?}: {}", spread(outages.clone()));
            all.extend(outages.iter().copied());
        }
        eprintln!("  served again after: {}", spread(all));
        let large = "SELECT FROM plantao.audit_entry GROUP BY xmin::text HAVING count(*) > 64";
        let large = self.hospital.as_superuser(large).await;
        eprintln!("  {large} commits of more than 64 entries, which go out by COPY");
    }
}

fn spread(mut outages: Vec<Duration>) -> String {
    outages.sort_unstable();
    let at = |hundredth: usize| {
        let place = (outages.len() * hundredth / 100).min(outages.len().saturating_sub(1));
        outages.get(place).map_or(0, Duration::as_millis)
    };
    let (p50, p99, most) = (at(50), at(99), at(100));
    format!(
        "{} kills, p50 {p50} ms, p99 {p99} ms, most {most} ms",
        outages.len()
    )
}

fn kill(pid: u32) {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw).unwrap();
    // It may have ended by itself.
    let _gone = kill_process(pid, Signal::KILL);
}

fn children(pid: u32) -> Vec<u32> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"));
    let text = text.unwrap_or_default();
    text.split_whitespace()
        .filter_map(|pid| pid.parse().ok())
        .collect()
}
