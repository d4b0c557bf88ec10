//! The host without a tree: what a plugin's author tries a module on.
//!
//! Owns one engine and runs one call at a time through the very code that serves a hospital: the
//! same refusals at load, the same guard, limits and log. Refuses to be a way around a permit: it
//! is made by a command of its own process, where there is no record to reach.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::engine::{EngineError, EngineKind, GuestEngine};
use super::error::PluginError;
use super::executor::{Call, run};
use super::guard::RawAllowed;
use super::guests::GuestRuntime;
use super::inspection::Inspection;
use super::module::GuestModule;
use super::spec::PluginSpec;

/// One call at a time; a stopped one gives its place back a moment later.
const CAPACITY: u32 = 2;

/// An engine and the threads its guests run on.
pub struct Workbench {
    engine: GuestEngine,
    guests: GuestRuntime,
}

/// A module that the host accepted, with its grants and limits.
#[derive(Clone)]
pub struct Loaded {
    module: Arc<GuestModule>,
    raw: Option<RawAllowed>,
}

/// What one call came to.
#[derive(Clone, Debug)]
pub struct Trial {
    /// What it answered, or why it did not.
    pub answer: Result<String, PluginError>,
    /// How long it took, the guard's work on the input included.
    pub elapsed: Duration,
}

impl Workbench {
    /// An engine with the host's settings, whose guests run where `guests` says.
    ///
    /// # Errors
    /// [`EngineError`] when this machine cannot run guests.
    pub fn new(guests: GuestRuntime) -> Result<Self, EngineError> {
        Ok(Self {
            engine: GuestEngine::new(EngineKind::Timed, CAPACITY)?,
            guests,
        })
    }

    /// Looks a module over without loading it.
    ///
    /// # Errors
    /// [`PluginError`] when it is no module that this host compiles.
    pub fn inspect(&self, name: &str, bytes: &[u8]) -> Result<Inspection, PluginError> {
        Inspection::of(&self.engine, name, bytes)
    }

    /// Loads a module as the host does: it is compiled here, on the caller's thread.
    ///
    /// # Errors
    /// Why the host refuses it.
    pub fn load(&self, spec: &PluginSpec, bytes: &[u8]) -> Result<Loaded, PluginError> {
        spec.check()?;
        let module = GuestModule::compile(&self.engine, spec, bytes)?;
        Ok(Loaded {
            module: Arc::new(module),
            raw: RawAllowed::of(&spec.grants),
        })
    }

    /// Runs one call to its end, in an instance of its own.
    pub async fn call(&self, loaded: &Loaded, function: &str, text: &str) -> Trial {
        let call = Call {
            module: Arc::clone(&loaded.module),
            function: function.to_owned(),
            text: text.to_owned(),
            raw: loaded.raw,
        };
        let began = Instant::now();
        let answer = self.guests.spawn(run(call)).finish().await;
        let gone = || PluginError::Unavailable {
            plugin: loaded.module.plugin.to_string(),
        };
        Trial {
            answer: answer
                .unwrap_or_else(|| Err(gone()))
                .map(|answer| answer.text),
            elapsed: began.elapsed(),
        }
    }
}

impl Loaded {
    /// The hash of the module's content, as an audit entry names it.
    #[must_use]
    pub fn sha256(&self) -> &str {
        &self.module.sha256
    }
}
