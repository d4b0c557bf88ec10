//! A witness against honest logs, forks, rollbacks and nonsense.

use super::super::cosignature::check_cosigned;
use super::*;
use crate::audit::transparency::{Algorithm, LogKeys, Occasion};
use plantao_schema::audit::merkle::{
    Edge, FullTile, Tiles, consistency_tiles, leaf_hash, prove_consistency,
};
use std::cell::RefCell;
use std::collections::BTreeMap;

const CHAIN: &str = "n/demo";

#[derive(Default)]
struct Memory(Mutex<BTreeMap<String, Checkpoint>>, bool);

impl Pages for Memory {
    fn last(&self, origin: &str) -> io::Result<Option<Checkpoint>> {
        Ok(self.0.lock().unwrap().get(origin).cloned())
    }
    fn write(&self, checkpoint: &Checkpoint) -> io::Result<()> {
        if self.1 {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let (origin, one) = (checkpoint.origin.clone(), checkpoint.clone());
        self.0.lock().unwrap().insert(origin, one);
        Ok(())
    }
}

/// A log in memory: its leaves, the full tiles they made, and its keys.
struct Log {
    leaves: RefCell<Vec<[u8; 32]>>,
    keys: LogKeys,
}

impl Log {
    fn new() -> Self {
        let keys = LogKeys::made(&[Algorithm::Ed25519, Algorithm::MlDsa65]).unwrap();
        let leaves = RefCell::default();
        Self { leaves, keys }
    }

    fn grow(&self, by: usize, with: u8) {
        let leaves = (0..by).map(|_| [with; 32]);
        self.leaves.borrow_mut().extend(leaves);
    }

    fn edge(&self, size: usize) -> (Edge, Vec<FullTile>) {
        let mut edge = Edge::new();
        let leaves = self.leaves.borrow();
        let tiles = leaves[..size].iter().flat_map(|leaf| edge.push(leaf));
        let tiles = tiles.collect();
        (edge, tiles)
    }

    fn note(&self) -> String {
        let (edge, _) = self.edge(self.leaves.borrow().len());
        let checkpoint = Checkpoint::of(CHAIN, &edge);
        self.keys.sign(&checkpoint, Occasion::Tick).unwrap()
    }

    fn ask(&self, old: u64) -> String {
        let leaves = self.leaves.borrow().len();
        let size = u64::try_from(leaves).unwrap();
        let mut tiles = Tiles::new();
        let mut proof = Vec::new();
        if old > 0 {
            let (_, full) = self.edge(leaves);
            for tile in consistency_tiles(old, size).unwrap() {
                let kept = full
                    .iter()
                    .find(|one| (one.level, one.index) == (tile.level, tile.index));
                let partial = || {
                    assert_eq!(tile.level, 0, "small logs have one partial level");
                    let (first, _) = tile.span();
                    let first = usize::try_from(first).unwrap();
                    let leaves = self.leaves.borrow();
                    let some = &leaves[first..first + tile.width];
                    some.iter().map(leaf_hash).collect::<Vec<_>>().concat()
                };
                let hashes = kept.map_or_else(partial, |one| one.hashes.clone());
                tiles.insert((tile.level, tile.index), hashes);
            }
            proof = prove_consistency(old, size, &tiles).unwrap();
        }
        let note = self.note();
        AddCheckpoint { old, proof, note }.to_text()
    }

    fn book(&self, pages: Memory) -> Book<Memory> {
        let key = WitnessKey::made("witness.example").unwrap();
        Book::new(key, self.keys.verifiers(CHAIN), pages)
    }
}

fn refusal(answer: Result<String, BookError>) -> WitnessRefusal {
    match answer {
        Err(BookError::Refused(refusal)) => refusal,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_log_that_only_grows_is_cosigned_each_time() {
    let log = Log::new();
    let book = log.book(Memory::default());
    let mut old = 0;
    for by in [1, 6, 100] {
        log.grow(by, 1);
        let line = book.cosign(&log.ask(old), 5).unwrap();
        let cosigned = check_cosigned(&(log.note() + &line), &book.public()).unwrap();
        old = cosigned.size;
        // Asked again, it signs the same again.
        book.cosign(&log.ask(old), 6).unwrap();
    }
    assert_eq!(old, 107);
}

#[test]
fn a_fork_a_shorter_log_and_a_wrong_beginning_are_refused() {
    let log = Log::new();
    let book = log.book(Memory::default());
    log.grow(20, 1);
    book.cosign(&log.ask(0), 5).unwrap();
    assert_eq!(
        refusal(book.cosign(&log.ask(0), 5)),
        WitnessRefusal::Conflict { size: 20 }
    );

    let keys = log.keys.clone();
    let fork = Log {
        leaves: RefCell::default(),
        keys,
    };
    fork.grow(20, 2);
    assert_eq!(
        refusal(book.cosign(&fork.ask(20), 5)),
        WitnessRefusal::Conflict { size: 20 }
    );
    fork.grow(10, 2);
    let rewritten = WitnessRefusal::Inconsistent { old: 20 };
    assert_eq!(refusal(book.cosign(&fork.ask(20), 5)), rewritten);
    let keys = log.keys.clone();
    let shorter = Log {
        leaves: RefCell::default(),
        keys,
    };
    shorter.grow(10, 1);
    assert_eq!(
        refusal(book.cosign(&shorter.ask(10), 5)),
        WitnessRefusal::Conflict { size: 20 }
    );
    let backward = AddCheckpoint {
        old: 20,
        proof: vec![],
        note: shorter.note(),
    };
    assert_eq!(
        refusal(book.cosign(&backward.to_text(), 5)),
        WitnessRefusal::Malformed
    );

    log.grow(1, 1);
    let bare = AddCheckpoint {
        old: 20,
        proof: vec![],
        note: log.note(),
    };
    assert_eq!(refusal(book.cosign(&bare.to_text(), 5)), rewritten);
    book.cosign(&log.ask(20), 5).unwrap();
}

#[test]
fn strangers_and_notes_without_every_signature_are_refused() {
    let (log, stranger) = (Log::new(), Log::new());
    let book = log.book(Memory::default());
    log.grow(1, 1);
    stranger.grow(1, 1);
    assert_eq!(
        refusal(book.cosign(&stranger.ask(0), 5)),
        WitnessRefusal::Unsigned
    );
    let elsewhere = Book::new(
        WitnessKey::made("w").unwrap(),
        stranger.keys.verifiers("other/demo"),
        Memory::default(),
    );
    let unknown = refusal(elsewhere.cosign(&log.ask(0), 5));
    assert_eq!(
        unknown,
        WitnessRefusal::UnknownLog {
            origin: "plantao/n/demo".into()
        }
    );
    let note = log.note();
    let classical: String = note
        .lines()
        .take(5)
        .map(|line| format!("{line}\n"))
        .collect();
    let half = AddCheckpoint {
        old: 0,
        proof: vec![],
        note: classical,
    };
    assert_eq!(
        refusal(book.cosign(&half.to_text(), 5)),
        WitnessRefusal::Unsigned
    );
    assert_eq!(
        refusal(book.cosign("old 0\n\nnonsense", 5)),
        WitnessRefusal::Malformed
    );
}

#[test]
fn what_cannot_be_written_down_is_not_signed() {
    let log = Log::new();
    let book = log.book(Memory(Mutex::default(), true));
    log.grow(1, 1);
    assert!(matches!(
        book.cosign(&log.ask(0), 5),
        Err(BookError::Pages(_))
    ));
}
