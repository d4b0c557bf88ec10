//! The records' contract: versions, files, identifiers, and the newest of a patient.

mod asking;

use super::{AT, Both, agree, bundle, patient, scope};
use asking::{Asking, SIGNS, WRISTBAND};
use plantao_actors::audit::OpenEntry;
use plantao_actors::patient::{Edition, Loaded, Loan, RecordError, RecordStore, Stored};
use plantao_schema::fhir::{self, EntryOutcome, FhirType};
use plantao_schema::id::{PatientId, ResourceId};
use plantao_schema::time::Timestamp;
use plantao_schema::vitals::{self, Reading, VitalSign};
use serde_json::{Value, json};

const STEPS: usize = 150;

#[derive(Debug)]
enum Ask {
    Load(FhirType, ResourceId, Option<u64>),
    Owner(FhirType, ResourceId),
    Find(FhirType, &'static str, String),
    Recent(PatientId, Vec<FhirType>, usize),
    StoredSince(PatientId, Vec<FhirType>, Timestamp),
}

/// A record, opened.
#[derive(Debug, PartialEq)]
struct Row {
    id: ResourceId,
    version: u64,
    updated_at: Timestamp,
    patient: Option<PatientId>,
    body: Vec<u8>,
}

impl From<Stored> for Row {
    fn from(stored: Stored) -> Self {
        Self {
            id: stored.id,
            version: stored.version,
            updated_at: stored.updated_at,
            patient: stored.patient,
            body: stored.body.to_vec(),
        }
    }
}

#[derive(Debug, PartialEq)]
enum Answer {
    Nothing,
    Unchanged,
    Newest(Row),
    Owner(Option<Option<PatientId>>),
    Found(Vec<Row>),
    Recent {
        records: Vec<(FhirType, Row)>,
        unreadable: usize,
        cut: bool,
    },
    StoredSince(Vec<Edition>),
}

async fn ask(store: &dyn RecordStore, tenant: &str, ask: &Ask) -> Result<Answer, RecordError> {
    let scope = scope(tenant);
    Ok(match ask {
        Ask::Load(kind, id, known) => match store.load(&scope, *kind, id, *known).await? {
            None => Answer::Nothing,
            Some(Loaded::Unchanged) => Answer::Unchanged,
            Some(Loaded::Newest(stored)) => Answer::Newest(stored.into()),
        },
        Ask::Owner(kind, id) => Answer::Owner(store.owner(&scope, *kind, id).await?),
        Ask::Find(kind, system, value) => {
            let found = store.find(&scope, *kind, system, value).await?;
            Answer::Found(found.into_iter().map(Row::from).collect())
        }
        Ask::Recent(patient, kinds, limit) => {
            let recent = store.recent(&scope, patient, kinds, *limit).await?;
            let records = recent.records.into_iter();
            Answer::Recent {
                records: records.map(|(kind, one)| (kind, one.into())).collect(),
                unreadable: recent.unreadable,
                cut: recent.cut,
            }
        }
        Ask::StoredSince(patient, kinds, since) => {
            let since = store.stored_since(&scope, patient, kinds, *since).await;
            // Those of one bundle have one time, and nothing says which comes first.
            let mut editions = since?;
            editions.sort();
            Answer::StoredSince(editions)
        }
    })
}

/// What became of a bundle, and whether its commit was sent.
type StoredAs = (Result<Vec<EntryOutcome>, RecordError>, bool);

async fn store(
    store: &dyn RecordStore,
    tenant: &str,
    (bundle, at): (&fhir::Transaction, Timestamp),
    loan: &Loan<OpenEntry>,
) -> StoredAs {
    let borrowed = loan.borrow().unwrap();
    let stored = store.store(&scope(tenant), bundle, at, &borrowed).await;
    (stored, loan.is_committing())
}

/// One opened entry, lent to each side.
struct Loans {
    tenant: &'static str,
    twin: Loan<OpenEntry>,
    real: Loan<OpenEntry>,
}

impl Loans {
    async fn of(both: &mut Both, tenant: &'static str) -> Self {
        let id = both.id();
        Self {
            tenant,
            twin: Loan::new(both.open_as(tenant, id).await),
            real: Loan::new(both.open_as(tenant, id).await),
        }
    }
}

fn id(text: &str) -> ResourceId {
    ResourceId::parse(text).unwrap()
}

fn observation(of: &str, name: &str, readings: &[(VitalSign, f64)], at: Timestamp) -> Value {
    let reading = |&(sign, value): &(VitalSign, f64)| Reading { sign, value, at };
    let readings: Vec<Reading> = readings.iter().map(reading).collect();
    vitals::observation(&patient(of), name, &readings)
}

fn admitted(name: &str) -> Value {
    identified("Patient", name, &[])
}

fn identified(kind: &str, name: &str, identifiers: &[(&str, &str)]) -> Value {
    let mut body = json!({ "resourceType": kind, "id": name });
    if !identifiers.is_empty() {
        let pair = |(system, value): &(&str, &str)| json!({ "system": system, "value": value });
        body["identifier"] = identifiers.iter().map(pair).collect();
    }
    body
}

#[tokio::test]
async fn records_drawn_from_a_seed_are_kept_alike() {
    let mut both = Both::with_patients(61).await;
    let (twin, real) = both.records();
    let mut asking = Asking {
        rng: both.rng.fork(),
        at: AT,
    };
    let (mut kept, mut refused, mut beyond) = (0, 0, 0);
    let mut loans = Vec::new();
    for step in 0..STEPS {
        let tenant = if step % 3 == 0 { "south" } else { "north" };
        loans.push(Loans::of(&mut both, tenant).await);
        let nth = if asking.rng.u8(..10) == 0 {
            step.saturating_sub(1)
        } else {
            step
        };
        let (loan, made) = (&loans[nth], asking.bundle());
        let what = format!("step {step}: {made:?}");
        let stored = agree(
            &what,
            store(&*twin, tenant, (&made, asking.at), &loan.twin),
            store(&*real, tenant, (&made, asking.at), &loan.real),
        );
        match stored.await.0 {
            Ok(_) => kept += 1,
            Err(_) => refused += 1,
        }
        for asked in asking.questions(step) {
            let what = format!("step {step}: {asked:?}");
            let answer = agree(
                &what,
                ask(&*twin, tenant, &asked),
                ask(&*real, tenant, &asked),
            );
            let answer = answer.await.unwrap();
            if let (Ask::Recent(_, _, limit), Answer::Recent { records, .. }) = (&asked, &answer) {
                let all = records
                    .iter()
                    .filter(|(kind, _)| *kind == FhirType::Observation);
                beyond += usize::from(all.count() > *limit);
            }
        }
    }
    let seen = format!("{kept} kept, {refused} refused, {beyond} beyond the newest");
    assert!(kept > 50 && refused > 20 && beyond > 10, "{seen}");
    both.recorded_alike().await;
    both.end().await;
}

#[tokio::test]
async fn a_bundle_is_refused_for_the_same_reason_and_leaves_nothing() {
    let mut both = Both::with_patients(62).await;
    let (twin, real) = both.records();
    let loans = [
        Loans::of(&mut both, "north").await,
        Loans::of(&mut both, "south").await,
        Loans::of(&mut both, "north").await,
    ];
    let of = |owner: &str| observation(owner, "o", &SIGNS[..1], AT);
    let stored = |kind, name: &str, version| EntryOutcome::Stored {
        kind,
        id: id(name),
        version,
        updated_at: AT,
    };
    let (maria, joao, nobody) = ([of("maria")], [of("joao")], [of("nobody")]);
    let twice = [of("maria"), of("maria")];
    let of_ida = observation("ida", "o2", &SIGNS[..1], AT);
    let brought = [of("maria"), admitted("ida"), of_ida];
    let first = vec![stored(FhirType::Observation, "o", 1)];
    let all = vec![
        stored(FhirType::Observation, "o", 2),
        stored(FhirType::Patient, "ida", 1),
        stored(FhirType::Observation, "o2", 1),
    ];
    for (resources, loan, wanted, sent) in [
        (&nobody[..], 0, Err(RecordError::UnknownPatient), false),
        (&twice, 0, Err(RecordError::Conflict), false),
        (&maria, 1, Err(RecordError::Internal), false),
        (&maria, 0, Ok(first), true),
        (&maria, 0, Err(RecordError::Conflict), true),
        (&joao, 2, Err(RecordError::OtherPatient), false),
        (&nobody, 2, Err(RecordError::OtherPatient), false),
        (&twice, 2, Err(RecordError::Conflict), false),
        (&brought, 2, Ok(all), true),
    ] {
        let (made, loan) = (bundle(resources), &loans[loan]);
        let answer = agree(
            &made,
            store(&*twin, "north", (&made, AT), &loan.twin),
            store(&*real, "north", (&made, AT), &loan.real),
        );
        assert_eq!(answer.await, (wanted, sent), "{made:?}");
        for asked in [
            Ask::Load(FhirType::Observation, id("o"), Some(1)),
            Ask::Recent(patient("maria"), FhirType::ALL.to_vec(), 9),
            Ask::Owner(FhirType::Patient, id("ida")),
        ] {
            let answer = agree(
                &asked,
                ask(&*twin, "north", &asked),
                ask(&*real, "north", &asked),
            );
            answer.await.unwrap();
        }
    }
    both.recorded_alike().await;
    both.end().await;
}

#[tokio::test]
async fn a_look_up_gives_back_no_more_than_it_may_and_no_time_before_1970() {
    let mut both = Both::new(63).await;
    let (twin, real) = both.records();
    let loan = Loans::of(&mut both, "north").await;
    let many = (0..70).map(|n| identified("Practitioner", &format!("x{n}"), &[(WRISTBAND, "7")]));
    let many: Vec<Value> = many.chain([admitted("ida")]).collect();
    let (many, at) = (bundle(&many), Timestamp::from_micros(-7));
    let stored = agree(
        "many of one identifier",
        store(&*twin, loan.tenant, (&many, at), &loan.twin),
        store(&*real, loan.tenant, (&many, at), &loan.real),
    );
    stored.await.0.unwrap();
    let all = FhirType::ALL.to_vec();
    for (asked, count) in [
        (
            Ask::Find(FhirType::Practitioner, WRISTBAND, "7".to_owned()),
            50,
        ),
        (
            Ask::Find(FhirType::Organization, WRISTBAND, "7".to_owned()),
            0,
        ),
        (Ask::StoredSince(patient("ida"), all.clone(), at), 0),
        (Ask::Recent(patient("ida"), all, 9), 1),
    ] {
        let answer = agree(
            &asked,
            ask(&*twin, "north", &asked),
            ask(&*real, "north", &asked),
        );
        let found = match answer.await.unwrap() {
            Answer::Found(rows) => rows.len(),
            Answer::StoredSince(editions) => editions.len(),
            Answer::Recent { records, .. } => records.len(),
            other => panic!("{other:?}"),
        };
        assert_eq!(found, count, "{asked:?}");
    }
    both.end().await;
}
