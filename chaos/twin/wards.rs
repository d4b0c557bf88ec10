//! The wards' twin.

use super::{Disk, Tables, complete};
use plantao_actors::audit::OpenEntry;
use plantao_actors::database::Scope;
use plantao_actors::ward::{Asked, Bed, Placement, WardError, WardStore};
use plantao_schema::audit::Outcome;
use plantao_schema::fhir::FhirType;
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
            wards.into_iter().collect()
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
            complete(tables, open.completion(Outcome::Success))?;
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
        (Some(patient), _) => {
            let record = (tenant, FhirType::Patient, patient.to_string());
            if !tables.records.contains_key(&record) {
                return Err(WardError::UnknownPatient);
            }
            let left = tables
                .beds
                .iter()
                .filter(|(_, lies)| lies.as_ref() == Some(patient));
            Ok(Some(left.map(|((_, ward, _), _)| ward.clone()).collect()))
        }
    }
}

fn occupy(tables: &mut Tables, placement: &Placement<'_>) {
    if let Some(patient) = placement.patient {
        let beds = tables.beds.values_mut();
        for lies in beds.filter(|lies| lies.as_ref() == Some(patient)) {
            *lies = None;
        }
    }
    let tenant = placement.scope.tenant.clone();
    let bed = (tenant, placement.ward.clone(), placement.bed.clone());
    tables.beds.insert(bed, placement.patient.cloned());
}
