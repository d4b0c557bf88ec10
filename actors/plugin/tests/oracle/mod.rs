//! What a plugin does on this host, beside what it does on another or in a model.
//!
//! Owns the kinds in which both are told and the pair of hosts. Where the Extism SDK and this host
//! differ on purpose there is a row in [`divergences`]; everywhere else they have to agree to the
//! byte. Tests that ask another take it from a program in a workspace of its own, `scripts/extism`
//! or `scripts/native`: `make differential` builds and names both.

mod divergences;
mod guest;
mod kit;
mod model;
mod peer;
mod program;
mod sequences;
mod shipped;

use std::sync::Arc;
use std::time::Duration;

use plantao_schema::plugin::Capability;

use super::guests::{Bench, spec};
use crate::plugin::module::GuestModule;
use crate::plugin::{LimitKind, Limits, PluginError, PluginSpec};
use peer::Peer;

/// How a call ended, without whose fault it was and by how much.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Outcome {
    /// It answered these bytes.
    Output(Vec<u8>),
    /// What it answered is not text from this byte on.
    NotText(usize),
    /// What it answered is longer than allowed.
    TooLong,
    /// The guest failed, in its own words; none where they are withheld.
    Failed { code: i32, text: String },
    /// WebAssembly stopped it.
    Trapped(String),
    /// This host function stopped it; on Extism: with these words.
    Stopped(String),
    /// It asked for more memory than allowed.
    Memory,
    /// Its variables hold more than allowed.
    Variables,
    /// It took longer than allowed.
    Time,
    /// There is no such function.
    Absent,
}

impl Outcome {
    fn of(answer: Result<String, PluginError>) -> Self {
        match answer {
            Ok(text) => Self::Output(text.into_bytes()),
            Err(PluginError::NotText { at, .. }) => Self::NotText(at),
            Err(PluginError::Failed { code, message, .. }) => Self::Failed {
                code,
                text: message,
            },
            Err(PluginError::Trapped { trap, .. }) => {
                Self::Trapped(trap.trim_start_matches("wasm trap: ").to_owned())
            }
            Err(PluginError::OutOfRange { function, .. }) => Self::Stopped(function.to_owned()),
            Err(PluginError::NoFunction { .. }) => Self::Absent,
            Err(PluginError::Limit { limit, .. }) => match limit {
                LimitKind::MemoryBytes => Self::Memory,
                LimitKind::VariableBytes => Self::Variables,
                LimitKind::OutputBytes => Self::TooLong,
                LimitKind::TimeoutMs => Self::Time,
                other => panic!("{other:?}"),
            },
            Err(other) => panic!("{other:?}"),
        }
    }

    /// An answer has to be text: what is not becomes what this host makes of it.
    fn into_text(self) -> Self {
        match self {
            Self::Output(bytes) => match str::from_utf8(&bytes) {
                Ok(_) => Self::Output(bytes),
                Err(e) => Self::NotText(e.valid_up_to()),
            },
            other => other,
        }
    }

    /// Words of a guest that saw everything are withheld.
    fn wordless(self) -> Self {
        match self {
            Self::Failed { code, .. } => Self::Failed {
                code,
                text: String::new(),
            },
            other => other,
        }
    }
}

/// Limits that no busy machine makes a test meet by accident.
fn patient() -> Limits {
    Limits {
        timeout: Duration::from_secs(30),
        input_bytes: 4 << 20,
        output_bytes: 8 << 20,
        ..Limits::default()
    }
}

/// This host and Extism, with the same module on both.
struct Hosts {
    bench: Bench,
    extism: Peer,
    module: Option<Arc<GuestModule>>,
}

impl Hosts {
    fn start() -> Self {
        Self {
            bench: Bench::new(),
            extism: Peer::extism(),
            module: None,
        }
    }

    fn load(&mut self, spec: &PluginSpec, bytes: &[u8]) {
        assert!(self.extism.load(spec, bytes), "Extism refuses the module");
        self.module = Some(self.bench.module(spec, bytes));
    }

    /// Under patient limits, without configuration.
    fn load_plain(&mut self, bytes: &[u8]) {
        self.load(&spec(patient()), bytes);
    }

    async fn here(&self, function: &str, text: &str, grants: &[Capability]) -> Outcome {
        let module = self.module.as_ref().expect("a module is loaded");
        let called = self.bench.call(module, function, text, grants).await;
        Outcome::of(called.map(|answer| answer.text))
    }

    fn there(&mut self, function: &str, text: &str) -> Outcome {
        self.extism.call(function, text.as_bytes())
    }

    /// The guest sees the text as it came, on both.
    async fn agree(&mut self, function: &str, text: &str) {
        let here = self.here(function, text, &[Capability::PhiRaw]).await;
        let there = self.there(function, text).into_text().wordless();
        assert!(
            here == there,
            "`{function}` of {}: here {}, there {}",
            shown(text.as_bytes()),
            told(&here),
            told(&there)
        );
    }

    /// As [`Self::agree`], for a text without identifiers: the guest's own words come along.
    async fn agree_in_words(&mut self, function: &str, text: &str) {
        assert_eq!(plantao_schema::phi::redact(text).as_str(), text);
        let here = self.here(function, text, &[]).await;
        let there = self.there(function, text).into_text();
        assert_eq!(here, there, "`{function}` of {}", shown(text.as_bytes()));
    }
}

/// The beginning of a text that may be a megabyte.
fn shown(bytes: &[u8]) -> String {
    let begins = String::from_utf8_lossy(&bytes[..bytes.len().min(200)]);
    format!("{} bytes `{begins}`", bytes.len())
}

fn told(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Output(bytes) => shown(bytes),
        other => format!("{other:?}"),
    }
}
