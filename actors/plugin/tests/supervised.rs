//! Plugins in their tree: what a guest that misbehaves costs, and what a caller is refused.

use plantao_schema::access::ResourceKind;
use plantao_schema::plugin::Capability;
use tokio::time::Instant;

use super::guests::{COUNTER, CPF, LOOP, TRAP, WITH_CPF, quick, real, wasm, without_manifest};
use super::ward::{NOON, Ward, permit, plugin, secs, until};
use crate::plugin::brake::CRASHES_MAX;
use crate::plugin::{LimitKind, Limits, PluginError, PluginSpec};
use crate::policy::PermitError;

#[tokio::test]
async fn a_guest_that_traps_costs_its_own_actor_and_nothing_else() {
    let mut ward = Ward::new();
    ward.write("trap", &wasm(TRAP));
    ward.write("counter", &wasm(COUNTER));
    ward.start([
        PluginSpec {
            instances: 1,
            ..plugin("trap")
        },
        plugin("counter"),
    ])
    .await;
    for _ in 0..5 {
        let stopped = ward.call("trap", "").await;
        assert!(
            matches!(stopped, Err(PluginError::Trapped { .. })),
            "{stopped:?}"
        );
        assert_eq!(ward.call("counter", "").await.unwrap().text, "1");
    }
    until("five restarts", || {
        ward.node("ward/trap/instances/instance-0").restarts == 5
    })
    .await;
    let restarts = |path| ward.node(path).restarts;
    assert_eq!(restarts("ward/trap/loader"), 0);
    assert_eq!(restarts("ward/trap/instances"), 0);
    assert_eq!(restarts("ward/counter/instances/instance-0"), 0);
    until("all up", || ward.status("trap").instances_up == 1).await;
}

#[tokio::test]
async fn a_guest_in_an_endless_loop_times_out_while_others_answer() {
    let mut ward = Ward::new();
    ward.write("loop", &wasm(LOOP));
    ward.write("counter", &wasm(COUNTER));
    let patient = PluginSpec {
        limits: Limits::default(),
        ..plugin("counter")
    };
    ward.start([plugin("loop"), patient]).await;
    let looping = async { tokio::join!(ward.call("loop", ""), ward.call("loop", "")) };
    let neighbours = async {
        let started = Instant::now();
        for _ in 0..20 {
            ward.call("counter", "").await.unwrap();
        }
        started.elapsed()
    };
    let ((first, second), _) = tokio::join!(looping, neighbours);
    for stopped in [first, second] {
        let expected = PluginError::Limit {
            plugin: "loop".to_owned(),
            limit: LimitKind::TimeoutMs,
            value: 300,
        };
        assert_eq!(stopped, Err(expected));
    }
}

#[tokio::test]
async fn a_plugin_that_crashes_without_end_rests_and_its_supervisors_hold() {
    let mut ward = Ward::new();
    ward.write("trap", &wasm(TRAP));
    ward.write("counter", &wasm(COUNTER));
    ward.start([
        PluginSpec {
            instances: 4,
            queue: 256,
            ..plugin("trap")
        },
        plugin("counter"),
    ])
    .await;
    let mut rested = false;
    for _ in 0..4 {
        let calls = (0..CRASHES_MAX).map(|_| ward.call("trap", ""));
        for answer in futures_util::future::join_all(calls).await {
            rested |= matches!(answer, Err(PluginError::Resting { .. }));
        }
    }
    assert!(rested, "a hundred crashes and no rest");
    assert_eq!(ward.call("counter", "").await.unwrap().text, "1");
    assert_eq!(ward.node("ward/trap/instances").restarts, 0);
    assert_eq!(ward.node("ward/trap").restarts, 0);
}

