//! The spool's contract: what is written where, what is found again, and what is refused.

use super::super::{Disk, TwinSpool};
use super::agree;
use crate::sim::Recorder;
use fastrand::Rng;
use plantao_actors::audit::{FileSpool, SpoolError, SpoolStore};

const STEPS: usize = 300;

#[derive(Debug)]
enum Ask {
    Append(usize, Vec<u8>),
    Replace(Vec<u8>),
    SetAside(Vec<u8>),
}

/// What it answers, and what is there then.
async fn ask(store: &dyn SpoolStore, ask: &Ask) -> (Result<(), SpoolError>, Vec<u8>) {
    let answered = match ask {
        Ask::Append(at, bytes) => store.append(*at, bytes.clone()).await,
        Ask::Replace(bytes) => store.replace(bytes.clone()).await,
        Ask::SetAside(bytes) => store.set_aside(bytes.clone()).await,
    };
    (answered, store.read().await.unwrap())
}

#[tokio::test]
async fn bytes_drawn_from_a_seed_are_kept_alike() {
    let mut rng = Rng::with_seed(31);
    let folder = tempfile::tempdir().unwrap();
    let real = FileSpool::new(folder.path().join("spool"));
    let disk = Disk::new(rng.fork(), None, Recorder::default()).prompt();
    let twin = TwinSpool(disk);
    let mut length = 0_usize;
    for step in 0..STEPS {
        let bytes: Vec<u8> = (0..rng.usize(1..40)).map(|_| rng.u8(..)).collect();
        let asked = match rng.u32(..10) {
            // Before there is anything, and beyond the end, nothing is added.
            _ if step < 3 => Ask::Append(rng.usize(..2), bytes),
            0..7 => Ask::Append(rng.usize(..=length + 2), bytes),
            7..9 => Ask::Replace(bytes),
            _ => Ask::SetAside(bytes),
        };
        let answered = agree(&asked, ask(&twin, &asked), ask(&real, &asked));
        length = answered.await.1.len();
    }
    assert!(length > 0);
}
