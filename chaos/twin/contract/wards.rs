//! The wards' contract: who lies where, who moves, and who is refused a bed.

use super::{AT, Both, PATIENTS, agree, patient, scope, tenant};
use crate::twin::TwinWards;
use plantao_actors::audit::OpenEntry;
use plantao_actors::database::Login;
use plantao_actors::ward::{
    Bed, MAX_BEDS_OF_TENANT, MAX_BEDS_OF_WARD, MAX_WARDS_LISTED, Placement, PostgresWards,
    WardError, WardStore,
};
use plantao_schema::id::{BedId, PatientId, WardId};
use std::collections::{BTreeMap, BTreeSet};

const STEPS: usize = 150;

#[derive(Debug)]
struct Move {
    on_behalf_of: &'static str,
    ward: WardId,
    bed: BedId,
    patient: Option<PatientId>,
}

async fn place(
    store: &dyn WardStore,
    one: &Move,
    open: &OpenEntry,
) -> Result<BTreeSet<WardId>, WardError> {
    let placement = Placement {
        scope: &scope(one.on_behalf_of),
        ward: &one.ward,
        bed: &one.bed,
        patient: one.patient.as_ref(),
        at: AT,
    };
    store.place(&placement, open).await
}

type Shown = (Vec<WardId>, BTreeMap<WardId, Vec<Bed>>);

/// The wards there are, and the beds of those that are asked for.
async fn shown(store: &dyn WardStore, name: &str, wards: &[&WardId]) -> Result<Shown, WardError> {
    let all = store.wards(&scope(name)).await?;
    Ok((all, store.beds(&scope(name), wards).await?))
}

fn ward(name: &str) -> WardId {
    WardId::parse(name).unwrap()
}

fn bed(name: &str) -> BedId {
    BedId::parse(name).unwrap()
}

#[tokio::test]
async fn placements_drawn_from_a_seed_are_made_alike() {
    let mut both = Both::with_patients(41).await;
    let twin = TwinWards(both.disk.clone());
    let real = PostgresWards::new(both.database.database());
    let opens = both.open_many(STEPS).await;
    let wards = ["uti", "uti-2", "a"].map(ward);
    let beds = ["1", "10", "2"].map(bed);
    let (mut made, mut refused) = (0, 0);
    for (step, (name, open)) in opens.iter().enumerate() {
        let rng = &mut both.rng;
        let who = *PATIENTS.get(rng.usize(..4)).unwrap_or(&"nobody");
        let one = Move {
            on_behalf_of: name,
            ward: wards[rng.usize(..3)].clone(),
            bed: beds[rng.usize(..3)].clone(),
            patient: (rng.u8(..3) > 0).then(|| patient(who)),
        };
        let before = rng.usize(step.saturating_sub(4)..=step);
        let open = if rng.u8(..8) == 0 {
            &opens[before].1
        } else {
            open
        };
        match agree(&one, place(&twin, &one, open), place(&real, &one, open)).await {
            Ok(_) => made += 1,
            Err(_) => refused += 1,
        }
        let some: Vec<&WardId> = wards.iter().skip(step % 3).collect();
        let shown = agree(&one, shown(&twin, name, &some), shown(&real, name, &some));
        shown.await.unwrap();
    }
    assert!(made > 50 && refused > 50, "{made} made, {refused} refused");
    both.recorded_alike().await;
    both.end().await;
}

