//! The LGPD analyzer on 4 KB of Portuguese text: as a plugin through its actor, and native.
//!
//! The peer is the same detector, `plantao_schema::phi::analyze` with its answer written as JSON,
//! called as a function. The plugin's call has a permit, a supervised actor, a fresh instance and
//! a sandbox around it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout
)]

use plantao_actors::clock::WallClock;
use plantao_actors::plugin::{Grant, GuestRuntime, PluginHost, PluginSpec, Plugins};
use plantao_actors::policy::{self, DutyHours, Permit, Policy, PolicySettings, Verdict};
use plantao_schema::access::{
    AccessRequest, Action, DevicePosture, Grant as RoleGrant, Principal, Purpose, ResourceKind,
    Role, RoleRule, Rules, Threshold,
};
use plantao_schema::id::{PrincipalId, RequestId, Tenant};
use plantao_supervisors::{Intensity, Strategy, SupervisorSpec, Tree};
use std::collections::BTreeMap;
use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr};
use std::time::{Duration, Instant};

const TEXT_BYTES: usize = 4_096;
const CALLS: usize = 2_000;

fn main() {
    tokio::runtime::Runtime::new().unwrap().block_on(compare());
}

async fn compare() {
    let article = include_str!("../config/demo/artigo.md");
    let mut text = article.repeat(TEXT_BYTES / article.len() + 1);
    let end = (0..=TEXT_BYTES)
        .rev()
        .find(|at| text.is_char_boundary(*at))
        .unwrap();
    text.truncate(end);

    let host = PluginHost::new(
        concat!(env!("CARGO_MANIFEST_DIR"), "/plugins/dist"),
        GuestRuntime::start(2).unwrap(),
        WallClock::system(),
    );
    let plugins = Plugins::new(host).unwrap();
    let policy = Policy::new(settings()).unwrap();
    let spec = PluginSpec::new("lgpd-analyzer", "lgpd-analyzer.wasm").grant(Grant::PhiRaw);
    let spec = SupervisorSpec::new(
        Strategy::OneForOne,
        Intensity::new(1, Duration::from_secs(5)),
    )
    .child(policy::child(&policy))
    .child(plugins.child(spec).unwrap());
    let tree = Tree::start("bench", spec).await.unwrap();

    let native = median(|| {
        let started = Instant::now();
        black_box(serde_json::to_string(&plantao_schema::phi::analyze(black_box(&text))).unwrap());
        started.elapsed()
    });
    let (mut whole, mut guest) = (Vec::new(), Vec::new());
    for _ in 0..CALLS {
        let permit = permit(&policy);
        let started = Instant::now();
        let output = plugins
            .call(permit, "lgpd-analyzer", "analyze", &text)
            .await
            .unwrap();
        whole.push(started.elapsed());
        guest.push(output.elapsed);
    }
    let (whole, guest) = (quantiles(whole), quantiles(guest));
    println!(
        "LGPD analyzer on {} bytes, {CALLS} calls, fresh instance each",
        text.len()
    );
    println!(
        "  native function            p50 {:>7.1} us",
        micros(native)
    );
    println!(
        "  plugin, inside the sandbox p50 {:>7.1} us  p99 {:>7.1} us  {:.2}x native",
        micros(guest.0),
        micros(guest.1),
        micros(guest.0) / micros(native),
    );
    println!(
        "  plugin, through its actor  p50 {:>7.1} us  p99 {:>7.1} us  {:.2}x native",
        micros(whole.0),
        micros(whole.1),
        micros(whole.0) / micros(native),
    );
    tree.shutdown().await;
}

fn median(mut run: impl FnMut() -> Duration) -> Duration {
    quantiles((0..CALLS).map(|_| run()).collect()).0
}

fn quantiles(mut times: Vec<Duration>) -> (Duration, Duration) {
    times.sort();
    let at = |part: usize| times.get(times.len() * part / 100).copied().unwrap();
    (at(50), at(99))
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

fn settings() -> PolicySettings {
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

fn permit(policy: &Policy) -> Permit {
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
            expires_at: at.plus_seconds(60),
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
