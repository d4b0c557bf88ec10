//! The host's side of a compiler's process: started, fed, read to its limit, killed, judged.
//!
//! Owns the child for as long as somebody waits: dropping the future kills it. Refuses to read more
//! than the artefact's limit, or to wait past the deadline.

use std::os::unix::process::ExitStatusExt;
use std::process::{ExitStatus, Stdio};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, Command};
use tokio::time::timeout;

use super::child::{COMPILED, EXHAUSTED, Order, REFUSED};
use super::{CompileLimits, CompilerProgram};
use crate::plugin::engine::EngineKind;
use crate::plugin::error::{CompilerFault, PluginError};
use crate::plugin::limit_kind::LimitKind;
use crate::plugin::module::one_line;

/// Threads that compile: more would each take memory from the same limit.
const THREADS: &str = "4";
/// What a dying process may say; only looked at for the allocator's last words.
const LAST_WORDS_BYTES: u64 = 4_096;
/// What Rust's standard library says when memory runs out, before it aborts.
const OUT_OF_MEMORY: &str = "memory allocation of";
/// The signal of a processor limit that was passed.
const SIGXCPU: i32 = 24;
/// The signal of whoever was not stopped by the one before.
const SIGKILL: i32 = 9;

/// Compiles in a child process.
pub(super) async fn compile(
    program: &CompilerProgram,
    limits: CompileLimits,
    kind: EngineKind,
    plugin: &str,
    wasm: &[u8],
) -> Result<Vec<u8>, PluginError> {
    let child = start(program, limits, kind).map_err(|error| PluginError::Compiler {
        plugin: plugin.to_owned(),
        fault: CompilerFault::NotStarted(error.kind()),
    })?;
    let ended = timeout(limits.wall, converse(child, limits, wasm)).await;
    let judged = match ended {
        Ok(Some(end)) => end.judge(limits),
        Ok(None) => Err(End::fault(CompilerFault::Answer)),
        Err(_) => {
            let ms = u64::try_from(limits.wall.as_millis()).unwrap_or(u64::MAX);
            Err(Refusal::Limit(LimitKind::CompileMs, ms))
        }
    };
    judged.map_err(|refusal| refusal.of(plugin))
}

fn start(
    program: &CompilerProgram,
    limits: CompileLimits,
    kind: EngineKind,
) -> std::io::Result<Child> {
    let order = Order {
        kind,
        memory_bytes: limits.memory_bytes,
        cpu_s: limits.cpu_s,
    };
    Command::new(&program.program)
        .args(&program.arguments)
        .args(order.arguments())
        .env_clear()
        .env("RAYON_NUM_THREADS", THREADS)
        // Each thread's arena would reserve 64 MiB of the address space.
        .env("MALLOC_ARENA_MAX", "2")
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
}

/// Feeds it and hears it out; nothing when the system does not tell how it ended.
async fn converse(mut child: Child, limits: CompileLimits, wasm: &[u8]) -> Option<End> {
    let (mut stdin, stdout, stderr) = (
        child.stdin.take()?,
        child.stdout.take()?,
        child.stderr.take()?,
    );
    let feed = async move {
        // One that has ended reads no further, and says why elsewhere.
        let _ = stdin.write_all(wasm).await;
    };
    // The byte that says what follows, and one that shows there was more than allowed.
    let most = limits.artefact_bytes.saturating_add(2);
    let ((), answer, last_words) =
        tokio::join!(feed, heard(stdout, most), heard(stderr, LAST_WORDS_BYTES));
    if answer.len() as u64 >= most {
        child.start_kill().ok()?;
    }
    Some(End {
        status: child.wait().await.ok()?,
        answer,
        last_words,
    })
}

async fn heard(stream: impl AsyncRead + Unpin, most: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    let _ = stream.take(most).read_to_end(&mut bytes).await;
    bytes
}

/// How a compiler ended.
struct End {
    status: ExitStatus,
    answer: Vec<u8>,
    last_words: Vec<u8>,
}

/// Why there is no artefact.
enum Refusal {
    Limit(LimitKind, u64),
    Module(String),
    Fault(CompilerFault),
}

impl Refusal {
    fn of(self, plugin: &str) -> PluginError {
        let plugin = plugin.to_owned();
        match self {
            Self::Limit(limit, value) => PluginError::Limit {
                plugin,
                limit,
                value,
            },
            Self::Module(reason) => PluginError::Module { plugin, reason },
            Self::Fault(fault) => PluginError::Compiler { plugin, fault },
        }
    }
}

impl End {
    fn fault(fault: CompilerFault) -> Refusal {
        Refusal::Fault(fault)
    }

    fn judge(mut self, limits: CompileLimits) -> Result<Vec<u8>, Refusal> {
        if self.answer.len() as u64 > limits.artefact_bytes.saturating_add(1) {
            let most = limits.artefact_bytes;
            return Err(Refusal::Limit(LimitKind::ArtefactBytes, most));
        }
        let memory = Refusal::Limit(LimitKind::CompileMemoryBytes, limits.memory_bytes);
        if String::from_utf8_lossy(&self.last_words).contains(OUT_OF_MEMORY) {
            return Err(memory);
        }
        match self.status.signal() {
            Some(SIGXCPU) => {
                return Err(Refusal::Limit(LimitKind::CompileCpuS, limits.cpu_s));
            }
            // Not by this host, which answers before it kills: by the kernel, for want of memory.
            Some(SIGKILL) => return Err(memory),
            Some(signal) => return Err(Self::fault(CompilerFault::Killed(signal))),
            None => {}
        }
        match self.status.code() {
            Some(0) => {}
            code => return Err(Self::fault(CompilerFault::Ended(code.unwrap_or(-1)))),
        }
        match self.answer.first() {
            Some(&COMPILED) => {
                self.answer.remove(0);
                Ok(self.answer)
            }
            Some(&EXHAUSTED) => Err(memory),
            Some(&REFUSED) => {
                let reason = self.answer.split_off(1);
                Err(Refusal::Module(one_line(&String::from_utf8_lossy(&reason))))
            }
            _ => Err(Self::fault(CompilerFault::Answer)),
        }
    }
}
