//! From a module's bytes to machine code, in a process of its own that may be killed.
//!
//! Owns the choice of where a compiler runs and how much of the machine it may use. A compiler
//! never yields and cannot be interrupted, and a stranger's module chooses its work: so it runs
//! in a child process, which is this very binary, with limits on time, processor, memory and
//! output that the kernel keeps. Refuses nothing of its own; what passes a limit is an error
//! naming it.

mod child;
mod process;
#[cfg(test)]
mod tests;

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use super::engine::GuestEngine;
use super::error::{CompilerFault, PluginError};
use super::guests::GuestRuntime;

#[cfg(test)]
pub(in crate::plugin) use child::serve;
pub use child::serve_compiler;

/// The subcommand under which a binary of ours is a compiler.
pub const COMPILER_COMMAND: &str = "plugin-compile";

const MIB: u64 = 1024 * 1024;

/// How much of the machine compiling one module may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CompileLimits {
    /// Wall time: 30 s. The largest module accepted takes half of that on a slow core.
    pub wall: Duration,
    /// Processor time in seconds, over all its threads: 30.
    pub cpu_s: u64,
    /// Memory it may write to: 1 GiB.
    pub memory_bytes: u64,
    /// The machine code it answers: 64 MiB.
    pub artefact_bytes: u64,
}

impl Default for CompileLimits {
    fn default() -> Self {
        Self {
            wall: Duration::from_secs(30),
            cpu_s: 30,
            memory_bytes: 1024 * MIB,
            artefact_bytes: 64 * MIB,
        }
    }
}

/// A program that serves as a compiler: it ends in [`serve_compiler`] when it is called with these
/// arguments and those that the host adds.
#[derive(Clone, Debug)]
pub struct CompilerProgram {
    pub(super) program: PathBuf,
    pub(super) arguments: Vec<OsString>,
}

impl CompilerProgram {
    /// The binary that runs, wherever it has been moved to since.
    #[must_use]
    pub fn this_binary() -> Self {
        Self::new("/proc/self/exe", [COMPILER_COMMAND])
    }

    /// Another one.
    pub fn new<A: Into<OsString>>(
        program: impl Into<PathBuf>,
        arguments: impl IntoIterator<Item = A>,
    ) -> Self {
        Self {
            program: program.into(),
            arguments: arguments.into_iter().map(Into::into).collect(),
        }
    }
}

/// Where modules are compiled.
#[derive(Clone, Debug)]
pub enum Compiler {
    /// In a child process, killed at its limits and when nobody waits for it.
    Child(CompilerProgram, CompileLimits),
    /// Here, without limits: for modules of one's own, in tests and simulations.
    InProcess,
}

impl Compiler {
    /// Machine code for this engine, of a module whose size was checked.
    pub(super) async fn compile(
        &self,
        engine: &GuestEngine,
        guests: &GuestRuntime,
        plugin: &str,
        wasm: Vec<u8>,
    ) -> Result<Vec<u8>, PluginError> {
        match self {
            Self::Child(program, limits) => {
                process::compile(program, *limits, engine.kind(), plugin, &wasm).await
            }
            Self::InProcess => {
                let engine = engine.wasm().clone();
                let work = move || engine.precompile_module(&wasm);
                match guests.compute(work).await {
                    Some(Ok(artefact)) => Ok(artefact),
                    Some(Err(error)) => Err(PluginError::Module {
                        plugin: plugin.to_owned(),
                        reason: super::module::one_line(&format!("{error:#}")),
                    }),
                    None => Err(PluginError::Compiler {
                        plugin: plugin.to_owned(),
                        fault: CompilerFault::Answer,
                    }),
                }
            }
        }
    }
}
