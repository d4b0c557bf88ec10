//! The wards' twin.

use super::tables::complete;
use super::{Disk, Tables};
use plantao_actors::audit::OpenEntry;
use plantao_actors::database::Scope;
use plantao_actors::ward::{
    Asked, Bed, MAX_BEDS_OF_TENANT, MAX_BEDS_OF_WARD, MAX_WARDS_LISTED, Placement, WardError,
    WardStore,
};
use plantao_schema::audit::Outcome;
use plantao_schema::id::WardId;
use std::collections::{BTreeMap, BTreeSet};

/// See the module.
pub(crate) struct TwinWards(pub(crate) Disk);

impl WardStore for TwinWards {
    fn beds<'a>(
        &'a self,
        scope: &'a Scope,
        wards: &'a [&'a WardId],
    ) -> Asked<'a, BTreeMap<WardId, Vec<Bed>>> {
        let look = move |tables: &Tables| {
            let mut beds: BTreeMap<WardId, Vec<Bed>> = BTreeMap::new();
            for ((tenant, ward, bed), patient) in &tables.beds {
                if *tenant == scope.tenant && wards.contains(&ward) {
                    let (bed, patient) = (bed.clone(), patient.clone());
                    beds.entry(ward.clone())
                        .or_default()
                        .push(Bed { bed, patient });
                }
            }
            beds
        };
        Box::pin(async move { Ok(self.0.read(look).await?) })
    }

    fn wards<'a>(&'a self, scope: &'a Scope) -> Asked<'a, Vec<WardId>> {
        let look = move |tables: &Tables| {
            let of_tenant = tables.beds.keys().filter(|(one, ..)| *one == scope.tenant);
            let wards: BTreeSet<WardId> = of_tenant.map(|(_, ward, _)| ward.clone()).collect();
            let most = usize::try_from(MAX_WARDS_LISTED).unwrap_or(usize::MAX);
            wards.into_iter().take(most).collect()
        };
        Box::pin(async move { Ok(self.0.read(look).await?) })
    }

    fn place<'a>(
        &'a self,
        placement: &'a Placement<'a>,
        open: &'a OpenEntry,
    ) -> Asked<'a, BTreeSet<WardId>> {
        let make = move |tables: &mut Tables| {
            let touched = admit(tables, placement)?;
            complete(tables, placement.scope, open.completions(Outcome::Success))?;
            if touched.is_some() {
                occupy(tables, placement);
            }
            let mut wards = touched.unwrap_or_default();
            wards.insert(placement.ward.clone());
            Ok(wards)
        };
        Box::pin(async move { self.0.commit(make).await })
    }
}

/// The other wards that the placement touches; nothing where it is so already.
fn admit(
    tables: &Tables,
    placement: &Placement<'_>,
) -> Result<Option<BTreeSet<WardId>>, WardError> {
    let tenant = placement.scope.tenant.clone();
    let bed = (
        tenant.clone(),
        placement.ward.clone(),
        placement.bed.clone(),
    );
    match (placement.patient, tables.beds.get(&bed)) {
        (None, None) => Err(WardError::NotFound),
        (Some(patient), Some(Some(other))) if patient != other => Err(WardError::Occupied),
        (Some(_), Some(Some(_))) | (None, Some(None)) => Ok(None),
        (None, Some(Some(_))) => Ok(Some(BTreeSet::new())),
        (Some(patient), before) => {
            if !tables.has_patient(placement.scope, patient) {
                return Err(WardError::UnknownPatient);
            }
            if before.is_none() && is_full(tables, placement) {
                return Err(WardError::Full);
            }
            let left = tables
                .beds
                .iter()
                .filter(|((one, ..), lies)| *one == tenant && lies.as_ref() == Some(patient));
            Ok(Some(left.map(|((_, ward, _), _)| ward.clone()).collect()))
        }
    }
}

/// Whether the ward or the institution has as many beds as it may have.
fn is_full(tables: &Tables, placement: &Placement<'_>) -> bool {
    let tenant = &placement.scope.tenant;
    let (mut of_ward, mut of_tenant) = (0, 0);
    for (_, ward, _) in tables.beds.keys().filter(|(one, ..)| one == tenant) {
        of_tenant += 1;
        of_ward += i64::from(ward == placement.ward);
    }
    of_ward >= MAX_BEDS_OF_WARD || of_tenant >= MAX_BEDS_OF_TENANT
}

fn occupy(tables: &mut Tables, placement: &Placement<'_>) {
    let tenant = placement.scope.tenant.clone();
    if let Some(patient) = placement.patient {
        for ((one, ..), lies) in &mut tables.beds {
            if *one == tenant && lies.as_ref() == Some(patient) {
                *lies = None;
            }
        }
    }
    let bed = (tenant, placement.ward.clone(), placement.bed.clone());
    tables.beds.insert(bed, placement.patient.cloned());
}
