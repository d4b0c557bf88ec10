//! What a command works on: a crate, which is built first, or a module as it is.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use plantao_actors::plugin::{
    CompileLimits, Compiled, Compiler, CompilerProgram, GuestRuntime, PluginError, PluginSpec,
    Workbench, read_module, unsigned,
};
use plantao_schema::plugin::{Asked, Manifest, OutputKind};
use serde_json::Value;

use super::super::error::CliError;
use super::build::{Crate, compiled, described};
use super::{refused, write};

/// A plugin at hand.
pub(super) struct Plugin {
    /// The crate's folder, when it is one.
    pub(super) dir: Option<PathBuf>,
    /// What cargo knows of it.
    pub(super) made_from: Option<Crate>,
    /// Where the module is.
    pub(super) path: PathBuf,
    /// How long its file is.
    pub(super) bytes: usize,
    /// What is in it, without a signature.
    pub(super) module: Vec<u8>,
    /// What it declares; nothing when the module carries no manifest.
    pub(super) declared: Option<Manifest>,
    pub(super) compiled: Compiled,
    pub(super) workbench: Workbench,
}

impl Plugin {
    /// Builds the crate, or reads the module.
    pub(super) async fn open(path: &Path) -> Result<Self, CliError> {
        let is_crate = path.is_dir();
        let made_from = if is_crate {
            Some(described(path)?)
        } else {
            None
        };
        let module = match &made_from {
            Some(crate_) => compiled(path, crate_)?,
            None => path.to_owned(),
        };
        let workbench = Workbench::new(GuestRuntime::current(), compiler());
        let workbench = workbench.map_err(|error| refused(error.to_string()))?;
        let name = stem(&module);
        let content = read_module(&name, &module).map_err(unread(&module))?;
        let bytes = content.len();
        let content = unsigned(&name, content).map_err(|error| refused(error.to_string()))?;
        let compiled_to = workbench.compile(&name, content.clone()).await;
        let compiled_to = compiled_to.map_err(|error| refused(error.to_string()))?;
        let manifest = compiled_to.inspection.manifest.as_ref();
        if let (true, Some(text)) = (is_crate, manifest) {
            let beside = module.with_extension("toml");
            if std::fs::read_to_string(&beside).ok().as_ref() != Some(text) {
                write(&beside, text.as_bytes())?;
            }
        }
        Ok(Self {
            dir: is_crate.then(|| path.to_owned()),
            made_from,
            path: module,
            bytes,
            module: content,
            declared: compiled_to.manifest.clone(),
            compiled: compiled_to,
            workbench,
        })
    }

    /// What it declares, or what there is to say of a module that declares nothing.
    pub(super) fn told(&self) -> Manifest {
        let nothing = || Manifest {
            name: stem(&self.path),
            version: "unknown".to_owned(),
            functions: self.compiled.inspection.functions.clone(),
            capabilities: BTreeSet::new(),
            limits: Asked::default(),
            health: None,
            output: OutputKind::Text,
        };
        self.declared.clone().unwrap_or_else(nothing)
    }

    /// What the host is told by an operator who grants all that is asked for.
    pub(super) fn spec(&self, config: &BTreeMap<String, String>) -> PluginSpec {
        let mut spec = PluginSpec::granting(&self.told());
        spec.config.clone_from(config);
        spec
    }

    /// A number of the crate's budget.
    pub(super) fn budget(&self, key: &str) -> Option<u64> {
        let budget = self.made_from.as_ref().map(|made| &made.budget)?;
        budget.get(key).and_then(Value::as_u64)
    }
}

/// A module at hand may be a stranger's: it is compiled as the host does it.
pub(super) fn compiler() -> Compiler {
    Compiler::Child(CompilerProgram::this_binary(), CompileLimits::default())
}

/// What a module is called that says nothing.
fn stem(module: &Path) -> String {
    let stem = module.file_stem().unwrap_or_default();
    stem.to_string_lossy().into_owned()
}

pub(super) fn unread(path: &Path) -> impl Fn(PluginError) -> CliError {
    |error| match error {
        PluginError::File { kind, .. } => CliError::Input {
            path: path.into(),
            reason: kind.to_string(),
        },
        error => refused(error.to_string()),
    }
}