#[tokio::test]
async fn a_placement_is_refused_for_the_same_reason() {
    let mut both = Both::with_patients(42).await;
    let twin = TwinWards(both.disk.clone());
    let real = PostgresWards::new(both.database.database());
    let wards = |names: &[&str]| Ok(names.iter().map(|name| ward(name)).collect());
    for (name, at, who, wanted) in [
        ("north", ("uti", "1"), None, Err(WardError::NotFound)),
        (
            "north",
            ("uti", "1"),
            Some("nobody"),
            Err(WardError::UnknownPatient),
        ),
        ("north", ("uti", "1"), Some("maria"), wards(&["uti"])),
        ("north", ("uti", "1"), Some("maria"), wards(&["uti"])),
        (
            "north",
            ("uti", "1"),
            Some("joao"),
            Err(WardError::Occupied),
        ),
        (
            "north",
            ("uti", "1"),
            Some("nobody"),
            Err(WardError::Occupied),
        ),
        // Who has the same name elsewhere lies there still.
        ("south", ("a", "1"), Some("maria"), wards(&["a"])),
        ("north", ("b", "1"), Some("maria"), wards(&["b", "uti"])),
        ("south", ("a", "1"), Some("joao"), Err(WardError::Occupied)),
        ("north", ("uti", "1"), None, wards(&["uti"])),
        ("north", ("b", "1"), None, wards(&["b"])),
    ] {
        let open = both.open(name).await;
        let one = Move {
            on_behalf_of: name,
            ward: ward(at.0),
            bed: bed(at.1),
            patient: who.map(patient),
        };
        let answer = agree(&one, place(&twin, &one, &open), place(&real, &one, &open)).await;
        assert_eq!(answer, wanted, "{one:?}");
    }
    both.recorded_alike().await;
    both.end().await;
}

/// A ward that is full, and so many others that the institution is; beds of them all on both sides.
async fn filled(both: &Both) {
    let session = both.database.session(Login::Application).await;
    let declare = "SELECT set_config('plantao.tenant', 'north', false)";
    session.batch_execute(declare).await.unwrap();
    let others = MAX_WARDS_LISTED + 1;
    let add = "INSERT INTO ward_bed (tenant, ward, bed, since) \
         SELECT 'north', 'full', 'b' || n, now() FROM generate_series(1, $1::bigint) n UNION ALL \
         SELECT 'north', 'w' || n % $2::bigint, 'b' || n, now() \
         FROM generate_series(1, $3::bigint) n";
    let rest = MAX_BEDS_OF_TENANT - 1 - MAX_BEDS_OF_WARD;
    session
        .execute(add, &[&MAX_BEDS_OF_WARD, &others, &rest])
        .await
        .unwrap();
    let full = (1..=MAX_BEDS_OF_WARD).map(|n| ("full".to_owned(), n));
    let rest = (1..=rest).map(|n| (format!("w{}", n % others), n));
    for (name, n) in full.chain(rest) {
        let place = (tenant("north"), ward(&name), bed(&format!("b{n}")));
        both.disk
            .fill(|tables| drop(tables.beds.insert(place, None)));
    }
}

#[tokio::test]
async fn a_full_ward_and_a_full_institution_take_no_more_beds() {
    let mut both = Both::with_patients(43).await;
    filled(&both).await;
    let twin = TwinWards(both.disk.clone());
    let real = PostgresWards::new(both.database.database());
    for (ward_name, bed_name, who, wanted) in [
        ("full", "one-more", "maria", Some(WardError::Full)),
        (
            "full",
            "one-more",
            "nobody",
            Some(WardError::UnknownPatient),
        ),
        ("full", "b1", "maria", None),
        ("w1", "the-last", "joao", None),
        ("w1", "one-more", "joao", Some(WardError::Full)),
        ("new", "1", "joao", Some(WardError::Full)),
        ("full", "b2", "joao", None),
    ] {
        let open = both.open("north").await;
        let one = Move {
            on_behalf_of: "north",
            ward: ward(ward_name),
            bed: bed(bed_name),
            patient: Some(patient(who)),
        };
        let answer = agree(&one, place(&twin, &one, &open), place(&real, &one, &open)).await;
        assert_eq!(answer.err(), wanted, "{one:?}");
    }
    let some = [&ward("full"), &ward("w1"), &ward("new")];
    let shown = agree(
        "a full institution",
        shown(&twin, "north", &some),
        shown(&real, "north", &some),
    );
    let (wards, beds) = shown.await.unwrap();
    assert_eq!(i64::try_from(wards.len()), Ok(MAX_WARDS_LISTED));
    assert_eq!(beds.len(), 2);
    both.end().await;
}
