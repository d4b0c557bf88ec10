//! What can go wrong with a plugin, said so that the reader knows whose fault it is.
//!
//! Owns [`PluginError`] and the closed lists it is made of. Refuses to carry anything a guest or a
//! caller wrote that has not gone through redaction first: these texts reach answers and logs.

use std::fmt;

use plantao_schema::phi::Category;
use plantao_schema::plugin::{Capability, CapabilityKind, ManifestError};

use super::limit_kind::LimitKind;
use super::provenance::ProvenanceRefusal;
use crate::policy::PermitError;

/// Why a plugin could not be loaded, or a call into it did not answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PluginError {
    /// The caller named a plugin that is not configured. The name is redacted text.
    #[error("no plugin is called `{plugin}`")]
    Unknown {
        /// What was asked for.
        plugin: String,
    },
    /// The permit given was decided for something else than this call.
    #[error("the permit does not cover a call of plugin `{plugin}`")]
    Forbidden {
        /// Which plugin was to be called.
        plugin: String,
    },
    /// The permit does not hold any more.
    #[error("the call of plugin `{plugin}` is not permitted: {error}")]
    Permit {
        /// Which plugin was to be called.
        plugin: String,
        /// Why it does not.
        error: PermitError,
    },
    /// The operator's description of the plugin is not acceptable.
    #[error("plugin `{plugin}`: `{field}` {reason}")]
    Spec {
        /// Which plugin is described.
        plugin: String,
        /// Which field of its description.
        field: &'static str,
        /// What is expected of it.
        reason: String,
    },
    /// The file could not be read.
    #[error("plugin `{plugin}`: the file of `wasm` cannot be read: {kind}")]
    File {
        /// Which plugin.
        plugin: String,
        /// What the operating system said.
        kind: std::io::ErrorKind,
    },
    /// The file is something else than a binary WebAssembly module.
    #[error("plugin `{plugin}`: the file of `wasm` is not a WebAssembly module")]
    NotWasm {
        /// Which plugin.
        plugin: String,
    },
    /// The file comes from nobody whose plugins are taken, or not as it was signed.
    #[error("plugin `{plugin}`: the file of `wasm` {refusal}")]
    Provenance {
        /// Which plugin.
        plugin: String,
        /// What is wrong with its origin.
        refusal: ProvenanceRefusal,
    },
    /// The module is malformed, or asks for a feature the host does not give.
    #[error("plugin `{plugin}`: the module of `wasm` is refused: {reason}")]
    Module {
        /// Which plugin.
        plugin: String,
        /// What the validator said, cut short.
        reason: String,
    },
    /// The compiler's process did not do its work.
    #[error("plugin `{plugin}`: the module of `wasm` is not compiled: {fault}")]
    Compiler {
        /// Which plugin.
        plugin: String,
        /// What became of it.
        fault: CompilerFault,
    },
    /// The module carries a manifest that is not acceptable.
    #[error("plugin `{plugin}`: the manifest in `wasm` {error}")]
    Manifest {
        /// Which plugin.
        plugin: String,
        /// Which field of it, and what is expected there.
        error: ManifestError,
    },
    /// The manifest asks for more than the operator gives.
    #[error("plugin `{plugin}` asks for {asked} {limit} and is given {cap} at most")]
    Ask {
        /// Which plugin.
        plugin: String,
        /// Which limit.
        limit: LimitKind,
        /// What its manifest asks for.
        asked: u64,
        /// What the operator's configuration gives, or the host where that says nothing.
        cap: u64,
    },
    /// The manifest asks for a capability that it does not get.
    #[error("plugin `{plugin}` asks for `{capability}`, which {refusal}")]
    Capability {
        /// Which plugin.
        plugin: String,
        /// Which capability.
        capability: Capability,
        /// Why it is refused.
        refusal: CapabilityRefusal,
    },
    /// The manifest declares a function that the module does not have.
    #[error("plugin `{plugin}` declares `{function}`, which is no function of its module")]
    NotExported {
        /// Which plugin.
        plugin: String,
        /// What its manifest calls it.
        function: String,
    },
    /// The module imports what it was not granted.
    #[error("plugin `{plugin}`: the module of `wasm` imports `{import}`, which {refusal}")]
    Import {
        /// Which plugin.
        plugin: String,
        /// The import, as `namespace::name`.
        import: String,
        /// Why it is refused.
        refusal: ImportRefusal,
    },
    /// The plugin has no such export, or one of another shape. The name is redacted text.
    #[error("plugin `{plugin}` has no function `{function}` that can be called")]
    NoFunction {
        /// Which plugin.
        plugin: String,
        /// What was asked for.
        function: String,
    },
    /// A limit was passed; the guest was stopped there.
    #[error("plugin `{plugin}` passed its limit of {value} {limit}")]
    Limit {
        /// Which plugin.
        plugin: String,
        /// Which limit.
        limit: LimitKind,
        /// The limit's value, in the unit its name ends in.
        value: u64,
    },
    /// The guest gave the host an offset that belongs to none of its blocks.
    #[error("plugin `{plugin}` gave `{function}` an offset out of range")]
    OutOfRange {
        /// Which plugin.
        plugin: String,
        /// Which host function caught it.
        function: &'static str,
    },
    /// The guest stopped on a WebAssembly trap.
    #[error("plugin `{plugin}` trapped: {trap}")]
    Trapped {
        /// Which plugin.
        plugin: String,
        /// Wasmtime's name for the trap.
        trap: String,
    },
    /// The function answered with an error code of its own.
    #[error("plugin `{plugin}` answered code {code}{}", after_colon(message))]
    Failed {
        /// Which plugin.
        plugin: String,
        /// The code its function returned.
        code: i32,
        /// What it said, redacted; empty when it said nothing or too much, and for a guest that
        /// was shown text as it came, whose words could be anything of it.
        message: String,
    },
    /// The output is not UTF-8.
    #[error("plugin `{plugin}` answered bytes that are not text, from byte {at} on")]
    NotText {
        /// Which plugin.
        plugin: String,
        /// Where the first bad byte is.
        at: usize,
    },
    /// The output is not JSON, which the manifest says it is.
    #[error("plugin `{plugin}` answered text that is not the JSON its manifest says")]
    NotJson {
        /// Which plugin.
        plugin: String,
    },
    /// The output holds an identifier that the guest was not shown: an incident.
    #[error("plugin `{plugin}` answered an identifier it was not shown ({})", category.label())]
    Leak {
        /// Which plugin.
        plugin: String,
        /// Of which kind.
        category: Category,
    },
    /// Every instance is busy and every place in the queue is taken, or the wait was too long.
    #[error("plugin `{plugin}` is overloaded: {limit} calls are already admitted")]
    Overloaded {
        /// Which plugin.
        plugin: String,
        /// How many calls are admitted at once.
        limit: usize,
    },
    /// The plugin crashed so often that it is left alone for a moment.
    #[error("plugin `{plugin}` rests after {crashes} crashes within a second")]
    Resting {
        /// Which plugin.
        plugin: String,
        /// How many crashes it takes.
        crashes: usize,
    },
    /// Nothing is there to answer: starting, restarting, stopped, or killed while it worked.
    #[error("plugin `{plugin}` is unavailable")]
    Unavailable {
        /// Which plugin.
        plugin: String,
    },
}

