//! Entries of the trail verified a second, beside nothing but SHA-256 over the same bytes.
//!
//! What `plantao audit verify --export` does without its file: each entry is encoded, hashed at its
//! place and compared, and where a checkpoint was kept its hash grows the Merkle log. The peers
//! hash the bytes that were encoded beforehand, with the library that this program uses (sha2) and
//! with AWS-LC's assembly. The last line is the command itself, on a file of the same entries.
//!
//! All on one thread, by turns, the middle of several rounds. `--short` is a smoke check.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout
)]
#![allow(clippy::indexing_slicing, dead_code)]

#[path = "audit_write/entry.rs"]
mod entry;
mod support;

use aws_lc_rs::digest::{SHA256, digest};
use plantao_actors::clock::WallClock;
use plantao_schema::audit::merkle::Edge;
use plantao_schema::audit::{ChainHead, Chained, Verifier, canonical};
use sha2::{Digest, Sha256};
use std::hint::black_box;
use std::io::{BufWriter, Write};
use std::process::Command;
use std::time::Instant;
use support::{is_short, median};
use uuid::Uuid;

fn main() {
    let (count, rounds) = if is_short() { (2_000, 1) } else { (100_000, 9) };
    let items = trail(count);
    let bytes: Vec<Vec<u8>> = items.iter().map(hashed).collect();
    let size = bytes.iter().map(Vec::len).sum::<usize>() / count;
    println!(
        "verifying {count} entries of {size} hashed bytes each, one thread, median of {rounds}"
    );
    let mut figures: [Vec<f64>; 4] = Default::default();
    for _ in 0..rounds {
        figures[0].push(rate(count, || {
            let mut verifier = Verifier::new();
            for item in &items {
                verifier.push(item).unwrap();
            }
            assert_eq!(verifier.checked(), count as u64);
        }));
        figures[1].push(rate(count, || {
            let (mut verifier, mut edge) = (Verifier::new(), Edge::new());
            for item in &items {
                verifier.push(item).unwrap();
                edge.push(&item.hash);
            }
            black_box(edge.root());
        }));
        figures[2].push(rate(count, || {
            for bytes in &bytes {
                black_box(Sha256::digest(bytes));
            }
        }));
        figures[3].push(rate(count, || {
            for bytes in &bytes {
                black_box(digest(&SHA256, bytes));
            }
        }));
    }
    let names = [
        "chain",
        "chain and Merkle log",
        "bare sha2",
        "bare aws-lc-rs",
    ];
    let peer = median(&figures[2]).max(median(&figures[3]));
    for (name, figures) in names.into_iter().zip(&figures) {
        let rate = median(figures);
        println!(
            "  {name:<22} {rate:>9.0}/s  {:.2}x of the faster bare hash",
            rate / peer
        );
    }
    command(&items, rounds);
}

/// The program on an export, with its start.
fn command(items: &[Chained], rounds: usize) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("trail.jsonl");
    let mut file = BufWriter::new(std::fs::File::create(&path).unwrap());
    for item in items {
        serde_json::to_writer(&mut file, item).unwrap();
        writeln!(file).unwrap();
    }
    file.into_inner().unwrap();
    let megabytes = std::fs::metadata(&path).unwrap().len() as f64 / 1e6;
    let rates: Vec<f64> = (0..rounds)
        .map(|_| {
            rate(items.len(), || {
                let mut command = Command::new(env!("CARGO_BIN_EXE_plantao"));
                let command = command.args(["audit", "verify", "--export"]).arg(&path);
                let output = command.output().unwrap();
                assert!(output.status.success(), "{output:?}");
            })
        })
        .collect();
    let rate = median(&rates);
    println!("  the command, its start and {megabytes:.0} MB of JSON read: {rate:>9.0}/s");
}

fn rate(count: usize, work: impl FnOnce()) -> f64 {
    let started = Instant::now();
    work();
    count as f64 / started.elapsed().as_secs_f64()
}

fn trail(count: usize) -> Vec<Chained> {
    let (clock, mut head) = (WallClock::system(), ChainHead::EMPTY);
    (0..count)
        .map(|_| {
            let entry = entry::entry(Uuid::now_v7(), &clock);
            let item = Chained::after("node-1/bench", &head, entry);
            head = item.head();
            item
        })
        .collect()
}

/// The bytes that an entry's hash covers.
fn hashed(item: &Chained) -> Vec<u8> {
    let mut bytes = Vec::new();
    bytes.extend((item.chain.len() as u32).to_be_bytes());
    bytes.extend(item.chain.as_bytes());
    bytes.extend(item.seq.to_be_bytes());
    bytes.extend(item.previous);
    bytes.extend(canonical(&item.entry));
    let hash: [u8; 32] = Sha256::digest(&bytes).into();
    assert_eq!(hash, item.hash, "the peers would hash other bytes");
    bytes
}
