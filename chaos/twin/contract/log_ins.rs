//! The log-ins' contract: tries, spent codes, and sessions ended before their time.

use super::{AT, Both, agree, scope};
use crate::twin::{TwinKeys, TwinLogIns};
use fastrand::Rng;
use plantao_actors::audit::OpenEntry;
use plantao_actors::login::{Ending, LogInError, LogInStore, NewAccount, PostgresLogIns};
use plantao_actors::vault::{KeySubject, Sealed, SecondFactor};
use plantao_schema::access::Role;
use plantao_schema::id::{PrincipalId, SessionId};
use plantao_schema::time::Timestamp;
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};

const STEPS: usize = 250;

#[derive(Clone, Debug)]
enum Ask {
    Charge(&'static str, i64),
    Acquit(&'static str, i64),
    Add(&'static str, i32),
    End {
        session: &'static str,
        until_s: i64,
        now_s: i64,
    },
    Ended(i64),
}

#[derive(Debug, PartialEq)]
enum Answer {
    /// Role, hash, sealed secret, its key's version, and whether it was the last try.
    Charged(Option<(Role, String, Vec<u8>, i32, bool)>),
    Acquitted(bool),
    Added,
    /// With what was told of its commit.
    End(Result<(), LogInError>, bool),
    Ended(HashMap<SessionId, Timestamp>),
}

/// What everybody's second factor is sealed as, under a key that both sides have.
struct Seals(HashMap<&'static str, Sealed<SecondFactor>>);

impl Seals {
    async fn of(both: &Both) -> Self {
        let (twin, real) = (TwinKeys(both.disk.clone()), both.database.database());
        let mut all = HashMap::new();
        for tenant in ["south", "north"] {
            let (scope, directory) = (scope(tenant), KeySubject::Directory);
            let of_twin = both.vault.data_key(&twin, &scope, &directory).await;
            of_twin.unwrap();
            let key = both.vault.data_key(&real, &scope, &directory).await;
            let key = key.unwrap();
            for name in ["ana", "bia", "caio"] {
                let sealed = key.seal(&scope.tenant, name, name.as_bytes());
                all.insert(name, sealed.unwrap());
            }
        }
        Self(all)
    }
}

fn person(name: &str) -> PrincipalId {
    PrincipalId::parse(name).unwrap()
}

async fn ask(
    store: &dyn LogInStore,
    tenant: &str,
    ask: &Ask,
    open: &OpenEntry,
    seals: &Seals,
) -> Result<Answer, LogInError> {
    let (scope, at) = (scope(tenant), |seconds| AT.plus_seconds(seconds));
    Ok(match *ask {
        Ask::Charge(name, now_s) => {
            let account = store.charge(&scope, &person(name), at(now_s)).await?;
            Answer::Charged(account.map(|one| {
                let (hash, sealed) = (one.password_hash, one.sealed);
                (one.role, hash, sealed, one.key_version, one.last_try)
            }))
        }
        Ask::Acquit(name, step) => {
            Answer::Acquitted(store.acquit(&scope, &person(name), step).await?)
        }
        Ask::Add(name, key_version) => {
            let account = NewAccount {
                principal: &person(name),
                role: &Role::parse("physician").unwrap(),
                password_hash: format!("hash of {name}"),
                sealed: seals.0[name].clone(),
                key_version,
            };
            store.add(&scope, &account, open).await?;
            Answer::Added
        }
        Ask::End {
            session,
            until_s,
            now_s,
        } => {
            let committing = AtomicBool::new(false);
            let ending = Ending {
                session: &SessionId::parse(session).unwrap(),
                until: at(until_s),
                now: at(now_s),
                committing: &committing,
            };
            let ended = store.end(&scope, &ending, open).await;
            Answer::End(ended, committing.load(Ordering::Acquire))
        }
        Ask::Ended(now_s) => Answer::Ended(store.ended(&scope, at(now_s)).await?),
    })
}

fn drawn(rng: &mut Rng) -> Ask {
    let name = ["ana", "bia", "caio"][rng.usize(..3)];
    // Around the quarter of an hour that an account is locked, and the hour that an end matters.
    let (now_s, until_s) = (rng.i64(0..2_000), rng.i64(0..6_000));
    match rng.u8(..12) {
        0 => Ask::Add(name, rng.i32(0..3)),
        1 => Ask::Acquit(name, rng.i64(-1..30)),
        2..7 => Ask::Charge(name, now_s),
        7..10 => Ask::End {
            session: ["s1", "s2", "s3"][rng.usize(..3)],
            until_s,
            now_s: rng.i64(0..9_000),
        },
        _ => Ask::Ended(rng.i64(0..9_000)),
    }
}

#[tokio::test]
async fn log_ins_drawn_from_a_seed_are_kept_alike() {
    let mut both = Both::new(51).await;
    let twin = TwinLogIns(both.disk.clone());
    let real = PostgresLogIns::new(both.database.database());
    let seals = Seals::of(&both).await;
    let opens = both.open_many(STEPS).await;
    let mut locked = 0;
    for (step, (tenant, open)) in opens.iter().enumerate() {
        let asked = drawn(&mut both.rng);
        let before = both.rng.usize(step.saturating_sub(4)..=step);
        let again = both.rng.u8(..6) == 0;
        let open = if again { &opens[before].1 } else { open };
        let what = format!("step {step}, {tenant}: {asked:?}");
        let answer = agree(
            &what,
            ask(&twin, tenant, &asked, open, &seals),
            ask(&real, tenant, &asked, open, &seals),
        );
        locked += usize::from(matches!(
            answer.await,
            Ok(Answer::Charged(Some((.., true))))
        ));
    }
    assert!(locked > 1, "an account was locked {locked} times");
    both.recorded_alike().await;
    both.end().await;
}

#[tokio::test]
async fn an_account_is_locked_for_a_while_and_a_code_is_spent_once() {
    let mut both = Both::new(52).await;
    let twin = TwinLogIns(both.disk.clone());
    let real = PostgresLogIns::new(both.database.database());
    let seals = Seals::of(&both).await;
    let charged = |last_try| {
        let role = Role::parse("physician").unwrap();
        let (hash, sealed) = ("hash of ana".to_owned(), seals.0["ana"].as_bytes().to_vec());
        Ok(Answer::Charged(Some((role, hash, sealed, 1, last_try))))
    };
    let acquitted = |acquitted| Ok(Answer::Acquitted(acquitted));
    let nothing = || Ok(Answer::Charged(None));
    for (asked, wanted) in [
        (Ask::Charge("ana", 0), nothing()),
        (Ask::Acquit("ana", 1), acquitted(false)),
        (Ask::Add("ana", 0), Err(LogInError::Unavailable)),
        (Ask::Add("ana", 1), Ok(Answer::Added)),
        (Ask::Add("ana", 1), Err(LogInError::AccountExists)),
        (Ask::Add("ana", 2), Err(LogInError::Unavailable)),
        (Ask::Charge("ana", 0), charged(false)),
        (Ask::Acquit("ana", 7), acquitted(true)),
        (Ask::Acquit("ana", 7), acquitted(false)),
        (Ask::Charge("ana", 1), charged(false)),
        (Ask::Charge("ana", 2), charged(false)),
        (Ask::Charge("ana", 3), charged(false)),
        (Ask::Charge("ana", 4), charged(false)),
        (Ask::Charge("ana", 5), charged(true)),
        (Ask::Charge("ana", 904), nothing()),
        (Ask::Charge("ana", 905), charged(false)),
        (Ask::Acquit("ana", 8), acquitted(true)),
    ] {
        let open = both.open("north").await;
        let answer = agree(
            &asked,
            ask(&twin, "north", &asked, &open, &seals),
            ask(&real, "north", &asked, &open, &seals),
        );
        assert_eq!(answer.await, wanted, "{asked:?}");
    }
    both.recorded_alike().await;
    both.end().await;
}

#[tokio::test]
async fn an_ended_session_is_read_back_for_as_long_as_it_matters() {
    let mut both = Both::new(53).await;
    let twin = TwinLogIns(both.disk.clone());
    let real = PostgresLogIns::new(both.database.database());
    let seals = Seals::of(&both).await;
    let end = |session, until_s, now_s| Ask::End {
        session,
        until_s,
        now_s,
    };
    let ended = |all: &[(&str, i64)]| {
        let one = |&(name, until_s): &(&str, i64)| {
            (SessionId::parse(name).unwrap(), AT.plus_seconds(until_s))
        };
        Answer::Ended(all.iter().map(one).collect())
    };
    let open = both.open("north").await;
    let done = || Answer::End(Ok(()), true);
    let refused = || Answer::End(Err(LogInError::Internal), false);
    for (asked, again, wanted) in [
        (end("s1", 100, 0), true, done()),
        (end("s2", 100, 0), true, refused()),
        (end("s2", 100, 0), false, done()),
        // The later end counts.
        (end("s1", 50, 0), false, done()),
        (end("s1", 200, 0), false, done()),
        (Ask::Ended(0), true, ended(&[("s1", 200), ("s2", 100)])),
        (Ask::Ended(3_700), true, ended(&[("s1", 200), ("s2", 100)])),
        (Ask::Ended(3_701), true, ended(&[("s1", 200)])),
        (Ask::Ended(3_801), true, ended(&[])),
        // Forgotten by whoever ends another once it is of no use, and not before it is done.
        (end("s3", 9_000, 9_000), true, refused()),
        (Ask::Ended(0), true, ended(&[("s1", 200), ("s2", 100)])),
        (end("s3", 9_000, 3_701), false, done()),
        (Ask::Ended(0), true, ended(&[("s1", 200), ("s3", 9_000)])),
        (end("s4", -AT.seconds() - 9, 0), false, done()),
        (
            Ask::Ended(-AT.seconds()),
            true,
            Answer::Ended(HashMap::from([
                (SessionId::parse("s1").unwrap(), AT.plus_seconds(200)),
                (SessionId::parse("s3").unwrap(), AT.plus_seconds(9_000)),
                (SessionId::parse("s4").unwrap(), Timestamp::from_micros(0)),
            ])),
        ),
    ] {
        let fresh = both.open("north").await;
        let open = if again { &open } else { &fresh };
        let answer = agree(
            &asked,
            ask(&twin, "north", &asked, open, &seals),
            ask(&real, "north", &asked, open, &seals),
        );
        assert_eq!(answer.await, Ok(wanted), "{asked:?}");
    }
    both.recorded_alike().await;
    both.end().await;
}
