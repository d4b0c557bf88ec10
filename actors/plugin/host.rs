//! What the host of all plugins is made of, before it runs anything.
//!
//! Owns [`PluginHost`]: places, sizes and the parts that differ between a hospital, a test and a
//! simulation. Refuses nothing; what cannot be used is found out when it is.

use std::path::PathBuf;
use std::sync::Arc;

use super::aot::AotCache;
use super::compiler::Compiler;
use super::guests::GuestRuntime;
use super::provenance::{Publishers, Unsigned};
use super::twin::GuestTwin;
use crate::clock::WallClock;

/// Largest module file in bytes: compile time grows with it.
pub const MODULE_MAX_BYTES: u64 = 2 * 1024 * 1024;

/// What the host of all plugins needs.
#[derive(Clone)]
pub struct PluginHost {
    /// Where modules are looked up.
    pub dir: PathBuf,
    /// Where guests run.
    pub guests: GuestRuntime,
    /// What tells whether a permit has expired.
    pub clock: WallClock,
    /// Instances over all plugins: what address space is reserved for.
    pub capacity: u32,
    /// Largest module file: 2 MiB, since compile time grows with it.
    pub module_bytes: u64,
    /// Whose modules are taken, and whether those that nobody signed are.
    pub publishers: Publishers,
    /// Where modules are compiled.
    pub compiler: Compiler,
    /// Where machine code is kept over a restart; nowhere without one.
    pub cache: Option<AotCache>,
    /// What stands in for every module, in a simulation.
    pub twin: Option<Arc<dyn GuestTwin>>,
}

impl PluginHost {
    /// A host with room for 64 instances and modules of 2 MiB, for development: nobody need have
    /// signed them.
    #[must_use]
    pub fn new(
        dir: impl Into<PathBuf>,
        guests: GuestRuntime,
        clock: WallClock,
        compiler: Compiler,
    ) -> Self {
        Self {
            dir: dir.into(),
            guests,
            clock,
            capacity: 64,
            module_bytes: MODULE_MAX_BYTES,
            publishers: Publishers::new(Unsigned::Development),
            compiler,
            cache: None,
            twin: None,
        }
    }
}
