//! The plugin host, each figure beside its peer and its target.
//!
//! The work is the LGPD analyzer on 4 KB of Portuguese text. Its peer is the same detector,
//! `plantao_schema::phi::analyze` with its answer written as JSON, called as a function. What the
//! host itself costs is shown on a guest that does nothing: every call has a permit, a supervised
//! actor and a sandbox around it, and a fresh instance unless it says kept. Modules are compiled
//! in a child process, as strangers' are; this binary is that process too.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::indexing_slicing
)]

#[path = "plugin_call/modules.rs"]
mod modules;
#[path = "plugin_call/permits.rs"]
mod permits;

use modules::{dist, undeclared};
use permits::{permit, settings};
use plantao_actors::clock::WallClock;
use plantao_actors::entropy::Entropy;
use plantao_actors::plugin::{
    AotCache, COMPILER_COMMAND, CompileLimits, Compiler, CompilerProgram, GuestRuntime, PluginHost,
    PluginSpec, Plugins, serve_compiler,
};
use plantao_actors::policy::{self, Policy};
use plantao_schema::plugin::Capability;
use plantao_supervisors::{Intensity, Strategy, SupervisorSpec, Tree};
use std::hint::black_box;
use std::process::ExitCode;
use std::time::{Duration, Instant};

const TEXT_BYTES: usize = 4_096;
const CALLS: usize = 1_000;
/// Rounds in which peers take turns, so that a busy machine is busy for both.
const ROUNDS: usize = 5;
const IDLE_INSTANCES: usize = 64;
const LOOP_MS: u64 = 100;

/// A guest that does nothing.
const NOTHING: &str = r#"(module (memory 1) (func (export "analyze") (result i32) (i32.const 0)))"#;
/// A guest that never ends.
const LOOP: &str =
    r#"(module (func (export "analyze") (result i32) (loop $l (br $l)) (i32.const 0)))"#;

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    if arguments
        .next()
        .is_some_and(|first| first == COMPILER_COMMAND)
    {
        return serve_compiler(arguments);
    }
    tokio::runtime::Runtime::new().unwrap().block_on(compare());
    ExitCode::SUCCESS
}

/// A running host.
struct Stage {
    plugins: Plugins,
    policy: Policy,
    tree: Tree,
    _dir: tempfile::TempDir,
}

impl Stage {
    async fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        for (name, text) in [("nothing", NOTHING), ("loop", LOOP)] {
            let wasm = wat::parse_str(text).unwrap();
            std::fs::write(dir.path().join(format!("{name}.wasm")), wasm).unwrap();
        }
        let here = |name: &str| dir.path().join(format!("{name}.wasm"));
        let analyzer = here("analyzer");
        let bytes = std::fs::read(dist().join("lgpd-analyzer.wasm")).unwrap();
        std::fs::write(&analyzer, undeclared(bytes)).unwrap();
        let kept = |spec: PluginSpec| PluginSpec {
            reuse: true,
            ..spec
        };
        let mut endless = PluginSpec::new("loop", here("loop"));
        endless.limits.timeout = Duration::from_millis(LOOP_MS);
        let crowd = PluginSpec {
            instances: IDLE_INSTANCES,
            ..kept(PluginSpec::new("crowd", &analyzer))
        };
        let specs = [
            PluginSpec::new("raw", &analyzer).grant(Capability::PhiRaw),
            PluginSpec::new("fresh", &analyzer),
            kept(PluginSpec::new("kept", &analyzer)),
            PluginSpec::new("nothing", here("nothing")),
            kept(PluginSpec::new("nothing-kept", here("nothing"))),
            endless,
            crowd,
        ];
        let (guests, clock) = (GuestRuntime::start(2).unwrap(), WallClock::system());
        let mut host = PluginHost::new(dir.path(), guests, clock, child());
        host.capacity = 128;
        let (folder, key) = (dir.path().join("aot"), dir.path().join("aot.key"));
        host.cache = Some(AotCache::open(&folder, &key, 1 << 30, &Entropy::system()).unwrap());
        let plugins = Plugins::new(host).unwrap();
        let policy = Policy::new(settings()).unwrap();
        let intensity = Intensity::new(1, Duration::from_secs(5));
        let spec = SupervisorSpec::new(Strategy::OneForOne, intensity);
        let spec = specs
            .into_iter()
            .fold(spec.child(policy::child(&policy)), |spec, plugin| {
                spec.child(plugins.child(plugin).unwrap())
            });
        let tree = Tree::start("bench", spec).await.unwrap();
        Self {
            plugins,
            policy,
            tree,
            _dir: dir,
        }
    }

    /// Through the actor, and inside the sandbox.
    async fn call(&self, plugin: &str, text: &str) -> (Duration, Duration) {
        let permit = permit(&self.policy);
        let started = Instant::now();
        let output = self.plugins.call(permit, plugin, "analyze", text).await;
        (started.elapsed(), output.unwrap().elapsed)
    }

    /// Microseconds at the median, through the actor and inside: peers by turns.
    async fn medians(&self, plugins: &[(&str, &str)]) -> Vec<(f64, f64)> {
        let mut times = vec![(Vec::new(), Vec::new()); plugins.len()];
        for _ in 0..ROUNDS {
            for ((plugin, text), (whole, inside)) in plugins.iter().zip(&mut times) {
                for _ in 0..CALLS / ROUNDS {
                    let (through, within) = self.call(plugin, text).await;
                    whole.push(micros(through));
                    inside.push(micros(within));
                }
            }
        }
        let middle = |(whole, inside)| (quantile(whole, 50), quantile(inside, 50));
        times.into_iter().map(middle).collect()
    }
}

