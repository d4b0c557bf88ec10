//! Guests written out as text, and the way to run one without a tree around it.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use plantao_schema::plugin::{Capability, MANIFEST_SECTION};

use crate::plugin::engine::{EngineKind, GuestEngine};
use crate::plugin::executor::{Answer, Call, run};
use crate::plugin::guard::RawAllowed;
use crate::plugin::guests::GuestRuntime;
use crate::plugin::module::GuestModule;
use crate::plugin::{CompileLimits, Compiler, CompilerProgram, Limits, PluginError, PluginSpec};

/// A text with a valid CPF.
pub(super) const WITH_CPF: &str = "Paciente João, CPF 529.982.247-25, em acompanhamento.";
/// The CPF in it.
pub(super) const CPF: &str = "529.982.247-25";

/// Answers the byte at 60000 as a digit and adds one to it there: 1 in fresh memory.
pub(super) const COUNTER: &str = r#"
  (import "extism:host/env" "alloc" (func $alloc (param i64) (result i64)))
  (import "extism:host/env" "store_u8" (func $store (param i64 i32)))
  (import "extism:host/env" "output_set" (func $output (param i64 i64)))
  (memory (export "memory") 1)
  (func (export "run") (result i32) (local $block i64)
    (i32.store8 (i32.const 60000) (i32.add (i32.load8_u (i32.const 60000)) (i32.const 1)))
    (local.set $block (call $alloc (i64.const 1)))
    (call $store (local.get $block)
      (i32.add (i32.load8_u (i32.const 60000)) (i32.const 48)))
    (call $output (local.get $block) (i64.const 1))
    (i32.const 0))"#;

/// Never comes back.
pub(super) const LOOP: &str =
    r#"(func (export "run") (result i32) (loop $l (br $l)) (i32.const 0))"#;

/// Stops on a trap.
pub(super) const TRAP: &str = r#"(func (export "run") (result i32) unreachable)"#;

/// One module of these fields, in binary.
pub(in crate::plugin) fn wasm(fields: &str) -> Vec<u8> {
    wat::parse_str(format!("(module {fields})")).unwrap()
}

/// A module of these fields that carries this manifest.
pub(in crate::plugin) fn carrying(manifest: &str, fields: &str) -> Vec<u8> {
    let mut module = wasm(fields);
    let name = MANIFEST_SECTION.as_bytes();
    let content = [
        &[u8::try_from(name.len()).unwrap()],
        name,
        manifest.as_bytes(),
    ]
    .concat();
    module.push(0);
    let mut length = content.len();
    while length > 0x7f {
        module.push(u8::try_from(length & 0x7f).unwrap() | 0x80);
        length >>= 7;
    }
    module.push(u8::try_from(length).unwrap());
    [module, content].concat()
}

/// The same module with its manifest under a name that means nothing.
pub(in crate::plugin) fn without_manifest(mut module: Vec<u8>) -> Vec<u8> {
    let name = MANIFEST_SECTION.as_bytes();
    let mut windows = module.windows(name.len());
    let at = windows
        .position(|window| window == name)
        .expect("a manifest");
    module[at..at + name.len()].make_ascii_uppercase();
    module
}

/// Limits a test need not wait for.
pub(super) fn quick() -> Limits {
    Limits {
        timeout: Duration::from_millis(300),
        ..Limits::default()
    }
}

/// A description of a guest under these limits.
pub(super) fn spec(limits: Limits) -> PluginSpec {
    PluginSpec {
        limits,
        ..PluginSpec::new("guest", "guest.wasm")
    }
}

/// Guests and their engine, without a tree.
pub(super) struct Bench {
    pub(super) engine: GuestEngine,
    guests: GuestRuntime,
}

impl Bench {
    pub(super) fn new() -> Self {
        let engine = GuestEngine::new(EngineKind::Timed, 8).unwrap();
        Self {
            engine,
            guests: GuestRuntime::start(2).unwrap(),
        }
    }

    pub(super) fn load(&self, bytes: &[u8]) -> Result<GuestModule, PluginError> {
        GuestModule::compile(&self.engine, &spec(quick()), bytes)
    }

    pub(super) fn module(&self, spec: &PluginSpec, bytes: &[u8]) -> Arc<GuestModule> {
        Arc::new(GuestModule::compile(&self.engine, spec, bytes).unwrap())
    }

    pub(super) async fn call(
        &self,
        module: &Arc<GuestModule>,
        function: &str,
        text: &str,
        grants: &[Capability],
    ) -> Result<Answer, PluginError> {
        self.guests
            .spawn(run(call(module, function, text, grants)))
            .finish()
            .await
            .expect("the guest's task panicked")
    }

    /// Compiles the fields and calls `run` with `abcde`.
    pub(super) async fn run(&self, fields: &str) -> Result<Answer, PluginError> {
        let module = self.module(&spec(quick()), &wasm(fields));
        self.call(&module, "run", "abcde", &[]).await
    }
}

/// One call, not run yet.
pub(super) fn call(
    module: &Arc<GuestModule>,
    function: &str,
    text: &str,
    grants: &[Capability],
) -> Call {
    Call {
        module: Arc::clone(module),
        function: function.to_owned(),
        text: text.to_owned(),
        raw: RawAllowed::of(&grants.iter().cloned().collect()),
        reveal: None,
    }
}

/// Where the real plugins are.
pub(super) fn dist() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../plugins/dist")
}

/// The bytes of a real plugin.
pub(in crate::plugin) fn real(name: &str) -> Vec<u8> {
    let path = dist().join(name);
    std::fs::read(&path)
        .unwrap_or_else(|e| panic!("`{}`: {e}; run `make plugins` first", path.display()))
}

/// A compiler in a child process: this test binary, in a test that is nothing else. The harness
/// talks on the standard output, so that the artefact travels on the third file.
pub(in crate::plugin) fn compiler_child() -> Compiler {
    Compiler::Child(compiler_program(), CompileLimits::default())
}

/// As [`compiler_child`]; `before` is shell that runs first.
pub(in crate::plugin) fn compiler_program() -> CompilerProgram {
    let script = "program=$1; shift; export PLANTAO_TEST_ORDER=\"$*\"; \
                  exec \"$program\" --exact plugin::tests::compiler_of_this_binary --ignored \
                  --test-threads 1 --nocapture 3>&1 >/dev/null";
    let this = std::env::current_exe().unwrap();
    let arguments = [
        "-c".into(),
        script.into(),
        "sh".into(),
        this.into_os_string(),
    ];
    CompilerProgram::new("/bin/sh", arguments)
}
