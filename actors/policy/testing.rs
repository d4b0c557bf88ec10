//! For tests of other folders: a policy that knows two roles, and permits by a real decision.

use super::tables::{Ended, Withdrawn};
use super::{DutyHours, Owned, Policy, PolicySettings, Verdict, ViewGrant};
use crate::policy::Permit;
use plantao_schema::access::{
    AccessRequest, Action, ConsentStatus, DevicePosture, Fields, Grant, Principal, Purpose,
    ResourceKind, Role, RoleRule, Rules, Threshold,
};
use plantao_schema::id::{PatientId, PrincipalId, RequestId, SessionId, Tenant};
use plantao_schema::time::Timestamp;
use plantao_supervisors::{Intensity, Strategy, SupervisorSpec, Tree};
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

/// The address tests come from.
pub const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// Settings in which `tester` may do everything and `nobody` nothing.
#[must_use]
pub fn settings() -> PolicySettings {
    let grants = ResourceKind::ALL
        .iter()
        .map(|&on| Grant {
            on,
            actions: Action::ALL.to_vec(),
            purposes: Purpose::ALL.to_vec(),
        })
        .collect();
    let threshold = Threshold {
        allow: 60,
        step_up: 40,
    };
    let roles = [
        (
            "tester",
            RoleRule {
                break_glass: true,
                grants,
            },
        ),
        ("nobody", RoleRule::default()),
    ];
    PolicySettings {
        trusted_networks: ["127.0.0.0/8"]
            .iter()
            .filter_map(|block| block.parse().ok())
            .collect(),
        threat_networks: Vec::new(),
        duty_hours: DutyHours {
            from: 0,
            until: 0,
            utc_offset_hours: -3,
        },
        rules: Rules {
            thresholds: ResourceKind::ALL
                .iter()
                .map(|&kind| (kind, threshold))
                .collect(),
            roles: roles
                .into_iter()
                .filter_map(|(name, rule)| Role::parse(name).ok().map(|role| (role, rule)))
                .collect::<BTreeMap<_, _>>(),
        },
    }
}

/// A request by `tester` of tenant `demo`, fresh at `at`.
///
/// # Panics
/// Never: its names are valid.
#[must_use]
pub fn access(action: Action, kind: ResourceKind, at: Timestamp) -> AccessRequest {
    #[expect(clippy::expect_used, reason = "literals that parse")]
    let principal = Principal {
        id: PrincipalId::parse("tester").expect("valid"),
        tenant: Tenant::parse("demo").expect("valid"),
        role: Role::parse("tester").expect("valid"),
        device: DevicePosture::Managed,
        multi_factor: true,
        authenticated_at: at,
        expires_at: at.plus_seconds(3_600),
        session: None,
    };
    #[expect(clippy::expect_used, reason = "a literal that parses")]
    let request_id = RequestId::parse("test-request").expect("valid");
    AccessRequest {
        request_id,
        principal,
        action,
        kind,
        resource: None,
        patient: None,
        purpose: Purpose::Treatment,
        break_glass: None,
        at,
    }
}

/// The tables of a policy whose owners are not part of a test: tenant `demo`, nothing revoked.
/// Dropping it is the owners' death.
pub struct LoadedTables {
    consents: Owned<Withdrawn>,
    sessions: Owned<Ended>,
    tenant: Tenant,
}

/// Owns the tables of `policy`.
///
/// # Panics
/// Never: its tenant is valid.
#[must_use]
pub fn loaded(policy: &Policy) -> LoadedTables {
    #[expect(clippy::expect_used, reason = "a literal that parses")]
    let tenant = Tenant::parse("demo").expect("valid");
    let tables = policy.tables();
    let loaded = LoadedTables {
        consents: tables.consents.own(),
        sessions: tables.sessions.own(),
        tenant,
    };
    let demo = || loaded.tenant.clone();
    let since = tables.consents.doubts();
    loaded.consents.load(demo(), Withdrawn::new(), since);
    let since = tables.sessions.doubts();
    loaded.sessions.load(demo(), Ended::new(), since);
    loaded
}

impl LoadedTables {
    /// A patient says something about a purpose.
    pub fn say(&self, patient: &PatientId, purpose: Purpose, status: ConsentStatus) {
        self.consents.change(&self.tenant, |withdrawn| {
            let purposes = withdrawn.entry(patient.clone()).or_default();
            if status == ConsentStatus::Revoked {
                purposes.insert(purpose)
            } else {
                purposes.remove(&purpose)
            }
        });
    }

    /// A session ends before its time.
    pub fn end(&self, session: &SessionId, until: Timestamp) {
        self.sessions.change(&self.tenant, |ended| {
            ended.insert(session.clone(), until) != Some(until)
        });
    }
}

/// A grant of tenant `demo` for treatment, without a decision.
///
/// # Panics
/// Never: its tenant is valid.
#[must_use]
pub fn grant(patient: Option<PatientId>, fields: Fields) -> ViewGrant {
    #[expect(clippy::expect_used, reason = "a literal that parses")]
    let tenant = Tenant::parse("demo").expect("valid");
    ViewGrant {
        tenant,
        patient,
        fields,
        purpose: Purpose::Treatment,
        break_glass: false,
    }
}

/// A permit for a request, from a real engine under a real supervisor.
///
/// # Panics
/// When the engine cannot start or refuses.
#[expect(
    clippy::panic,
    clippy::expect_used,
    reason = "a test cannot go on without its permit"
)]
pub async fn permit(access: AccessRequest) -> Permit {
    let policy = Policy::new(settings()).expect("valid rules");
    let spec = SupervisorSpec::new(
        Strategy::OneForOne,
        Intensity::new(1, Duration::from_secs(5)),
    )
    .child(super::child(&policy));
    let tree = Tree::start("policy-testing", spec)
        .await
        .expect("the engine starts");
    let tables = loaded(&policy);
    let verdict = policy.decide(access, HERE);
    // The permit is good for as long as they are there, which is as long as the test's runtime is.
    tokio::spawn(async move {
        let _tables = tables;
        std::future::pending::<()>().await;
    });
    tree.shutdown().await;
    match verdict {
        Verdict::Permit(permit) => permit,
        other => panic!("refused: {other:?}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tables_of_a_permit_go_with_the_runtime_of_its_test() {
        let runtime = || tokio::runtime::Runtime::new().unwrap();
        let at = Timestamp::from_micros(1_700_000_000_000_000);
        let asked = || {
            let mut asked = access(Action::Read, ResourceKind::Patient, at);
            // Whose consent is looked up in them.
            asked.patient = Some(PatientId::parse("maria").unwrap());
            permit(asked)
        };
        let own = runtime();
        let (good, late) = own.block_on(async { (asked().await, asked().await) });
        assert!(own.block_on(good.hand_in(at)).is_ok());
        drop(own);
        assert!(runtime().block_on(late.hand_in(at)).is_err());
    }
}
