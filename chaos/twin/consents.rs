//! The consents' twin.

use super::tables::{CHECKED, complete, kept_time, rejected};
use super::{Disk, Tables};
use crate::mutant::Mutant;
use futures_util::future::BoxFuture;
use plantao_actors::audit::OpenEntry;
use plantao_actors::consent::{Consent, ConsentError, ConsentStore, Statement};
use plantao_actors::database::Scope;
use plantao_schema::access::{ConsentStatus, Purpose};
use plantao_schema::audit::Outcome;
use plantao_schema::id::PatientId;
use std::collections::{BTreeSet, HashMap};

/// See the module.
pub(crate) struct TwinConsents(pub(crate) Disk);

type Asked<'a, T> = BoxFuture<'a, Result<T, ConsentError>>;

impl ConsentStore for TwinConsents {
    fn set<'a>(
        &'a self,
        scope: &'a Scope,
        statement: &'a Statement<'a>,
        open: &'a OpenEntry,
    ) -> Asked<'a, ()> {
        let change = move |tables: &mut Tables| {
            let tenant = scope.tenant.clone();
            let patient = statement.patient.clone();
            if !tables.has_patient(scope, statement.patient) {
                return Err(ConsentError::UnknownPatient);
            }
            if statement.status == ConsentStatus::NotAsked {
                // The column takes what was said, and nothing else.
                return Err(rejected(CHECKED).into());
            }
            complete(tables, scope, open.completions(Outcome::Success))?;
            let said = (statement.status, kept_time(statement.at));
            let place = (tenant, patient, statement.purpose);
            tables.consents.insert(place, said);
            Ok(())
        };
        Box::pin(async move { self.0.commit(change).await })
    }

    fn get<'a>(
        &'a self,
        scope: &'a Scope,
        patient: &'a PatientId,
        purpose: Purpose,
    ) -> Asked<'a, Consent> {
        let place = (scope.tenant.clone(), patient.clone(), purpose);
        let stands = move |tables: &Tables| match tables.consents.get(&place) {
            Some((status, at)) => Consent {
                status: *status,
                since: Some(*at),
            },
            None => Consent {
                status: ConsentStatus::NotAsked,
                since: None,
            },
        };
        Box::pin(async move { Ok(self.0.read(stands).await?) })
    }

    fn withdrawn<'a>(
        &'a self,
        scope: &'a Scope,
    ) -> Asked<'a, HashMap<PatientId, BTreeSet<Purpose>>> {
        let all = move |tables: &Tables| {
            let mut withdrawn: HashMap<PatientId, BTreeSet<Purpose>> = HashMap::new();
            for ((tenant, patient, purpose), (status, _)) in &tables.consents {
                if *tenant == scope.tenant && *status == ConsentStatus::Revoked {
                    withdrawn
                        .entry(patient.clone())
                        .or_default()
                        .insert(*purpose);
                }
            }
            withdrawn
        };
        let forgets = self.0.has(Mutant::RevocationsForgotten);
        Box::pin(async move {
            let withdrawn = self.0.read(all).await?;
            Ok(if forgets { HashMap::new() } else { withdrawn })
        })
    }

    fn withdrawn_by<'a>(
        &'a self,
        scope: &'a Scope,
        patient: &'a PatientId,
    ) -> Asked<'a, BTreeSet<Purpose>> {
        let of_patient = move |tables: &Tables| {
            let said = tables
                .consents
                .iter()
                .filter(|((tenant, one, _), (status, _))| {
                    *tenant == scope.tenant && one == patient && *status == ConsentStatus::Revoked
                });
            said.map(|((_, _, purpose), _)| *purpose).collect()
        };
        let unseen = self.0.has(Mutant::RevocationUnseen);
        Box::pin(async move {
            let purposes: BTreeSet<Purpose> = self.0.read(of_patient).await?;
            Ok(if unseen { BTreeSet::new() } else { purposes })
        })
    }
}
