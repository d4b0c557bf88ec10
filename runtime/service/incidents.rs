//! Incidents of the vault, each an entry of the trail: critical, by nobody's request.
//!
//! A value that does not open, a key that does not unwrap, somebody erased whose key was back. The
//! request that met it has its own entry and was told nothing of the reason. The ends of rotations
//! come the same way, as information. An incident of the same kind in the same place is written
//! once a minute: whoever makes thousands of them by force fills no trail.

use crate::tree::Parts;
use plantao_actors::audit::{AuditError, AuditLog};
use plantao_actors::clock::WallClock;
use plantao_actors::vault::{Incident, Vault};
use plantao_schema::audit::{Entry, Outcome, Phase, Severity};
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::time::Instant;

/// Before an entry is offered again that the trail could not take.
const AGAIN: Duration = Duration::from_secs(1);

/// Between two entries that say the same.
const SAME_AGAIN: Duration = Duration::from_secs(60);

/// Places remembered for that.
const REMEMBERED_MAX: usize = 256;

/// From the vault to the trail.
pub(super) struct Trail {
    vault: Vault,
    audit: AuditLog,
    clock: WallClock,
}

impl Trail {
    pub(super) fn of(parts: &Parts, clock: WallClock) -> Self {
        let (vault, audit) = (parts.vault.clone(), parts.audit.clone());
        Self {
            vault,
            audit,
            clock,
        }
    }

    /// Writes each one down, for as long as the process lives.
    pub(super) async fn write(self) {
        let mut said = BTreeMap::new();
        loop {
            let incident = self.vault.incident().await;
            if is_new(&mut said, &incident) {
                self.append(&incident).await;
            }
        }
    }

    async fn append(&self, incident: &Incident) {
        let entry = loop {
            match self.entry(incident) {
                Ok(entry) => break entry,
                Err(_) => tokio::time::sleep(AGAIN).await,
            }
        };
        while let Err(error) = self.audit.append(entry.clone()).await {
            if !error.is_unavailable() {
                tracing::error!(%error, "an incident of the vault is not in the trail");
                return;
            }
            tokio::time::sleep(AGAIN).await;
        }
    }

    fn entry(&self, incident: &Incident) -> Result<Entry, AuditError> {
        let critical = incident.kind.is_critical();
        Ok(Entry {
            id: self.audit.entry_key()?,
            at: self.clock.now(),
            phase: Phase::Single,
            opens: None,
            severity: if critical {
                Severity::Critical
            } else {
                Severity::Info
            },
            tenant: incident.tenant.clone(),
            principal: "system".to_owned(),
            role: "none".to_owned(),
            action: "operate".to_owned(),
            resource_kind: "system".to_owned(),
            resource_id: None,
            patient: None,
            purpose: "operations".to_owned(),
            verdict: if critical { "deny" } else { "allow" }.to_owned(),
            score: 0,
            explanation: format!("{}: {}", incident.kind.name(), incident.what),
            request_id: "vault".to_owned(),
            outcome: if critical {
                Outcome::Refused
            } else {
                Outcome::Success
            },
            plugin: None,
            commitment: None,
        })
    }
}

/// Whether it was not said a moment ago.
fn is_new(said: &mut BTreeMap<(String, String), Instant>, incident: &Incident) -> bool {
    let now = Instant::now();
    said.retain(|_, at| now.duration_since(*at) < SAME_AGAIN);
    let what = format!("{} {}", incident.kind.name(), incident.what);
    let place = (incident.tenant.to_string(), what);
    if said.contains_key(&place) {
        return false;
    }
    if said.len() < REMEMBERED_MAX {
        said.insert(place, now);
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use plantao_actors::vault::IncidentKind;
    use plantao_schema::id::Tenant;

    #[tokio::test(start_paused = true)]
    async fn the_same_incident_is_written_once_a_minute_and_another_at_once() {
        let of = |what: &str| Incident {
            kind: IncidentKind::DecryptionFailed,
            tenant: Tenant::parse("demo").unwrap(),
            what: what.to_owned(),
        };
        let mut said = BTreeMap::new();
        assert!(is_new(&mut said, &of("fhir_resource.sealed version 1")));
        assert!(!is_new(&mut said, &of("fhir_resource.sealed version 1")));
        assert!(is_new(&mut said, &of("account.totp_sealed version 1")));
        tokio::time::advance(SAME_AGAIN).await;
        assert!(is_new(&mut said, &of("fhir_resource.sealed version 1")));
    }
}