async fn compare() {
    let text = text();
    let stage = Stage::start().await;
    work(&stage, &text).await;
    machinery(&stage, &text).await;
    throughput(&stage).await;
    loading(&stage).await;
    idle(&stage, &text).await;
    termination(&stage).await;
    stage.tree.shutdown().await;
}

async fn work(stage: &Stage, text: &str) {
    println!(
        "LGPD analyzer on {} bytes, p50 of {CALLS} calls each",
        text.len()
    );
    let native = quantile(
        (0..CALLS)
            .map(|_| {
                let started = Instant::now();
                let found = plantao_schema::phi::analyze(black_box(text));
                black_box(serde_json::to_string(&found).unwrap());
                micros(started.elapsed())
            })
            .collect(),
        50,
    );
    let plugins = ["raw", "fresh", "kept"].map(|name| (name, text));
    let of = stage.medians(&plugins).await;
    figure("native function", native, "us");
    figure("plugin, inside the sandbox", of[0].1, "us");
    verdict(
        "  against native",
        of[0].1 / native,
        "x",
        Target::AtMost(1.75),
    );
    figure("plugin, through its actor", of[0].0, "us");
    figure("redacted text, fresh instance", of[1].1, "us");
    figure("redacted text, kept instance", of[2].1, "us");
    verdict(
        "  fresh against kept",
        of[1].1 / of[2].1,
        "x",
        Target::AtMost(1.5),
    );
}

async fn machinery(stage: &Stage, text: &str) {
    println!("\nA guest that does nothing: what is left is the host's machinery");
    let plugins = [
        ("nothing", ""),
        ("nothing-kept", ""),
        ("nothing-kept", text),
        ("kept", text),
    ];
    let of = stage.medians(&plugins).await;
    let [fresh, kept, copied, analyzer] = of[..] else {
        return;
    };
    figure("inside the sandbox, fresh instance", fresh.1, "us");
    verdict(
        "inside the sandbox, kept instance",
        kept.1,
        "us",
        Target::AtMost(2.0),
    );
    figure("  the copy of 4 KB, apart", copied.1 - kept.1, "us");
    verdict(
        "  share of the analyzer's time",
        kept.1 / analyzer.1 * 100.0,
        "%",
        Target::AtMost(5.0),
    );
    figure("through the actor, fresh instance", fresh.0, "us");
    figure("through the actor, kept instance", kept.0, "us");
}

