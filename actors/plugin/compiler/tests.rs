//! The compiler's process: what it answers, and what each of its limits does to it.

use std::ffi::OsString;
use std::time::Duration;

use super::child::Order;
use super::{CompileLimits, Compiler, CompilerProgram};
use crate::plugin::engine::{EngineKind, GuestEngine};
use crate::plugin::error::{CompilerFault, PluginError};
use crate::plugin::guests::GuestRuntime;
use crate::plugin::limit_kind::LimitKind;
use crate::plugin::tests::guests::{compiler_child, compiler_program, real, wasm};

/// Many functions of many locals and joins: seconds of work within the size of a module.
fn laborious() -> Vec<u8> {
    let step = "(if (local.get 0) (then (local.set 1 (i64.mul (local.get 1) (local.get 2)))) \
                (else (local.set 2 (i64.add (local.get 1) (i64.const 7)))))";
    let body = step.repeat(2_400);
    let function = format!("(func (param i32) (local i64 i64) {body})");
    wasm(&function.repeat(24))
}

fn sh(script: &str) -> CompilerProgram {
    CompilerProgram::new("/bin/sh", ["-c", script])
}

async fn compile(compiler: &Compiler, wasm: Vec<u8>) -> Result<Vec<u8>, PluginError> {
    let engine = GuestEngine::new(EngineKind::Timed, 1).unwrap();
    let guests = GuestRuntime::start(1).unwrap();
    compiler.compile(&engine, &guests, "guest", wasm).await
}

async fn refusal(program: CompilerProgram, limits: CompileLimits) -> PluginError {
    let compiler = Compiler::Child(program, limits);
    compile(&compiler, laborious()).await.unwrap_err()
}

fn passed(limit: LimitKind, value: u64) -> PluginError {
    let plugin = "guest".to_owned();
    PluginError::Limit {
        plugin,
        limit,
        value,
    }
}

fn failed(fault: CompilerFault) -> PluginError {
    let plugin = "guest".to_owned();
    PluginError::Compiler { plugin, fault }
}

#[tokio::test]
async fn a_child_answers_what_the_host_itself_would_have_compiled() {
    let module = real("echo.wasm");
    let there = compile(&compiler_child(), module.clone()).await.unwrap();
    let here = compile(&Compiler::InProcess, module).await.unwrap();
    assert!(there == here, "{} and {} bytes", there.len(), here.len());
}

#[tokio::test]
async fn a_module_that_is_refused_is_refused_with_the_validators_reason() {
    let mut broken = real("echo.wasm");
    broken.truncate(broken.len() / 2);
    let refused = |error| match error {
        PluginError::Module { plugin, reason } => {
            assert_eq!(plugin, "guest");
            reason
        }
        other => panic!("{other:?}"),
    };
    let there = compile(&compiler_child(), broken.clone()).await;
    let here = compile(&Compiler::InProcess, broken).await;
    let (there, here) = (refused(there.unwrap_err()), refused(here.unwrap_err()));
    assert_eq!(there, here);
}

#[tokio::test]
async fn each_limit_ends_the_compiler_and_is_named_with_its_value() {
    let limits = CompileLimits::default();
    let cpu = CompileLimits { cpu_s: 0, ..limits };
    let memory_bytes = 48 * 1024 * 1024;
    let memory = CompileLimits {
        memory_bytes,
        ..limits
    };
    let output = CompileLimits {
        artefact_bytes: 10_000,
        ..limits
    };
    let cases = [
        (cpu, passed(LimitKind::CompileCpuS, 0)),
        (memory, passed(LimitKind::CompileMemoryBytes, memory_bytes)),
        (output, passed(LimitKind::ArtefactBytes, 10_000)),
    ];
    for (limits, expected) in cases {
        assert_eq!(refusal(compiler_program(), limits).await, expected);
    }
}

#[tokio::test]
async fn a_compiler_that_hangs_is_killed_at_its_deadline() {
    let limits = CompileLimits {
        wall: Duration::from_millis(100),
        ..CompileLimits::default()
    };
    let dir = tempfile::tempdir().unwrap();
    let told = dir.path().join("pid");
    let hang = format!("echo $$ > {}; exec sleep 1000", told.display());
    let expected = passed(LimitKind::CompileMs, 100);
    assert_eq!(refusal(sh(&hang), limits).await, expected);
    ended(&std::fs::read_to_string(&told).unwrap_or_default()).await;
}

#[tokio::test]
async fn a_compiler_nobody_waits_for_is_killed() {
    let dir = tempfile::tempdir().unwrap();
    let told = dir.path().join("pid");
    let hang = format!("echo $$ > {}; exec sleep 1000", told.display());
    let compiling = tokio::spawn(refusal(sh(&hang), CompileLimits::default()));
    let pid = loop {
        match std::fs::read_to_string(&told) {
            Ok(pid) if pid.ends_with('\n') => break pid,
            _ => tokio::task::yield_now().await,
        }
    };
    compiling.abort();
    assert!(compiling.await.unwrap_err().is_cancelled());
    ended(&pid).await;
}

/// Until the process is gone, or only its entry is left for its parent to read.
async fn ended(pid: &str) {
    let Ok(pid) = pid.trim().parse::<u32>() else {
        return;
    };
    let runs = || {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        !stat.is_empty() && !stat.contains(") Z ")
    };
    let deadline = std::time::Instant::now() + Duration::from_secs(10);
    while runs() {
        assert!(std::time::Instant::now() < deadline, "it still runs");
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn whatever_else_becomes_of_it_is_told_and_nothing_is_loaded() {
    let limits = CompileLimits::default();
    let cases = [
        (sh("exit 0"), CompilerFault::Answer),
        (sh("cat >/dev/null; echo hello"), CompilerFault::Answer),
        (sh("printf C; exit 3"), CompilerFault::Ended(3)),
        (sh("kill -SEGV $$"), CompilerFault::Killed(11)),
        (
            CompilerProgram::new("/nowhere/compiler", [""]),
            CompilerFault::NotStarted(std::io::ErrorKind::NotFound),
        ),
    ];
    for (program, fault) in cases {
        assert_eq!(refusal(program, limits).await, failed(fault));
    }
}

#[tokio::test]
async fn it_inherits_no_environment_but_what_the_host_sets() {
    let dir = tempfile::tempdir().unwrap();
    let told = dir.path().join("environment");
    let tell = format!("cat /proc/$$/environ > {}", told.display());
    assert_eq!(
        refusal(sh(&tell), CompileLimits::default()).await,
        failed(CompilerFault::Answer)
    );
    let environment = std::fs::read_to_string(&told).unwrap();
    let mut names: Vec<_> = environment
        .split('\0')
        .filter_map(|pair| Some(pair.split_once('=')?.0))
        .collect();
    names.sort_unstable();
    assert_eq!(names, ["MALLOC_ARENA_MAX", "RAYON_NUM_THREADS"]);
}

#[test]
fn an_order_is_read_as_it_was_written_and_nothing_else_is_one() {
    for kind in [EngineKind::Timed, EngineKind::Metered] {
        let order = Order {
            kind,
            memory_bytes: 7,
            cpu_s: 9,
        };
        let words = order.arguments().map(OsString::from);
        assert_eq!(Order::parse(words.into_iter()), Some(order));
    }
    for words in [
        vec![],
        vec!["timed", "1"],
        vec!["timed", "1", "2", "3"],
        vec!["other", "1", "2"],
        vec!["timed", "-1", "2"],
        vec!["timed", "1", "much"],
    ] {
        let words = words.into_iter().map(OsString::from);
        assert_eq!(Order::parse(words), None);
    }
}
