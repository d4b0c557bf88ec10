//! The host without a tree: what a plugin's author tries a module on.
//!
//! Owns its engines and runs one call at a time through the very code that serves a hospital: the
//! same look at the file, the same compiler under the same limits, the same refusals at load, the
//! same guard, limits and log. A module at hand may be a stranger's, and this process its author's.
//! Refuses to be a way around a permit: it is made by a command of its own process, where there is
//! no record to reach.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use plantao_schema::plugin::{MANIFEST_SECTION, Manifest};

use super::code_size;
use super::compiler::Compiler;
use super::engine::{EngineError, EngineKind, Engines, GuestEngine};
use super::error::PluginError;
use super::executor::{Call, run};
use super::guests::GuestRuntime;
use super::host::MODULE_MAX_BYTES;
use super::inspection::Inspection;
use super::module::{Checked, GuestModule, one_line, read_capped};
use super::spec::PluginSpec;
use super::terms::Terms;
use crate::clock::WallClock;

/// One call at a time; a stopped one gives its place back a moment later.
const CAPACITY: u32 = 2;

/// Engines and the threads its guests run on.
pub struct Workbench {
    engines: Engines,
    guests: GuestRuntime,
    compiler: Compiler,
}

/// A module's machine code, to be looked at and loaded as often as wanted.
#[derive(Clone)]
pub struct Compiled {
    sha256: [u8; 32],
    code: Arc<[u8]>,
    /// What it was compiled for.
    kind: EngineKind,
    /// What it declares; nothing when it carries no manifest.
    pub manifest: Option<Manifest>,
    /// What it says of itself.
    pub inspection: Inspection,
    /// How long compiling took.
    pub elapsed: Duration,
}

/// A module that the host accepted, with its grants and limits.
#[derive(Clone)]
pub struct Loaded {
    module: Arc<GuestModule>,
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
            engines: Engines::new(CAPACITY)?,
            guests,
            compiler,
        })
    }

    /// Compiles a module and looks it over, without loading it.
    ///
    /// # Errors
    /// [`PluginError`] when it is no module that this host compiles.
    pub async fn compile(&self, name: &str, bytes: Vec<u8>) -> Result<Compiled, PluginError> {
        let checked = Checked::new(name, bytes)?;
        let (sha256, bytes, manifest) = (checked.sha256, checked.bytes, checked.manifest);
        let text = code_size::custom_section(&bytes, MANIFEST_SECTION);
        let text = text.and_then(|text| String::from_utf8(text.to_vec()).ok());
        let kind = EngineKind::of(manifest.as_ref().and_then(|asks| asks.limits.fuel));
        let began = Instant::now();
        let (engine, guests) = (self.engine(kind, name)?, &self.guests);
        let code = self.compiler.compile(engine, guests, name, bytes).await?;
        let elapsed = began.elapsed();
        let inspection = Inspection::of(engine, &code, text);
        let inspection = inspection.map_err(|error| PluginError::Module {
            plugin: name.to_owned(),
            reason: one_line(&format!("{error:#}")),
        })?;
        Ok(Compiled {
            sha256,
            code: code.into(),
            kind,
            manifest,
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
        let terms = Terms::agree(spec, compiled.manifest.clone(), &WallClock::system())?;
        let engine = self.engine(compiled.kind, &spec.name)?;
        let (sha256, code) = (compiled.sha256, &compiled.code);
        let module = GuestModule::of_artefact(engine, spec, terms, sha256, code)?;
        Ok(Loaded {
            module: Arc::new(module),
        })
    }

    fn engine(&self, kind: EngineKind, plugin: &str) -> Result<&GuestEngine, PluginError> {
        let engine = self.engines.of(kind);
        engine.map_err(|_| PluginError::Unavailable {
            plugin: plugin.to_owned(),
        })
    }

    /// Runs one call to its end, in an instance of its own.
    pub async fn call(&self, loaded: &Loaded, function: &str, text: &str) -> Trial {
        let call = Call {
            module: Arc::clone(&loaded.module),
            function: function.to_owned(),
            text: text.to_owned(),
            raw: loaded.module.raw(),
            reveal: None,
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

/// Reads a module's file, which is a file and no longer than a host takes.
///
/// # Errors
/// [`PluginError::File`] and [`PluginError::Limit`].
pub fn read_module(name: &str, path: &Path) -> Result<Vec<u8>, PluginError> {
    read_capped(path, MODULE_MAX_BYTES, name)
}
