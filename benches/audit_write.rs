//! Durable audit entries a second through the trail's writer, beside a raw binary COPY.
//!
//! The peer copies rows that were made beforehand into a table of the same columns, constraints and
//! indexes, over as many connections as the writer has (one), in transactions of as many rows. It
//! chains nothing, hashes nothing, answers nobody. Both run on the same private cluster with the
//! product's own settings, in short rounds by turns, and the sequencer signs what the writer
//! commits, as it does in the product.
//!
//! The second part offers 10,000 entries a second whatever the answers do (open loop) and measures
//! from the moment at which each entry was due. There the peer is a writer that copies what waits
//! and answers: group commit with nothing else to it.
//!
//! `--short` is a smoke check.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout
)]
#![allow(clippy::indexing_slicing, dead_code)]

#[path = "../tests/hospital/client.rs"]
mod client;
#[path = "audit_write/entry.rs"]
mod entry;
#[path = "../tests/hospital/hospital.rs"]
mod hospital;
#[path = "audit_write/product.rs"]
mod product;
#[path = "audit_write/raw.rs"]
mod raw;
mod support;

use hospital::Hospital;
use product::Product;
use raw::Raw;
use std::future::Future;
use std::time::{Duration, Instant};
use support::{Taken, median, middle, taking};
use tokio::task::JoinSet;

/// What is offered in the open loop.
const OFFERED_PER_SECOND: usize = 10_000;
/// Callers who wait for their receipts at once in the closed loop.
const CALLERS: usize = 1_024;

struct Plan {
    rounds: usize,
    /// Entries of one round.
    entries: usize,
    /// How long entries are offered.
    offered: Duration,
}

fn plan() -> Plan {
    if support::is_short() {
        return Plan {
            rounds: 1,
            entries: 8_192,
            offered: Duration::from_millis(500),
        };
    }
    Plan {
        rounds: 7,
        entries: 65_536,
        offered: Duration::from_secs(4),
    }
}

fn main() {
    tokio::runtime::Runtime::new().unwrap().block_on(compare());
}

async fn compare() {
    let plan = plan();
    let hospital = Hospital::start().await;
    let postmaster = hospital.postmaster();
    let product = Product::start(&hospital).await;
    let mut raw = Raw::connect(&hospital).await;
    println!("audit entries, each durable before its caller is answered; one connection each");
    sustained(&plan, postmaster, &product, &mut raw).await;
    offered(&plan, postmaster, &product, &raw).await;
    product.stop().await;
    raw.close().await;
    hospital.finish().await;
}

/// As many as there can be.
async fn sustained(plan: &Plan, postmaster: u32, product: &Product, raw: &mut Raw) {
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for round in 0..plan.rounds {
        let rows = raw.rows(plan.entries);
        let first_ours = round % 2 == 0;
        if first_ours {
            ours.push(taking(postmaster, product.append(plan.entries, CALLERS)).await);
        }
        theirs.push(taking(postmaster, raw.copy(rows)).await);
        if !first_ours {
            ours.push(taking(postmaster, product.append(plan.entries, CALLERS)).await);
        }
    }
    let ratios: Vec<f64> = ours
        .iter()
        .zip(&theirs)
        .map(|(o, t)| o.rate / t.rate)
        .collect();
    println!(
        "  closed loop, {CALLERS} callers, median of {} rounds",
        plan.rounds
    );
    report("audit writer", &middle(&ours));
    report("raw COPY", &middle(&theirs));
    println!(
        "  the writer reaches {:.2}x of raw COPY (each round {})",
        median(&ratios),
        ratios
            .iter()
            .map(|ratio| format!("{ratio:.2}"))
            .collect::<Vec<_>>()
            .join(" ")
    );
}

fn report(name: &str, taken: &Taken) {
    println!(
        "    {name:<14} {:>7.0}/s  {:.1} us of this process and {:.1} us of PostgreSQL each",
        taken.rate, taken.client_us, taken.server_us
    );
}

/// As many as come.
async fn offered(plan: &Plan, postmaster: u32, product: &Product, raw: &Raw) {
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for round in 0..plan.rounds {
        let first_ours = round % 2 == 0;
        if first_ours {
            ours.push(offering(plan, postmaster, || product.one()).await);
        }
        theirs.push(offering(plan, postmaster, || raw.one()).await);
        if !first_ours {
            ours.push(offering(plan, postmaster, || product.one()).await);
        }
    }
    println!("  open loop, {OFFERED_PER_SECOND}/s offered, from when each was due");
    let told = |name: &str, rounds: &[(Latencies, Taken)]| {
        let of = |at: fn(&Latencies) -> f64| {
            median(&rounds.iter().map(|(one, _)| at(one)).collect::<Vec<_>>())
        };
        let taken = middle(&rounds.iter().map(|(_, taken)| *taken).collect::<Vec<_>>());
        println!(
            "    {name:<14} p50 {:.2} ms  p99 {:.2} ms  {:.1} us of this process and {:.1} us of \
             PostgreSQL each",
            of(|one| one.p50_ms),
            of(|one| one.p99_ms),
            taken.client_us,
            taken.server_us
        );
    };
    told("audit writer", &ours);
    told("bare COPY", &theirs);
    let pairs = ours.iter().zip(&theirs);
    let added: Vec<f64> = pairs.map(|(o, t)| o.0.p50_ms - t.0.p50_ms).collect();
    println!("  the writer adds {:.2} ms at the median", median(&added));
}

async fn offering<F>(plan: &Plan, postmaster: u32, one: impl Fn() -> F) -> (Latencies, Taken)
where
    F: Future<Output = ()> + Send + 'static,
{
    let mut latencies = None;
    let work = async {
        let (found, count) = open_loop(plan.offered, one).await;
        latencies = Some(found);
        count
    };
    let taken = taking(postmaster, work).await;
    (latencies.unwrap(), taken)
}

/// From when an entry was due to its answer.
struct Latencies {
    p50_ms: f64,
    p99_ms: f64,
}

/// Begins one after the other at their times, whether or not those before are answered.
async fn open_loop<F>(lasts: Duration, one: impl Fn() -> F) -> (Latencies, usize)
where
    F: Future<Output = ()> + Send + 'static,
{
    let (began, each) = (
        Instant::now(),
        Duration::from_secs(1) / OFFERED_PER_SECOND as u32,
    );
    let mut tick = tokio::time::interval(Duration::from_millis(1));
    let (mut waiting, mut next) = (JoinSet::new(), began);
    while next < began + lasts {
        tick.tick().await;
        while next <= Instant::now() {
            let (due, work) = (next, one());
            waiting.spawn(async move {
                work.await;
                due.elapsed()
            });
            next += each;
        }
    }
    let mut took: Vec<f64> = waiting
        .join_all()
        .await
        .into_iter()
        .map(|took| took.as_secs_f64() * 1e3)
        .collect();
    took.sort_unstable_by(f64::total_cmp);
    let at = |part: f64| took[((took.len() - 1) as f64 * part) as usize];
    let latencies = Latencies {
        p50_ms: at(0.50),
        p99_ms: at(0.99),
    };
    (latencies, took.len())
}
