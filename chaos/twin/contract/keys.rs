//! The wrapped keys' contract: which is kept, under which master key, and which is read back.

use super::{Both, agree, scope};
use crate::twin::TwinKeys;
use plantao_actors::database::DatabaseError;
use plantao_actors::vault::{KeyStore, Made, NAME_BYTES, Place, VaultError};

const STEPS: usize = 150;

#[derive(Debug)]
enum Ask {
    Find(&'static str, &'static str, Option<i32>),
    Add(Key),
}

#[derive(Clone, Copy, Debug)]
struct Key {
    on_behalf_of: &'static str,
    tenant: &'static str,
    subject: &'static str,
    version: i32,
    wrapped: u8,
    master: u8,
}

#[derive(Debug, PartialEq)]
enum Answer {
    Found(Option<(i32, Vec<u8>)>),
    Added(bool),
}

async fn ask(store: &dyn KeyStore, ask: &Ask) -> Result<Answer, VaultError> {
    match *ask {
        Ask::Find(tenant, subject, version) => {
            let found = store.find(&scope(tenant), subject, version).await;
            found.map(Answer::Found)
        }
        Ask::Add(key) => {
            let place = Place {
                tenant: key.tenant.to_owned(),
                subject: key.subject.to_owned(),
                version: key.version,
            };
            let made = Made {
                wrapped: vec![key.wrapped; 3],
                master: [key.master; NAME_BYTES],
            };
            let added = store.add(&scope(key.on_behalf_of), &place, &made).await;
            added.map(Answer::Added)
        }
    }
}

const FIRST: Key = Key {
    on_behalf_of: "north",
    tenant: "north",
    subject: "index",
    version: 1,
    wrapped: 1,
    master: 1,
};

#[tokio::test]
async fn keys_drawn_from_a_seed_are_kept_alike() {
    let mut both = Both::new(21).await;
    let (twin, real) = (TwinKeys(both.disk.clone()), both.database.database());
    for _ in 0..STEPS {
        let rng = &mut both.rng;
        let tenant = ["north", "south"][rng.usize(..2)];
        let subject = ["index", "directory", "patient:maria"][rng.usize(..3)];
        let version = rng.i32(-1..6);
        let asked = if rng.bool() {
            Ask::Find(tenant, subject, rng.bool().then_some(version))
        } else {
            Ask::Add(Key {
                on_behalf_of: tenant,
                tenant,
                subject,
                version,
                wrapped: rng.u8(..),
                master: u8::from(rng.u8(..8) > 0),
            })
        };
        drop(agree(&asked, ask(&twin, &asked), ask(&real, &asked)).await);
    }
    both.end().await;
}

#[tokio::test]
async fn a_key_that_is_not_kept_names_no_master_key() {
    let both = Both::new(22).await;
    let (twin, real) = (TwinKeys(both.disk.clone()), both.database.database());
    let rejected = |sqlstate: &str| {
        let sqlstate = sqlstate.to_owned();
        Err(VaultError::Database(DatabaseError::Rejected { sqlstate }))
    };
    let (version, tenant, master) = (0, "south", 2);
    let (added, none) = (|added| Ok(Answer::Added(added)), Answer::Found(None));
    for (asked, wanted) in [
        (Ask::Find("north", "index", None), Ok(none)),
        (
            Ask::Add(Key {
                version,
                master,
                ..FIRST
            }),
            rejected("23514"),
        ),
        (
            Ask::Add(Key {
                tenant,
                master,
                ..FIRST
            }),
            rejected("42501"),
        ),
        (Ask::Add(FIRST), added(true)),
        (
            Ask::Add(Key {
                wrapped: 9,
                ..FIRST
            }),
            added(false),
        ),
        (
            Ask::Add(Key {
                version: 2,
                master,
                ..FIRST
            }),
            Err(VaultError::OtherMasterKey),
        ),
        (
            Ask::Find("north", "index", None),
            Ok(Answer::Found(Some((1, vec![1; 3])))),
        ),
    ] {
        let answer = agree(&asked, ask(&twin, &asked), ask(&real, &asked)).await;
        assert_eq!(answer, wanted, "{asked:?}");
    }
    both.end().await;
}
