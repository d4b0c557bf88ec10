//! The log against a naive tree: RFC 6962 §2.1, written as it is defined there.

use super::*;
use proptest::prelude::*;
use sha2::{Digest, Sha256};

fn digest(parts: &[&[u8]]) -> Hash {
    let mut digest = Sha256::new();
    for part in parts {
        digest.update(part);
    }
    digest.finalize().into()
}

/// MTH of the RFC.
fn naive_root(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => digest(&[]),
        [one] => digest(&[&[0], one]),
        more => {
            let left = more.len().next_power_of_two() / 2;
            let (left, right) = more.split_at(left);
            digest(&[&[1], &naive_root(left), &naive_root(right)])
        }
    }
}

fn entry(number: u64) -> Hash {
    digest(&[&number.to_be_bytes()])
}

/// A log of `size` entries: its edge, and every tile of it.
fn log(size: u64) -> (Edge, Tiles) {
    let (mut edge, mut tiles) = (Edge::new(), Tiles::new());
    for number in 0..size {
        for full in edge.push(&entry(number)) {
            let before = tiles.insert((full.level, full.index), full.hashes);
            assert_eq!(before, None, "no tile is completed twice");
        }
    }
    for (tile, hashes) in edge_tiles(size).iter().zip(edge.clone().into_levels()) {
        if tile.width > 0 {
            tiles.insert((tile.level, tile.index), hashes);
        }
    }
    (edge, tiles)
}

fn checkpoint(size: u64) -> Checkpoint {
    Checkpoint::of("node/demo", &log(size).0)
}

const SIZES: [u64; 12] = [1, 2, 3, 7, 8, 255, 256, 257, 511, 512, 1_000, 66_000];

#[test]
fn the_root_is_that_of_the_rfc_at_every_size() {
    let entries: Vec<Hash> = (0..600).map(entry).collect();
    let mut edge = Edge::new();
    assert_eq!(edge.root(), naive_root(&[]));
    for (number, one) in entries.iter().enumerate() {
        edge.push(one);
        assert_eq!(edge.root(), naive_root(&entries[..=number]), "{number}");
    }
}

#[test]
fn an_edge_is_restored_from_its_tiles_and_goes_on_alike() {
    for size in SIZES {
        let (mut edge, _) = log(size);
        let mut again = Edge::restore(size, edge.clone().into_levels()).unwrap();
        assert_eq!(again, edge);
        assert_eq!(again.push(&entry(size)), edge.push(&entry(size)));
        assert_eq!(again.root(), edge.root());
        let mut short = edge.clone().into_levels();
        if let Some(level) = short.iter_mut().find(|level| !level.is_empty()) {
            level.pop();
        }
        let refused = Edge::restore(edge.size(), short);
        assert!(matches!(refused, Err(MerkleError::Tile { .. })), "{size}");
        assert!(Edge::restore(size, Vec::new()).is_err());
    }
}

#[test]
fn a_full_tile_stands_in_the_level_above_as_its_root() {
    let (_, tiles) = log(66_000);
    for ((level, index), hashes) in &tiles {
        let Some(root) = tile_root(hashes) else {
            continue;
        };
        let above = &tiles[&(level + 1, index / 256)];
        let place = usize::try_from(index % 256).unwrap() * HASH_SIZE;
        assert_eq!(above[place..place + HASH_SIZE], root);
    }
}

#[test]
fn tiles_have_the_paths_of_the_specification() {
    let path = |level, index, width| {
        let tile = TileId {
            level,
            index,
            width,
        };
        tile.path()
    };
    assert_eq!(path(0, 0, 256), "tile/0/000");
    assert_eq!(path(1, 67, 256), "tile/1/067");
    // The specification's own example of a large index.
    assert_eq!(path(0, 1_234_067, 256), "tile/0/x001/x234/067");
    assert_eq!(path(0, 1_234_067, 8), "tile/0/x001/x234/067.p/8");
}

#[test]
fn what_is_not_in_the_log_has_no_proof() {
    let (_, tiles) = log(10);
    for (leaf, size) in [(10, 10), (0, 0), (u64::MAX, 3)] {
        let refused = Err(MerkleError::OutOfRange { asked: leaf, size });
        assert_eq!(prove_inclusion(leaf, size, &tiles), refused);
    }
    for (old, size) in [(0, 10), (11, 10)] {
        let refused = Err(MerkleError::OutOfRange { asked: old, size });
        assert_eq!(prove_consistency(old, size, &tiles), refused);
    }
    let missing = MerkleError::Tile { level: 0, index: 0 };
    assert_eq!(prove_inclusion(1, 10, &Tiles::new()), Err(missing));
}

#[test]
fn a_checkpoint_survives_writing_and_nothing_else_is_one() {
    let one = checkpoint(300);
    let text = one.to_text().unwrap();
    assert!(text.starts_with(b"plantao/node/demo\n300\n"));
    assert_eq!(Checkpoint::from_text(&text), Ok(one));
    for text in [
        "",
        "a\n1\n",
        "a\n01\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n",
        "a\n1\nAAAA\n",
        "a\n1\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\nmore\n",
        "\n1\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n",
    ] {
        let read = Checkpoint::from_text(text.as_bytes());
        assert_eq!(read, Err(MerkleError::Checkpoint), "{text:?}");
    }
}

#[test]
fn every_leaf_of_a_small_log_is_proved_and_no_other() {
    for size in 1..=20 {
        let (_, tiles) = log(size);
        let at = checkpoint(size);
        for leaf in 0..size {
            let proof = prove_inclusion(leaf, size, &tiles).unwrap();
            assert_eq!(check_inclusion(&proof, &at, leaf, &entry(leaf)), Ok(()));
            let other = check_inclusion(&proof, &at, leaf, &entry(leaf + 1));
            assert_eq!(other, Err(MerkleError::Invalid));
            let moved = check_inclusion(&proof, &at, (leaf + 1) % size, &entry(leaf));
            assert_eq!(moved.is_ok(), size == 1);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn a_log_is_shown_to_begin_with_what_it_was(size in 1_u64..1_500, part in 0.0..=1.0_f64) {
        // A number in 1..=size.
        let old = (1..=size).nth((part * (size - 1) as f64) as usize).unwrap();
        let (_, tiles) = log(size);
        let proof = prove_consistency(old, size, &tiles).unwrap();
        let (before, now) = (checkpoint(old), checkpoint(size));
        prop_assert_eq!(check_consistency(&proof, &before, &now), Ok(()));
        let forked = Checkpoint { root: entry(9), ..before.clone() };
        prop_assert_eq!(
            check_consistency(&proof, &forked, &now),
            Err(MerkleError::Invalid)
        );
        let elsewhere = Checkpoint { origin: origin("node/other"), ..before };
        prop_assert!(check_consistency(&proof, &elsewhere, &now).is_err());
    }

    #[test]
    fn any_leaf_is_proved_from_the_tiles_that_were_named(size in 1_u64..1_500, leaf: u64) {
        let leaf = leaf % size;
        let (_, tiles) = log(size);
        let named = inclusion_tiles(leaf, size).unwrap();
        let mut held = Tiles::new();
        for tile in &named {
            let hashes = &tiles[&(tile.level, tile.index)];
            held.insert((tile.level, tile.index), hashes[..tile.width * HASH_SIZE].to_vec());
        }
        let proof = prove_inclusion(leaf, size, &held).unwrap();
        prop_assert_eq!(check_inclusion(&proof, &checkpoint(size), leaf, &entry(leaf)), Ok(()));
    }
}