/// Permits are decided beforehand: a decision is another bench's figure.
async fn throughput(stage: &Stage) {
    const CALLERS: usize = 8;
    const EACH: usize = 10_000;
    println!("\nSmall calls through the actor, {CALLERS} callers");
    for (plugin, what) in [
        ("nothing", "fresh instance"),
        ("nothing-kept", "kept instance"),
    ] {
        let mut callers = Vec::new();
        for _ in 0..CALLERS {
            let permits: Vec<_> = (0..EACH).map(|_| permit(&stage.policy)).collect();
            callers.push((stage.plugins.clone(), permits));
        }
        let started = Instant::now();
        let tasks: Vec<_> = callers
            .into_iter()
            .map(|(plugins, permits)| {
                tokio::spawn(async move {
                    for permit in permits {
                        plugins.call(permit, plugin, "analyze", "").await.unwrap();
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        let rate = (CALLERS * EACH) as f64 / started.elapsed().as_secs_f64();
        verdict(what, rate, "/s", Target::AtLeast(95_000.0));
    }
}

async fn loading(stage: &Stage) {
    println!("\nLoading the analyzer");
    let path = dist().join("lgpd-analyzer.wasm");
    let megabytes = std::fs::metadata(&path).unwrap().len() as f64 / 1e6;
    // Without a cache every load compiles, the file's reading and the child's start included.
    let compiled = {
        let guests = GuestRuntime::start(1).unwrap();
        let mut host = PluginHost::new(dist(), guests, WallClock::system(), child());
        host.capacity = 2;
        let plugins = Plugins::new(host).unwrap();
        let intensity = Intensity::new(1, Duration::from_secs(5));
        let spec = PluginSpec::new("analyzer", &path).grant(Capability::PhiRaw);
        let plugin = plugins.child(spec).unwrap();
        let spec = SupervisorSpec::new(Strategy::OneForOne, intensity).child(plugin);
        let tree = Tree::start("compile", spec).await.unwrap();
        let mut times = Vec::new();
        for _ in 0..ROUNDS {
            let started = Instant::now();
            plugins.reload("analyzer").await.unwrap();
            times.push(started.elapsed().as_secs_f64());
        }
        tree.shutdown().await;
        quantile(times, 50)
    };
    figure("module", megabytes, "MB");
    figure("compiled in a child process", compiled, "s");
    verdict(
        "  of each megabyte",
        compiled / megabytes,
        "s",
        Target::AtMost(1.0),
    );
    let mut times = Vec::new();
    for _ in 0..20 {
        let started = Instant::now();
        stage.plugins.reload("fresh").await.unwrap();
        times.push(started.elapsed().as_secs_f64() * 1e3);
    }
    let loaded = quantile(times, 50);
    verdict(
        "cold start from kept machine code",
        loaded,
        "ms",
        Target::AtMost(1.0),
    );
    verdict(
        "reload, file to module in use",
        loaded,
        "ms",
        Target::AtMost(1.0),
    );
    println!(
        "  (both read the files, hash the module and check the seal; the swap is one pointer)"
    );
}

async fn idle(stage: &Stage, text: &str) {
    println!("\nIdle kept instances of the analyzer");
    let before = resident_bytes();
    let calls = (0..IDLE_INSTANCES).map(|_| stage.call("crowd", text));
    futures_util::future::join_all(calls).await;
    let after = resident_bytes();
    let each = after.saturating_sub(before) as f64 / IDLE_INSTANCES as f64 / 1e3;
    verdict("resident memory of each", each, "KB", Target::AtMost(200.0));
}

/// Two endless guests at a time, on the two threads that guests have.
async fn termination(stage: &Stage) {
    println!("\nAn endless loop with a limit of {LOOP_MS} ms, two at a time");
    let mut over = Vec::new();
    for _ in 0..20 {
        let call = || async {
            let permit = permit(&stage.policy);
            let started = Instant::now();
            let stopped = stage.plugins.call(permit, "loop", "analyze", "").await;
            assert!(stopped.is_err());
            started.elapsed().as_secs_f64() * 1e3 - LOOP_MS as f64
        };
        let (first, second) = tokio::join!(call(), call());
        over.extend([first, second]);
    }
    let most = (LOOP_MS as f64 / 10.0).max(10.0);
    figure("past the limit, p50", quantile(over.clone(), 50), "ms");
    verdict(
        "past the limit, the latest",
        quantile(over, 100),
        "ms",
        Target::AtMost(most),
    );
}

enum Target {
    AtMost(f64),
    AtLeast(f64),
}

fn figure(what: &str, value: f64, unit: &str) {
    println!("  {what:<38}{value:>12.2} {unit}");
}

fn verdict(what: &str, value: f64, unit: &str, target: Target) {
    let (met, target) = match target {
        Target::AtMost(most) => (value <= most, format!("at most {most}")),
        Target::AtLeast(least) => (value >= least, format!("at least {least}")),
    };
    let met = if met { "met" } else { "missed" };
    println!("  {what:<38}{value:>12.2} {unit:<3} {met} ({target})");
}

fn child() -> Compiler {
    Compiler::Child(CompilerProgram::this_binary(), CompileLimits::default())
}

fn text() -> String {
    let article = include_str!("../config/demo/artigo.md");
    let mut text = article.repeat(TEXT_BYTES / article.len() + 1);
    let mut end = TEXT_BYTES;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.truncate(end);
    text
}

fn resident_bytes() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    let pages: u64 = statm.split(' ').nth(1).unwrap().parse().unwrap();
    pages * rustix::param::page_size() as u64
}

fn quantile(mut values: Vec<f64>, part: usize) -> f64 {
    values.sort_by(f64::total_cmp);
    values[(values.len() * part / 100).min(values.len() - 1)]
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}
