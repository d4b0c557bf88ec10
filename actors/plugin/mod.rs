//! Plugins: untrusted WebAssembly guests, each call in a sandbox of its own.
//!
//! Owns a Wasmtime host that speaks Extism's ABI (so that its plugin kits and binaries work as
//! they are) and the supervised instances around it. Refuses ambient authority: no files, no
//! network, no operating system; a guest has the text it is given, scratch variables and a log.
//!
//! Per plugin there is one subtree, `rest_for_one`:
//!
//! ```text
//! <plugin>
//! ├── loader          owns the compiled module; a refused file leaves it up, with the reason
//! └── instances       one_for_one
//!     ├── instance-0  runs one call at a time, each in a fresh WebAssembly instance
//!     └── …
//! ```
//!
//! A guest that hangs, traps or passes a limit costs its own call and its own actor. Guests run
//! on threads of their own, yield every few milliseconds, and end when their time is up. What a
//! guest is shown goes through the data guard: redacted, unless the plugin holds `phi:raw`.

mod abi;
mod aot;
mod arena;
mod brake;
mod code_size;
mod compiler;
mod counts;
mod engine;
mod error;
mod escapes;
mod executor;
mod foundry;
mod guard;
mod guests;
mod host;
mod inspection;
mod instance_actor;
mod kept;
mod limit_kind;
mod limits;
mod loader;
mod log_lines;
mod manifest;
mod metered;
mod module;
mod offer;
mod plugins;
mod pool;
mod provenance;
mod spec;
mod state;
mod status;
mod terms;
#[cfg(test)]
mod tests;
mod twin;
mod workbench;

pub use aot::{AotCache, AotKeyError};
pub use compiler::{COMPILER_COMMAND, CompileLimits, Compiler, CompilerProgram, serve_compiler};
pub use counts::PluginCounts;
pub use engine::EngineError;
pub use error::{CapabilityRefusal, CompilerFault, ImportRefusal, PluginError};
pub use guests::GuestRuntime;
pub use host::{MODULE_MAX_BYTES, PluginHost};
pub use inspection::Inspection;
pub use limit_kind::LimitKind;
pub use limits::Limits;
pub use manifest::read_manifest;
pub use metered::{Measured, MeteredBench, Piece};
pub use plugins::{PluginOutput, Plugins};
pub use provenance::{
    ProvenanceRefusal, PublisherError, PublisherKey, PublisherKeyError, PublisherSecret,
    Publishers, SignError, Signed, Unsigned, Verified, unsigned,
};
pub use spec::PluginSpec;
pub use status::{PluginState, PluginStatus};
pub use twin::{GuestTwin, TwinStop};
pub use workbench::{Compiled, Loaded, Trial, Workbench, read_module};
