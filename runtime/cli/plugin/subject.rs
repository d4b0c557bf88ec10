//! What a command works on: a crate, which is built first, or a module as it is.

use std::path::{Path, PathBuf};

use plantao_actors::plugin::{GuestRuntime, Inspection, Workbench};
use serde_json::Value;

use super::super::error::CliError;
use super::build::{Crate, compiled, described};
use super::declared::Declared;
use super::{read_bytes, refused, write};

/// A plugin at hand.
pub(super) struct Plugin {
    /// The crate's folder, when it is one.
    pub(super) dir: Option<PathBuf>,
    /// What cargo knows of it.
    pub(super) made_from: Option<Crate>,
    /// Where the module is.
    pub(super) path: PathBuf,
    pub(super) bytes: Vec<u8>,
    /// What it declares; nothing when the module carries no manifest.
    pub(super) declared: Option<Declared>,
    pub(super) inspection: Inspection,
    pub(super) workbench: Workbench,
}

impl Plugin {
    /// Builds the crate, or reads the module.
    pub(super) fn open(path: &Path) -> Result<Self, CliError> {
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
        let bytes = read_bytes(&module)?;
        let workbench = Workbench::new(GuestRuntime::current());
        let workbench = workbench.map_err(|error| refused(error.to_string()))?;
        let name = module
            .file_stem()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let inspection = workbench.inspect(&name, &bytes);
        let inspection = inspection.map_err(|error| refused(error.to_string()))?;
        let declared = match &inspection.manifest {
            None => None,
            Some(text) => Some(Declared::read(text).map_err(|reason| {
                refused(format!("the manifest in `{}`: {reason}", module.display()))
            })?),
        };
        if let (true, Some(text)) = (is_crate, &inspection.manifest) {
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
            declared,
            inspection,
            workbench,
        })
    }

    /// What it declares, or what there is to say of a module that declares nothing.
    pub(super) fn told(&self) -> Declared {
        let name = self.path.file_stem().unwrap_or_default().to_string_lossy();
        let nothing = || Declared::nothing(&name, &self.inspection.functions);
        self.declared.clone().unwrap_or_else(nothing)
    }

    /// A number of the crate's budget.
    pub(super) fn budget(&self, key: &str) -> Option<u64> {
        let budget = self.made_from.as_ref().map(|made| &made.budget)?;
        budget.get(key).and_then(Value::as_u64)
    }
}
