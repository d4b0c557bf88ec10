//! The consents' contract: what a patient has said, and whose saying is refused.

use super::{AT, Both, PATIENTS, agree, patient, scope};
use crate::twin::TwinConsents;
use fastrand::Rng;
use plantao_actors::audit::OpenEntry;
use plantao_actors::consent::{Consent, ConsentError, ConsentStore, PostgresConsents, Statement};
use plantao_schema::access::{ConsentStatus, Purpose};
use plantao_schema::id::PatientId;
use plantao_schema::time::Timestamp;
use std::collections::{BTreeSet, HashMap};

const STEPS: usize = 150;

enum Ask<'a> {
    Set(Said, &'a OpenEntry),
    Get(&'static str, PatientId, Purpose),
    Withdrawn(&'static str),
    WithdrawnBy(&'static str, PatientId),
}

#[derive(Clone, Debug)]
struct Said {
    tenant: &'static str,
    patient: PatientId,
    purpose: Purpose,
    status: ConsentStatus,
    at: Timestamp,
}

#[derive(Debug, PartialEq)]
enum Answer {
    Set,
    Stands(Consent),
    Withdrawn(HashMap<PatientId, BTreeSet<Purpose>>),
    WithdrawnBy(BTreeSet<Purpose>),
}

async fn ask(store: &dyn ConsentStore, ask: &Ask<'_>) -> Result<Answer, ConsentError> {
    Ok(match ask {
        Ask::Set(said, open) => {
            let statement = Statement {
                patient: &said.patient,
                purpose: said.purpose,
                status: said.status,
                at: said.at,
            };
            store.set(&scope(said.tenant), &statement, open).await?;
            Answer::Set
        }
        Ask::Get(tenant, patient, purpose) => {
            Answer::Stands(store.get(&scope(tenant), patient, *purpose).await?)
        }
        Ask::Withdrawn(tenant) => Answer::Withdrawn(store.withdrawn(&scope(tenant)).await?),
        Ask::WithdrawnBy(tenant, patient) => {
            Answer::WithdrawnBy(store.withdrawn_by(&scope(tenant), patient).await?)
        }
    })
}

fn said(rng: &mut Rng, tenant: &'static str) -> Said {
    let mut status = [ConsentStatus::Granted, ConsentStatus::Revoked][rng.usize(..2)];
    if rng.u8(..10) == 0 {
        status = ConsentStatus::NotAsked;
    }
    let before_1970 = rng.u8(..20) == 0;
    Said {
        tenant,
        patient: someone(rng),
        purpose: Purpose::ALL[rng.usize(..Purpose::ALL.len())],
        status,
        at: if before_1970 {
            Timestamp::from_micros(-7)
        } else {
            Timestamp::from_micros(AT.micros() + rng.i64(0..1_000_000))
        },
    }
}

/// A patient, or at times nobody.
fn someone(rng: &mut Rng) -> PatientId {
    patient(PATIENTS.get(rng.usize(..4)).unwrap_or(&"nobody"))
}

#[tokio::test]
async fn consents_drawn_from_a_seed_are_kept_alike() {
    let mut both = Both::with_patients(31).await;
    let twin = TwinConsents(both.disk.clone());
    let real = PostgresConsents::new(both.database.database());
    let opens = both.open_many(STEPS).await;
    let mut rng = both.rng.fork();
    let (mut set, mut refused) = (0, 0);
    for (step, (tenant, open)) in opens.iter().enumerate() {
        let told = said(&mut rng, tenant);
        // At times under an entry of before, whose outcome is recorded or of another tenant.
        let before = rng.usize(step.saturating_sub(4)..=step);
        let open = if rng.u8(..6) == 0 {
            &opens[before].1
        } else {
            open
        };
        let what = format!("step {step}: {told:?}");
        let asked = Ask::Set(told.clone(), open);
        match agree(&what, ask(&twin, &asked), ask(&real, &asked)).await {
            Ok(_) => set += 1,
            Err(_) => refused += 1,
        }
        for asked in [
            Ask::Get(tenant, told.patient, told.purpose),
            Ask::Get(tenant, someone(&mut rng), told.purpose),
            Ask::WithdrawnBy(tenant, someone(&mut rng)),
            Ask::Withdrawn(tenant),
        ] {
            let after = agree(&what, ask(&twin, &asked), ask(&real, &asked)).await;
            after.unwrap();
        }
    }
    assert!(set > 50 && refused > 50, "{set} set, {refused} refused");
    both.recorded_alike().await;
    both.end().await;
}

#[tokio::test]
async fn a_consent_is_refused_for_the_same_reason() {
    let mut both = Both::with_patients(32).await;
    let twin = TwinConsents(both.disk.clone());
    let real = PostgresConsents::new(both.database.database());
    let opens = both.open_many(3).await;
    let [(_, open), (_, of_south), (_, other)] = &opens[..] else {
        panic!("three entries were asked for");
    };
    let maria = Said {
        tenant: "north",
        patient: patient("maria"),
        purpose: Purpose::Research,
        status: ConsentStatus::Revoked,
        at: AT,
    };
    let nobody = Said {
        patient: patient("nobody"),
        ..maria.clone()
    };
    let unsaid = Said {
        status: ConsentStatus::NotAsked,
        ..maria.clone()
    };
    for (told, open, wanted) in [
        (&nobody, open, Err(ConsentError::UnknownPatient)),
        (&unsaid, open, Err(ConsentError::Internal)),
        (&maria, of_south, Err(ConsentError::Internal)),
        (&maria, open, Ok(Answer::Set)),
        (&maria, open, Err(ConsentError::Conflict)),
        (&unsaid, open, Err(ConsentError::Internal)),
        (&maria, other, Ok(Answer::Set)),
    ] {
        let asked = Ask::Set(told.clone(), open);
        let answer = agree(told, ask(&twin, &asked), ask(&real, &asked)).await;
        assert_eq!(answer, wanted, "{told:?}");
    }
    both.recorded_alike().await;
    both.end().await;
}
