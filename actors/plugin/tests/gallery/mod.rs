//! The gallery of hostile guests: each is contained, named, and leaves the host as it was.
//!
//! Every guest is a plugin of one tree, compiled in a child process as strangers' modules are. A
//! sibling answers all the while. The gallery is walked twice, and after the second time the
//! process is no larger than after the first. It has a process of its own: other tests take
//! memory too.

mod blocks;
mod bombs;
mod doors;
mod remnants;
mod resources;
mod traps;
mod words;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::future::join_all;
use plantao_schema::access::{Action, ResourceKind};
use plantao_supervisors::{Intensity, Strategy, SupervisorSpec, Tree};

use super::guests::{COUNTER, LOOP, wasm};
use super::ward::{NOON, Ward, secs, until};
use crate::plugin::{ImportRefusal, LimitKind, Limits, PluginError, PluginSpec};
use crate::policy::testing::{self, LoadedTables};
use crate::policy::{self, Policy, Verdict};

/// glibc's knobs that make it give freed memory back at once. What it would keep for itself depends
/// on which thread freed what, and hides what the host keeps.
const GIVING_BACK: [(&str, &str); 3] = [
    ("MALLOC_ARENA_MAX", "2"),
    ("MALLOC_MMAP_THRESHOLD_", "65536"),
    ("MALLOC_TRIM_THRESHOLD_", "65536"),
];
/// How often the whole gallery is walked. What the engine's pool keeps for the next call may grow
/// on one walk and not on the next; what is leaked grows on each.
const WALKS: usize = 3;
/// Memory the process may have gained on the walk on which it gained least. One leaked guest of a
/// memory bomb is four times that.
const RSS_SLACK_BYTES: u64 = 16 * 1024 * 1024;
/// How often each guest is called on one walk: a kept remnant would show in the second call.
const CALLS: usize = 2;

/// Everything a guest of the gallery may need of the host.
pub(super) const ABI: &str = r#"
  (import "extism:host/env" "input_offset" (func $input (result i64)))
  (import "extism:host/env" "input_length" (func $input_length (result i64)))
  (import "extism:host/env" "input_load_u8" (func $input_u8 (param i64) (result i32)))
  (import "extism:host/env" "input_load_u64" (func $input_u64 (param i64) (result i64)))
  (import "extism:host/env" "alloc" (func $alloc (param i64) (result i64)))
  (import "extism:host/env" "free" (func $free (param i64)))
  (import "extism:host/env" "length" (func $length (param i64) (result i64)))
  (import "extism:host/env" "load_u8" (func $load_u8 (param i64) (result i32)))
  (import "extism:host/env" "load_u64" (func $load (param i64) (result i64)))
  (import "extism:host/env" "store_u8" (func $store_u8 (param i64 i32)))
  (import "extism:host/env" "store_u64" (func $store (param i64 i64)))
  (import "extism:host/env" "output_set" (func $output (param i64 i64)))
  (import "extism:host/env" "error_set" (func $error (param i64)))
  (import "extism:host/env" "config_get" (func $config (param i64) (result i64)))
  (import "extism:host/env" "var_get" (func $get (param i64) (result i64)))
  (import "extism:host/env" "var_set" (func $set (param i64 i64)))
  (import "extism:host/env" "log_info" (func $log (param i64)))
  (import "extism:host/env" "log_error" (func $log_error (param i64)))"#;