#[tokio::test]
async fn more_calls_than_places_are_refused_at_once() {
    let mut ward = Ward::new();
    ward.write("loop", &wasm(LOOP));
    ward.start([PluginSpec {
        instances: 1,
        queue: 1,
        ..plugin("loop")
    }])
    .await;
    let calls = futures_util::future::join_all((0..4).map(|_| ward.call("loop", ""))).await;
    let overloaded = PluginError::Overloaded {
        plugin: "loop".to_owned(),
        limit: 2,
    };
    let refused = calls
        .iter()
        .filter(|c| **c == Err(overloaded.clone()))
        .count();
    // The call that waited may have found the patience of the queue at its end.
    assert!((2..=3).contains(&refused), "{calls:?}");
}

#[tokio::test]
async fn a_killed_instance_takes_its_call_along_and_comes_back() {
    let mut ward = Ward::new();
    ward.write("loop", &wasm(LOOP));
    let limits = Limits {
        timeout: secs(20),
        ..quick()
    };
    ward.start([PluginSpec {
        instances: 1,
        limits,
        ..plugin("loop")
    }])
    .await;
    let path = "ward/loop/instances/instance-0";
    let killer = async {
        until("the call runs", || ward.node(path).mailbox_depth == Some(1)).await;
        ward.tree().kill(path).unwrap();
    };
    let (answer, ()) = tokio::join!(ward.call("loop", ""), killer);
    assert_eq!(
        answer,
        Err(PluginError::Unavailable {
            plugin: "loop".to_owned()
        })
    );
    until("restarted", || ward.node(path).restarts == 1).await;
    until("up", || ward.status("loop").instances_up == 1).await;
}

#[tokio::test]
async fn the_guard_stands_between_every_caller_and_a_real_plugin() {
    let mut ward = Ward::new();
    ward.write("echo", &real("echo.wasm"));
    ward.write("unasked", &real("echo.wasm"));
    ward.write("raw", &without_manifest(real("echo.wasm")));
    let usual = |name: &str| PluginSpec::new(name, format!("{name}.wasm"));
    let raw = |name| usual(name).grant(Capability::PhiRaw);
    ward.start([usual("echo"), raw("unasked"), raw("raw")])
        .await;
    let echo = |name: &'static str| {
        let ward = &ward;
        async move {
            let permit = permit(ResourceKind::Content, None).await;
            ward.plugins
                .call(permit, name, "echo", WITH_CPF)
                .await
                .unwrap()
        }
    };
    // What is granted and not asked for is not had.
    for name in ["echo", "unasked"] {
        let shown = echo(name).await;
        assert!(
            shown.redacted && !shown.text.contains(CPF),
            "{}",
            shown.text
        );
    }
    let shown = echo("raw").await;
    assert!(!shown.redacted && shown.text == WITH_CPF, "{}", shown.text);
    assert_eq!(shown.plugin, "raw");
    assert_eq!(shown.sha256.len(), 64);
}

#[tokio::test]
async fn a_permit_for_something_else_or_too_old_is_refused() {
    let mut ward = Ward::new();
    ward.write("counter", &wasm(COUNTER));
    ward.start([plugin("counter")]).await;
    let forbidden = Err(PluginError::Forbidden {
        plugin: "counter".to_owned(),
    });
    let call = |permit| ward.plugins.call(permit, "counter", "run", "");
    assert_eq!(
        call(permit(ResourceKind::Audit, None).await).await,
        forbidden
    );
    assert_eq!(
        call(permit(ResourceKind::Plugin, Some("other")).await).await,
        forbidden
    );
    assert!(
        call(permit(ResourceKind::Plugin, Some("counter")).await)
            .await
            .is_ok()
    );
    let old = permit(ResourceKind::Content, None).await;
    ward.clock.set(NOON.plus_seconds(3_600));
    assert_eq!(
        call(old).await,
        Err(PluginError::Permit {
            plugin: "counter".to_owned(),
            error: PermitError::Expired,
        })
    );
}

#[tokio::test]
async fn a_plugin_that_does_not_exist_is_named_without_identifiers() {
    let ward = Ward::new();
    for (asked, shown) in [("absent", true), (CPF, false)] {
        match ward.call(asked, "").await {
            Err(PluginError::Unknown { plugin }) => assert_eq!(plugin.contains(asked), shown),
            other => panic!("{other:?}"),
        }
    }
}