impl PluginError {
    /// The plugin the error is about, as configured or (for [`Self::Unknown`]) as asked for.
    #[must_use]
    pub fn plugin(&self) -> &str {
        match self {
            Self::Unknown { plugin }
            | Self::Forbidden { plugin }
            | Self::Permit { plugin, .. }
            | Self::Spec { plugin, .. }
            | Self::File { plugin, .. }
            | Self::NotWasm { plugin }
            | Self::Provenance { plugin, .. }
            | Self::Module { plugin, .. }
            | Self::Compiler { plugin, .. }
            | Self::Manifest { plugin, .. }
            | Self::Ask { plugin, .. }
            | Self::Capability { plugin, .. }
            | Self::NotExported { plugin, .. }
            | Self::Import { plugin, .. }
            | Self::NoFunction { plugin, .. }
            | Self::Limit { plugin, .. }
            | Self::OutOfRange { plugin, .. }
            | Self::Trapped { plugin, .. }
            | Self::Failed { plugin, .. }
            | Self::NotText { plugin, .. }
            | Self::NotJson { plugin }
            | Self::Leak { plugin, .. }
            | Self::Overloaded { plugin, .. }
            | Self::Resting { plugin, .. }
            | Self::Unavailable { plugin } => plugin,
        }
    }

    /// The limit that was passed and its value, if that is what happened.
    #[must_use]
    pub fn breach(&self) -> Option<(LimitKind, u64)> {
        match self {
            Self::Limit { limit, value, .. } => Some((*limit, *value)),
            Self::Overloaded { limit, .. } => Some((LimitKind::Calls, *limit as u64)),
            _ => None,
        }
    }

    /// Whether the guest was stopped by force, so that its actor does not outlive the call.
    #[must_use]
    pub fn is_crash(&self) -> bool {
        match self {
            // Found before there was a guest.
            Self::Limit { limit, .. } if limit.is_before_the_guest() => false,
            Self::Limit { .. } | Self::OutOfRange { .. } | Self::Trapped { .. } => true,
            _ => false,
        }
    }
}

/// What became of a compiler that answered nothing usable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CompilerFault {
    /// It could not be started.
    #[error("its process cannot be started: {0}")]
    NotStarted(std::io::ErrorKind),
    /// It ended without an answer.
    #[error("its process ended by signal {0}")]
    Killed(i32),
    /// It ended without an answer.
    #[error("its process ended with code {0}")]
    Ended(i32),
    /// It answered something else than an answer.
    #[error("its answer cannot be read")]
    Answer,
}

fn after_colon(message: &str) -> String {
    if message.is_empty() {
        return String::new();
    }
    format!(": {message}")
}

/// Why an import is refused at load.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ImportRefusal {
    /// The operating system's interface: no plugin has one.
    Wasi,
    /// Extism's network functions: no plugin has a network.
    Network,
    /// The host has no function of that name.
    Unknown,
    /// The host has it with other parameters or results, or the import is not a function.
    Signature,
    /// The manifest asks for other things.
    NotAsked(CapabilityKind),
    /// There is no manifest, and the operator grants other things.
    NotGranted(CapabilityKind),
}

/// Why a capability that a manifest asks for is refused at load.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CapabilityRefusal {
    /// The operator's `grants` are without it.
    #[error("the operator does not grant")]
    NotGranted,
    /// This build has nothing to give there.
    #[error("this build does not offer")]
    NotOffered,
}

impl fmt::Display for ImportRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self {
            Self::NotAsked(need) => {
                return write!(f, "needs `{need}`, which its manifest does not ask for");
            }
            Self::NotGranted(need) => {
                return write!(f, "needs `{need}`, which the operator does not grant");
            }
            Self::Wasi => "is the operating system's interface and is granted to no plugin",
            Self::Network => "reaches the network and is granted to no plugin",
            Self::Unknown => "the host does not have",
            Self::Signature => "the host has with another signature",
        };
        f.write_str(text)
    }
}
