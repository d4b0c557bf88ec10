//! The wrapped keys' contract: which is kept, under which master key, and which is read back.

use super::{Both, agree, scope};
use crate::twin::TwinKeys;
use plantao_actors::database::DatabaseError;
use plantao_actors::vault::{
    Found, KeyStore, NAME_BYTES, Place, VaultError, WrappedDataKey, WrappedTenantKey,
};

const STEPS: usize = 200;

#[derive(Debug)]
enum Ask {
    Find(&'static str, &'static str, Option<i32>),
    AddTenantKey(&'static str, TenantKey),
    Add(Key),
}

#[derive(Clone, Copy, Debug)]
struct TenantKey {
    version: i32,
    wrapped: u8,
    master: u8,
}

#[derive(Clone, Copy, Debug)]
struct Key {
    on_behalf_of: &'static str,
    tenant: &'static str,
    subject: &'static str,
    version: i32,
    under: Option<i32>,
    wrapped: u8,
}

#[derive(Debug, PartialEq)]
enum Answer {
    Found(Found),
    Added(bool),
}

async fn ask(store: &dyn KeyStore, ask: &Ask) -> Result<Answer, VaultError> {
    match *ask {
        Ask::Find(tenant, subject, version) => {
            let found = store.find(&scope(tenant), subject, version).await;
            found.map(Answer::Found)
        }
        Ask::AddTenantKey(tenant, key) => {
            let added = store.add_tenant_key(&scope(tenant), &tenant_key(key)).await;
            added.map(Answer::Added)
        }
        Ask::Add(key) => {
            let place = Place {
                tenant: key.tenant.to_owned(),
                subject: key.subject.to_owned(),
                version: key.version,
            };
            let added = store
                .add(&scope(key.on_behalf_of), &place, &data_key(key))
                .await;
            added.map(Answer::Added)
        }
    }
}

fn tenant_key(key: TenantKey) -> WrappedTenantKey {
    WrappedTenantKey {
        version: key.version,
        master: vec![key.master; NAME_BYTES],
        wrapped: vec![key.wrapped; 3],
    }
}

fn data_key(key: Key) -> WrappedDataKey {
    WrappedDataKey {
        version: key.version,
        under: key.under,
        wrapped: vec![key.wrapped; 3],
    }
}

const OF_TENANT: TenantKey = TenantKey {
    version: 1,
    wrapped: 7,
    master: 1,
};

const FIRST: Key = Key {
    on_behalf_of: "north",
    tenant: "north",
    subject: "index",
    version: 1,
    under: Some(1),
    wrapped: 1,
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
        let asked = match rng.u8(..4) {
            0 | 1 => Ask::Find(tenant, subject, rng.bool().then_some(version)),
            2 => {
                let key = TenantKey {
                    version: rng.i32(0..3),
                    wrapped: rng.u8(..),
                    master: u8::from(rng.u8(..8) > 0),
                };
                Ask::AddTenantKey(tenant, key)
            }
            _ => Ask::Add(Key {
                on_behalf_of: tenant,
                tenant,
                subject,
                version,
                under: [None, Some(1), Some(2)][rng.usize(..3)],
                wrapped: rng.u8(..),
            }),
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
    let (version, tenant, master, wrapped) = (0, "south", 2, 9);
    let (added, nothing) = (|added| Ok(Answer::Added(added)), Found::default());
    let with_tenant_key = Found {
        tenant_key: Some(tenant_key(OF_TENANT)),
        master: Some(vec![1; NAME_BYTES]),
        ..Found::default()
    };
    let whole = Found {
        key: Some(data_key(FIRST)),
        ..with_tenant_key.clone()
    };
    let find = || Ask::Find("north", "index", None);
    let unnumbered = TenantKey {
        version,
        master,
        ..OF_TENANT
    };
    let of_other = TenantKey {
        master,
        ..OF_TENANT
    };
    let second = TenantKey {
        wrapped,
        ..OF_TENANT
    };
    for (asked, wanted) in [
        (find(), Ok(Answer::Found(nothing))),
        (Ask::Add(FIRST), added(false)),
        (Ask::AddTenantKey("north", unnumbered), rejected("23514")),
        (Ask::AddTenantKey("north", OF_TENANT), added(true)),
        (Ask::AddTenantKey("north", second), added(false)),
        (
            Ask::AddTenantKey("south", of_other),
            Err(VaultError::OtherMasterKey),
        ),
        (find(), Ok(Answer::Found(with_tenant_key))),
        (Ask::Add(Key { version, ..FIRST }), rejected("23514")),
        (Ask::Add(Key { tenant, ..FIRST }), rejected("42501")),
        (Ask::Add(FIRST), added(true)),
        (Ask::Add(Key { wrapped, ..FIRST }), added(false)),
        (find(), Ok(Answer::Found(whole))),
    ] {
        let answer = agree(&asked, ask(&twin, &asked), ask(&real, &asked)).await;
        assert_eq!(answer, wanted, "{asked:?}");
    }
    both.end().await;
}