/// How a guest of the gallery has to end.
#[derive(Clone, Debug)]
pub(super) enum End {
    /// A limit is passed, with this value.
    Limit(LimitKind, u64),
    /// This host function is given an offset that belongs to nothing.
    OutOfRange(&'static str),
    /// A trap of which the text says this.
    Trap(&'static str),
    /// The module is refused.
    Module,
    /// It is no module.
    NotWasm,
    /// This import is refused.
    Import(&'static str, ImportRefusal),
    /// There is nothing to call.
    NoFunction,
    /// The guest answers this code, and its words do not come along.
    Failed(i32),
    /// The answer is not text from this byte on.
    NotText(usize),
    /// Nobody answers: the host's own function panicked.
    Unavailable,
    /// The attack comes to nothing, and the guest answers.
    Text(&'static str),
}

impl End {
    fn matches(&self, answer: &Result<String, PluginError>) -> bool {
        match (self, answer) {
            (Self::Limit(kind, most), Err(PluginError::Limit { limit, value, .. })) => {
                (kind, most) == (limit, value)
            }
            (Self::OutOfRange(by), Err(PluginError::OutOfRange { function, .. })) => by == function,
            (Self::Trap(said), Err(PluginError::Trapped { trap, .. })) => trap.contains(said),
            (
                Self::Import(name, why),
                Err(PluginError::Import {
                    import, refusal, ..
                }),
            ) => name == import && why == refusal,
            (Self::Failed(expected), Err(PluginError::Failed { code, message, .. })) => {
                expected == code && message.is_empty()
            }
            (Self::NotText(from), Err(PluginError::NotText { at, .. })) => from == at,
            (Self::Text(expected), Ok(text)) => expected == text,
            (Self::Module, Err(PluginError::Module { .. }))
            | (Self::NotWasm, Err(PluginError::NotWasm { .. }))
            | (Self::NoFunction, Err(PluginError::NoFunction { .. }))
            | (Self::Unavailable, Err(PluginError::Unavailable { .. })) => true,
            _ => false,
        }
    }
}

/// One guest.
pub(super) struct Guest {
    name: &'static str,
    wasm: Vec<u8>,
    end: End,
    limits: Limits,
}

impl Guest {
    /// A module of these fields, which has nothing to fear from the clock.
    pub(super) fn new(name: &'static str, fields: &str, end: End) -> Self {
        Self::of_bytes(name, wasm(fields), end)
    }

    /// The same with every host function there is, and this as its `run`.
    pub(super) fn run(name: &'static str, body: &str, end: End) -> Self {
        let run = r#"(func (export "run") (result i32) (local $a i64) (local $b i64)"#;
        let fields = format!("{ABI} (memory 1) {run} {body} (i32.const 0))");
        Self::new(name, &fields, end)
    }

    pub(super) fn of_bytes(name: &'static str, wasm: Vec<u8>, end: End) -> Self {
        let limits = Limits {
            timeout: secs(20),
            ..Limits::default()
        };
        Self {
            name,
            wasm,
            end,
            limits,
        }
    }

    /// One that only the clock ends.
    pub(super) fn endless(mut self) -> Self {
        self.limits.timeout = Duration::from_millis(u64::from(ENDLESS_MS));
        self
    }
}

/// What endless guests are given.
const ENDLESS_MS: u32 = 150;

/// How endless guests end.
pub(super) fn by_the_clock() -> End {
    End::Limit(LimitKind::TimeoutMs, ENDLESS_MS.into())
}

fn gallery() -> Vec<Guest> {
    let rooms = [
        resources::guests(),
        traps::guests(),
        blocks::guests(),
        doors::guests(),
        words::guests(),
        bombs::guests(),
        remnants::guests(),
    ];
    rooms.into_iter().flatten().collect()
}

/// The gallery in a process of its own, so that its memory and its files are nobody else's.
#[test]
fn every_hostile_guest_is_contained_and_the_host_is_as_before() {
    let walked = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "plugin::tests::gallery::walk", "--ignored"])
        .args(["--nocapture", "--test-threads", "1"])
        .envs(GIVING_BACK)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&walked.stdout);
    let wrong = String::from_utf8_lossy(&walked.stderr);
    assert!(walked.status.success(), "{said}\n{wrong}");
    println!("{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "walked in a process of its own"]
async fn walk() {
    let guests = gallery();
    assert!(guests.len() >= 40, "{}", guests.len());
    let desk = Desk::open().await;
    let mut ward = Ward::with(|host, _| host.capacity = 160);
    ward.write("sibling", &wasm(COUNTER));
    ward.write("crowd", &wasm(LOOP));
    let quiet = |name: &str, limits| PluginSpec {
        limits,
        instances: 1,
        ..PluginSpec::new(name, format!("{name}.wasm"))
    };
    let mut specs = vec![
        quiet("sibling", Limits::default()),
        PluginSpec {
            instances: 2,
            ..quiet("crowd", Guest::new("", "", End::Module).endless().limits)
        },
    ];
    for guest in &guests {
        ward.write(guest.name, &guest.wasm);
        specs.push(quiet(guest.name, guest.limits));
    }
    ward.start(specs).await;
    let ward = Arc::new(Visited { ward, desk });
    let sibling = Sibling::start(&ward);
    let mut after = Vec::new();
    for _ in 0..WALKS {
        for guest in &guests {
            look_at(&ward, guest, &sibling).await;
        }
        crowd(&ward).await;
        until("all instances are back", || {
            let all = ward.ward.plugins.list();
            all.iter()
                .all(|plugin| plugin.instances_up == plugin.instances)
        })
        .await;
        after.push((rss_bytes(), open_files()));
    }
    let answered = sibling.stop().await;
    let names: Vec<_> = guests.iter().map(|guest| guest.name).collect();
    println!("{} guests: {}", names.len(), names.join(", "));
    println!("sibling answered {answered} calls");
    for (walk, (rss, files)) in after.iter().enumerate() {
        println!("after walk {}: {} KiB, {files} files", walk + 1, rss / 1024);
    }
    let grown = after
        .windows(2)
        .map(|pair| pair[1].0.saturating_sub(pair[0].0));
    assert!(grown.min().unwrap() <= RSS_SLACK_BYTES, "{after:?}");
    let files: Vec<usize> = after.iter().map(|(_, files)| *files).collect();
    assert!(files.iter().all(|open| *open == files[0]), "{files:?}");
}

/// Loads the guest anew and calls it; its sibling has answered meanwhile and answers still.
async fn look_at(ward: &Visited, guest: &Guest, sibling: &Sibling) {
    let before = sibling.answered();
    let _refused = ward.ward.plugins.reload(guest.name).await;
    for _ in 0..CALLS {
        let answer = ward.call(guest.name, "abcde").await;
        let (name, end) = (guest.name, &guest.end);
        assert!(
            end.matches(&answer),
            "{name}: {answer:.200?}, expected {end:?}"
        );
    }
    sibling.answers_after(before).await;
}

/// Many calls of an endless guest at once: those that are admitted end by the clock.
async fn crowd(ward: &Visited) {
    let calls = join_all((0..100).map(|_| ward.call("crowd", ""))).await;
    let (end, full) = (by_the_clock(), LimitKind::Calls);
    for answer in calls {
        let breach = answer.as_ref().err().and_then(PluginError::breach);
        let contained = end.matches(&answer) || breach.is_some_and(|(limit, _)| limit == full);
        assert!(contained, "{answer:?}");
    }
}

/// A policy that permits, kept up: one of its own for each call would be remembered for good.
struct Desk {
    policy: Policy,
    _tables: LoadedTables,
    _tree: Tree,
}

impl Desk {
    async fn open() -> Self {
        let policy = Policy::new(testing::settings()).unwrap();
        let intensity = Intensity::new(1, secs(5));
        let spec = SupervisorSpec::new(Strategy::OneForOne, intensity);
        let tree = Tree::start("desk", spec.child(policy::child(&policy))).await;
        Self {
            _tables: testing::loaded(&policy),
            policy,
            _tree: tree.unwrap(),
        }
    }
}

/// The tree of guests, and the desk that lets calls in.
struct Visited {
    ward: Ward,
    desk: Desk,
}

impl Visited {
    async fn call(&self, plugin: &str, text: &str) -> Result<String, PluginError> {
        let access = testing::access(Action::Submit, ResourceKind::Content, NOON);
        let Verdict::Permit(permit) = self.desk.policy.decide(access, testing::HERE) else {
            panic!("the desk refuses");
        };
        let called = self.ward.plugins.call(permit, plugin, "run", text).await;
        called.map(|output| output.text)
    }
}

/// A well-behaved plugin that is called without a pause.
struct Sibling {
    answered: Arc<AtomicUsize>,
    stop: Arc<AtomicBool>,
    task: tokio::task::JoinHandle<()>,
}

impl Sibling {
    fn start(ward: &Arc<Visited>) -> Self {
        let (ward, answered) = (Arc::clone(ward), Arc::new(AtomicUsize::new(0)));
        let (count, stop) = (Arc::clone(&answered), Arc::new(AtomicBool::new(false)));
        let stopped = Arc::clone(&stop);
        let task = tokio::spawn(async move {
            while !stopped.load(Ordering::Acquire) {
                assert_eq!(ward.call("sibling", "").await.unwrap(), "1");
                count.fetch_add(1, Ordering::AcqRel);
            }
        });
        Self {
            answered,
            stop,
            task,
        }
    }

    fn answered(&self) -> usize {
        self.answered.load(Ordering::Acquire)
    }

    async fn answers_after(&self, before: usize) {
        until("the sibling answers", || {
            assert!(!self.task.is_finished(), "the sibling was touched");
            self.answered() > before
        })
        .await;
    }

    async fn stop(self) -> usize {
        self.stop.store(true, Ordering::Release);
        self.task.await.unwrap();
        self.answered.load(Ordering::Acquire)
    }
}

fn rss_bytes() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    let pages: u64 = statm.split(' ').nth(1).unwrap().parse().unwrap();
    pages * rustix::param::page_size() as u64
}

fn open_files() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}
