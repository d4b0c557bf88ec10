//! The host without a tree: what a plugin's author tries a module on.
//!
//! Owns one engine and runs one call at a time through the very code that serves a hospital: the
//! same look at the file, the same compiler under the same limits, the same refusals at load, the
//! same guard, limits and log. A module at hand may be a stranger's, and this process its author's.
//! Refuses to be a way around a permit: it is made by a command of its own process, where there is
//! no record to reach.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::code_size;
use super::compiler::Compiler;
use super::engine::{EngineError, EngineKind, GuestEngine};
use super::error::PluginError;
use super::executor::{Call, run};
use super::guard::RawAllowed;
use super::guests::GuestRuntime;
use super::host::MODULE_MAX_BYTES;
use super::inspection::{Inspection, MANIFEST_SECTION};
use super::module::{Checked, GuestModule, one_line, read_capped};
use super::spec::PluginSpec;

/// One call at a time; a stopped one gives its place back a moment later.
const CAPACITY: u32 = 2;

/// An engine and the threads its guests run on.
pub struct Workbench {
    engine: GuestEngine,
    guests: GuestRuntime,
    compiler: Compiler,
}

/// A module's machine code, to be looked at and loaded as often as wanted.
#[derive(Clone)]
pub struct Compiled {
    sha256: [u8; 32],
    code: Arc<[u8]>,
    /// What it says of itself.
    pub inspection: Inspection,
    /// How long compiling took.
    pub elapsed: Duration,
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
    /// An engine with the host's settings, whose guests run where `guests` says, and the compiler
    /// of its modules.
    ///
    /// # Errors
    /// [`EngineError`] when this machine cannot run guests.
    pub fn new(guests: GuestRuntime, compiler: Compiler) -> Result<Self, EngineError> {
        Ok(Self {
            engine: GuestEngine::new(EngineKind::Timed, CAPACITY)?,
            guests,
            compiler,
        })
    }

    /// Reads a module's file, which is a file and no longer than a host takes.
    ///
    /// # Errors
    /// [`PluginError::File`] and [`PluginError::Limit`].
    pub fn read(&self, name: &str, path: &Path) -> Result<Vec<u8>, PluginError> {
        read_capped(path, MODULE_MAX_BYTES, name)
    }

    /// Compiles a module and looks it over, without loading it.
    ///
    /// # Errors
    /// [`PluginError`] when it is no module that this host compiles.
    pub async fn compile(&self, name: &str, bytes: Vec<u8>) -> Result<Compiled, PluginError> {
        let Checked { bytes, sha256 } = Checked::new(name, bytes)?;
        let manifest = code_size::custom_section(&bytes, MANIFEST_SECTION);
        let manifest = manifest.and_then(|text| String::from_utf8(text.to_vec()).ok());
        let began = Instant::now();
        let (engine, guests) = (&self.engine, &self.guests);
        let code = self.compiler.compile(engine, guests, name, bytes).await?;
        let elapsed = began.elapsed();
        let inspection = Inspection::of(engine, &code, manifest);
        let inspection = inspection.map_err(|error| PluginError::Module {
            plugin: name.to_owned(),
            reason: one_line(&format!("{error:#}")),
        })?;
        Ok(Compiled {
            sha256,
            code: code.into(),
            inspection,
            elapsed,
        })
    }

    /// Loads a compiled module as the host does.
    ///
    /// # Errors
    /// Why the host refuses it.
    pub fn load(&self, spec: &PluginSpec, compiled: &Compiled) -> Result<Loaded, PluginError> {
        spec.check()?;
        let module = GuestModule::of_artefact(&self.engine, spec, compiled.sha256, &compiled.code)?;
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
