//! Modules in their tree: what a refused file costs, and what a reload changes.

use plantao_supervisors::NodeState;

use super::guests::{COUNTER, LOOP, wasm};
use super::ward::{Ward, plugin, until};
use crate::plugin::{ImportRefusal, LimitKind, PluginError, PluginSpec, PluginState};

#[tokio::test]
async fn a_refused_file_leaves_its_loader_up_and_other_plugins_at_work() {
    let mut ward = Ward::new();
    ward.write("text", b"not wasm at all");
    ward.write(
        "wasi",
        &wasm(r#"(import "wasi_snapshot_preview1" "fd_write" (func))"#),
    );
    ward.write("counter", &wasm(COUNTER));
    ward.start(["missing", "text", "wasi", "counter"].map(plugin))
        .await;
    let kind = std::io::ErrorKind::NotFound;
    let missing = PluginError::File {
        plugin: "missing".to_owned(),
        kind,
    };
    assert_eq!(ward.call("missing", "").await, Err(missing));
    let text = PluginError::NotWasm {
        plugin: "text".to_owned(),
    };
    assert_eq!(ward.call("text", "").await, Err(text));
    match ward.call("wasi", "").await {
        Err(PluginError::Import {
            import,
            refusal: ImportRefusal::Wasi,
            ..
        }) => {
            assert_eq!(import, "wasi_snapshot_preview1::fd_write");
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(ward.call("counter", "").await.unwrap().text, "1");
    assert_eq!(ward.status("wasi").state, PluginState::Refused);
    assert!(ward.status("wasi").reason.unwrap().contains("fd_write"));
    assert_eq!(ward.node("ward/wasi/loader").state, NodeState::Running);
    assert_eq!(ward.node("ward/wasi/loader").restarts, 0);
}

#[tokio::test]
async fn a_reload_takes_the_new_file_or_keeps_the_old_one() {
    let mut ward = Ward::new();
    ward.write("guest", &wasm(COUNTER));
    ward.start([plugin("guest")]).await;
    let first = ward.call("guest", "").await.unwrap();
    ward.write("guest", b"broken");
    let refusal = ward.plugins.reload("guest").await;
    assert_eq!(
        refusal,
        Err(PluginError::NotWasm {
            plugin: "guest".to_owned()
        })
    );
    assert_eq!(ward.call("guest", "").await.unwrap().sha256, first.sha256);
    ward.write(
        "guest",
        &wasm(&COUNTER.replace("i32.const 48", "i32.const 64")),
    );
    let sha256 = ward.plugins.reload("guest").await.unwrap();
    let second = ward.call("guest", "").await.unwrap();
    assert_eq!((second.text.as_str(), &second.sha256), ("A", &sha256));
    assert_ne!(second.sha256, first.sha256);
    assert_eq!(ward.status("guest").sha256, Some(sha256));
}

#[tokio::test]
async fn a_call_in_progress_finishes_on_the_module_it_began_with() {
    let mut ward = Ward::new();
    ward.write("guest", &wasm(LOOP));
    ward.start([plugin("guest")]).await;
    let reload = async {
        let path = "ward/guest/instances/instance-0";
        until("the call runs", || ward.node(path).mailbox_depth == Some(1)).await;
        ward.write("guest", &wasm(COUNTER));
        ward.plugins.reload("guest").await.unwrap();
        ward.call("guest", "").await.unwrap().text
    };
    let (old, new) = tokio::join!(ward.call("guest", ""), reload);
    assert!(
        matches!(
            old,
            Err(PluginError::Limit {
                limit: LimitKind::TimeoutMs,
                ..
            })
        ),
        "{old:?}"
    );
    assert_eq!(new, "1");
}

#[tokio::test]
async fn a_module_that_was_refused_is_mended_by_a_reload() {
    let mut ward = Ward::new();
    ward.start([plugin("guest")]).await;
    assert_eq!(ward.status("guest").state, PluginState::Refused);
    ward.write("guest", &wasm(COUNTER));
    ward.plugins.reload("guest").await.unwrap();
    assert_eq!(ward.call("guest", "").await.unwrap().text, "1");
    assert_eq!(ward.status("guest").state, PluginState::Ready);
}

#[tokio::test]
async fn a_killed_loader_is_replaced_with_its_instances_and_loads_again() {
    let mut ward = Ward::new();
    ward.write("guest", &wasm(COUNTER));
    ward.start([plugin("guest")]).await;
    ward.tree().kill("ward/guest/loader").unwrap();
    until("the loader is back", || {
        ward.node("ward/guest/loader").restarts == 1
    })
    .await;
    until("ready", || {
        let status = ward.status("guest");
        status.state == PluginState::Ready && status.instances_up == status.instances
    })
    .await;
    assert_eq!(ward.call("guest", "").await.unwrap().text, "1");
}

#[test]
fn a_name_taken_and_a_host_too_small_are_refused() {
    let ward = Ward::new();
    ward.plugins.child(plugin("one")).unwrap();
    let refused = |spec| match ward.plugins.child(spec).err() {
        Some(PluginError::Spec { field, .. }) => field,
        other => panic!("{other:?}"),
    };
    assert_eq!(refused(plugin("one")), "name");
    assert_eq!(
        refused(PluginSpec {
            instances: 63,
            ..plugin("two")
        }),
        "instances"
    );
    assert_eq!(refused(plugin("Três")), "name");
}
