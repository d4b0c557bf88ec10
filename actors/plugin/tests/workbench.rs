//! The author's bench: a stranger's module is handled there as a hospital's host handles it.

use std::time::Duration;

use super::guests::{COUNTER, compiler_child, spec, wasm};
use crate::plugin::limits::Limits;
use crate::plugin::{
    CompileLimits, Compiler, CompilerProgram, GuestRuntime, ImportRefusal, LimitKind, PluginError,
    Workbench, read_module,
};

/// More than a host reads.
const TOO_LONG_BYTES: usize = 2 * 1024 * 1024 + 1;

fn bench(compiler: Compiler) -> Workbench {
    Workbench::new(GuestRuntime::start(1).unwrap(), compiler).unwrap()
}

/// A bench whose compiler must not be reached.
fn without_compiler() -> Workbench {
    let nowhere = CompilerProgram::new("/nowhere/compiler", [""]);
    bench(Compiler::Child(nowhere, CompileLimits::default()))
}

fn passed(limit: LimitKind, value: u64) -> Option<PluginError> {
    let plugin = "guest".to_owned();
    Some(PluginError::Limit {
        plugin,
        limit,
        value,
    })
}

#[tokio::test]
async fn a_function_too_long_to_compile_is_refused_before_the_compiler() {
    let long = wasm(&format!("(func {})", "(nop)".repeat(64 * 1024)));
    let refused = without_compiler().compile("guest", long).await.err();
    assert_eq!(refused, passed(LimitKind::FunctionBytes, 64 * 1024));
}

#[test]
fn a_file_that_is_too_long_or_no_file_is_not_read() {
    let dir = tempfile::tempdir().unwrap();
    let long = dir.path().join("long.wasm");
    std::fs::write(&long, vec![0; TOO_LONG_BYTES]).unwrap();
    let refused = read_module("guest", &long).err();
    assert_eq!(refused, passed(LimitKind::ModuleBytes, 2 * 1024 * 1024));
    let kind = std::io::ErrorKind::InvalidInput;
    let plugin = "guest".to_owned();
    let zero = read_module("guest", "/dev/zero".as_ref());
    assert_eq!(zero, Err(PluginError::File { plugin, kind }));
}

#[tokio::test]
async fn a_module_that_is_too_much_work_costs_its_compiler_and_no_more() {
    let hang = CompilerProgram::new("/bin/sh", ["-c", "exec sleep 1000"]);
    let limits = CompileLimits {
        wall: Duration::from_millis(100),
        ..CompileLimits::default()
    };
    let bench = bench(Compiler::Child(hang, limits));
    let refused = bench.compile("guest", wasm(COUNTER)).await.err();
    assert_eq!(refused, passed(LimitKind::CompileMs, 100));
}

#[tokio::test]
async fn a_module_is_compiled_once_looked_over_and_called_as_often_as_wanted() {
    let bench = bench(compiler_child());
    let compiled = bench.compile("guest", wasm(COUNTER)).await.unwrap();
    assert!(compiled.inspection.functions.contains("run"));
    assert_eq!(compiled.inspection.memory_bytes, 64 * 1024);
    for _ in 0..2 {
        let loaded = bench.load(&spec(Limits::default()), &compiled).unwrap();
        let trial = bench.call(&loaded, "run", "").await;
        assert_eq!(trial.answer.as_deref(), Ok("1"));
    }
    let wasi = wasm(r#"(import "wasi_snapshot_preview1" "fd_write" (func))"#);
    let compiled = bench.compile("guest", wasi).await.unwrap();
    let import = "wasi_snapshot_preview1::fd_write".to_owned();
    let expected = [(import, Some(ImportRefusal::Wasi))];
    assert_eq!(compiled.inspection.imports, expected);
    assert!(bench.load(&spec(Limits::default()), &compiled).is_err());
}
