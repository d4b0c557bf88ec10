//! The permits that a bench calls with, decided by a real policy.

use plantao_actors::clock::WallClock;
use plantao_actors::policy::{DutyHours, Permit, Policy, PolicySettings, Verdict};
use plantao_schema::access::{
    AccessRequest, Action, DevicePosture, Grant as RoleGrant, Principal, Purpose, ResourceKind,
    Role, RoleRule, Rules, Threshold,
};
use plantao_schema::id::{PrincipalId, RequestId, Tenant};
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

pub(crate) fn settings() -> PolicySettings {
    let grant = RoleGrant {
        on: ResourceKind::Content,
        actions: vec![Action::Submit],
        purposes: vec![Purpose::Publication],
    };
    let role = RoleRule {
        break_glass: false,
        grants: vec![grant],
    };
    let threshold = Threshold {
        allow: 60,
        step_up: 40,
    };
    PolicySettings {
        trusted_networks: vec!["127.0.0.0/8".parse().unwrap()],
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
            roles: BTreeMap::from([(Role::parse("author").unwrap(), role)]),
        },
    }
}

pub(crate) fn permit(policy: &Policy) -> Permit {
    let at = WallClock::system().now();
    let access = AccessRequest {
        request_id: RequestId::parse("bench").unwrap(),
        principal: Principal {
            id: PrincipalId::parse("bench").unwrap(),
            tenant: Tenant::parse("demo").unwrap(),
            role: Role::parse("author").unwrap(),
            device: DevicePosture::Managed,
            multi_factor: true,
            authenticated_at: at,
            expires_at: at.plus_seconds(600),
            session: None,
        },
        action: Action::Submit,
        kind: ResourceKind::Content,
        resource: None,
        patient: None,
        purpose: Purpose::Publication,
        break_glass: None,
        at,
    };
    match policy.decide(access, IpAddr::V4(Ipv4Addr::LOCALHOST)) {
        Verdict::Permit(permit) => permit,
        other => panic!("refused: {other:?}"),
    }
}
