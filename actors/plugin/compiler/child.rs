//! The compiler's side: a process that takes its limits upon itself before it reads a byte.
//!
//! Owns the confinement and the answer's form: one byte that says what follows, and what follows.
//! Inherits no file but its three pipes, no environment but what the host set, writes no file,
//! leaves no core, and yields to whatever else the machine has to do. It cannot outlive its
//! limits even when the host that started it is gone.

use std::ffi::OsString;
use std::io::{Read, Write};
use std::process::ExitCode;

use rustix::process::{Resource, Rlimit, setrlimit};

use crate::plugin::engine::{EngineKind, for_compiling};
use crate::plugin::module::one_line;

/// Machine code follows.
pub(super) const COMPILED: u8 = b'C';
/// The module is refused; the reason follows, on one line.
pub(super) const REFUSED: u8 = b'R';
/// There was not enough memory.
pub(super) const EXHAUSTED: u8 = b'M';

/// Address space beyond what is written to: the binary itself, stacks, the allocator's reserves.
const ADDRESS_SLACK_BYTES: u64 = 1024 * 1024 * 1024;
/// The pipes, and what reading the number of processors takes.
const FILES_MAX: u64 = 32;
/// How far a compiler steps back: the hospital comes first.
const NICENESS: i32 = 10;
/// What the kernel is told to sacrifice first.
const OOM_SCORE: &[u8] = b"1000";
/// As `EX_USAGE`: whoever typed this by hand.
const USAGE: u8 = 64;

/// What the host asks for.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Order {
    pub(super) kind: EngineKind,
    pub(super) memory_bytes: u64,
    pub(super) cpu_s: u64,
}

impl Order {
    pub(super) fn arguments(&self) -> [String; 3] {
        let kind = match self.kind {
            EngineKind::Timed => "timed",
            EngineKind::Metered => "metered",
        };
        [
            kind.to_owned(),
            self.memory_bytes.to_string(),
            self.cpu_s.to_string(),
        ]
    }

    pub(super) fn parse(arguments: impl Iterator<Item = OsString>) -> Option<Self> {
        let words: Vec<String> = arguments
            .map(OsString::into_string)
            .collect::<Result<_, _>>()
            .ok()?;
        let [kind, memory_bytes, cpu_s] = words.as_slice() else {
            return None;
        };
        Some(Self {
            kind: match kind.as_str() {
                "timed" => EngineKind::Timed,
                "metered" => EngineKind::Metered,
                _ => return None,
            },
            memory_bytes: memory_bytes.parse().ok()?,
            cpu_s: cpu_s.parse().ok()?,
        })
    }
}

/// Compiles the module on standard input to standard output, under the limits in these arguments.
/// To be called first thing in a process that was started for it: it closes every other file.
#[must_use]
pub fn serve_compiler(arguments: impl Iterator<Item = OsString>) -> ExitCode {
    if close_inherited().is_err() {
        return ExitCode::FAILURE;
    }
    serve(arguments, &mut std::io::stdin(), &mut std::io::stdout())
}

/// As [`serve_compiler`], from and to these; other files stay open.
pub(in crate::plugin) fn serve(
    arguments: impl Iterator<Item = OsString>,
    from: &mut impl Read,
    to: &mut impl Write,
) -> ExitCode {
    let Some(order) = Order::parse(arguments) else {
        return ExitCode::from(USAGE);
    };
    if confine(&order).is_err() {
        return ExitCode::FAILURE;
    }
    let mut wasm = Vec::new();
    if from.read_to_end(&mut wasm).is_err() {
        return ExitCode::FAILURE;
    }
    let (what, content) = match for_compiling(order.kind) {
        Ok(engine) => match engine.precompile_module(&wasm) {
            Ok(artefact) => (COMPILED, artefact),
            Err(error) if error.is::<wasmtime::error::OutOfMemory>() => (EXHAUSTED, Vec::new()),
            Err(error) => (REFUSED, one_line(&format!("{error:#}")).into_bytes()),
        },
        Err(_) => return ExitCode::FAILURE,
    };
    let written = to.write_all(&[what]).and_then(|()| to.write_all(&content));
    match written.and_then(|()| to.flush()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

fn confine(order: &Order) -> std::io::Result<()> {
    // Both are courtesies: a kernel that refuses them changes no limit.
    let _ = rustix::process::nice(NICENESS);
    let _ = std::fs::write("/proc/self/oom_score_adj", OOM_SCORE);
    let hard = |most: u64| Rlimit {
        current: Some(most),
        maximum: Some(most),
    };
    // The first signal of the processor's limit can be caught, the second cannot.
    let cpu = Rlimit {
        current: Some(order.cpu_s),
        maximum: Some(order.cpu_s.saturating_add(1)),
    };
    let address = order.memory_bytes.saturating_add(ADDRESS_SLACK_BYTES);
    setrlimit(Resource::Core, hard(0))?;
    setrlimit(Resource::Fsize, hard(0))?;
    setrlimit(Resource::Nofile, hard(FILES_MAX))?;
    setrlimit(Resource::Cpu, cpu)?;
    setrlimit(Resource::As, hard(address))?;
    setrlimit(Resource::Data, hard(order.memory_bytes))?;
    Ok(())
}

/// Ours are closed on exec; those of whoever started the host may not be.
fn close_inherited() -> std::io::Result<()> {
    let open: Vec<i32> = std::fs::read_dir("/proc/self/fd")?
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter(|number| *number > 2)
        .collect();
    for number in open {
        // The folder that was read was among them, and is closed already.
        if std::fs::symlink_metadata(format!("/proc/self/fd/{number}")).is_err() {
            continue;
        }
        // SAFETY: this process has just begun: nothing in it holds a file but the three streams.
        #[expect(
            unsafe_code,
            reason = "a number is all there is of a file nobody opened here"
        )]
        unsafe {
            rustix::io::close(number);
        }
    }
    Ok(())
}
