//! What a module says of itself before it runs: imports, functions, memory, the manifest in it.
//!
//! Owns [`Inspection`]. Refuses nothing beyond what does not compile: it tells what loading would
//! say of each import, and leaves the verdict to loading.

use std::collections::BTreeSet;

use wasmtime::{ExternType, Linker, Module, ValType};

use super::abi;
use super::code_size::{self, MAGIC};
use super::engine::GuestEngine;
use super::error::{ImportRefusal, PluginError};

/// Where a module carries its manifest.
pub const MANIFEST_SECTION: &str = "plantao.manifest";
const PAGE_BYTES: u64 = 64 * 1024;
/// A validator's message repeats what it read, so it is cut before it becomes ours.
const REASON_MAX_CHARS: usize = 200;

/// A module, looked over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inspection {
    /// What it imports, as `namespace::name`, and why the host would refuse it.
    pub imports: Vec<(String, Option<ImportRefusal>)>,
    /// Exports that can be called.
    pub functions: BTreeSet<String>,
    /// Exported functions of another shape, which nobody can call.
    pub others: BTreeSet<String>,
    /// Memory it starts with.
    pub memory_bytes: u64,
    /// The manifest it carries; nothing when there is none, or one that is not text.
    pub manifest: Option<String>,
}

impl Inspection {
    pub(super) fn of(engine: &GuestEngine, name: &str, bytes: &[u8]) -> Result<Self, PluginError> {
        let plugin = || name.to_owned();
        if !bytes.starts_with(MAGIC) {
            return Err(PluginError::NotWasm { plugin: plugin() });
        }
        let module = Module::from_binary(engine.wasm(), bytes).map_err(|error| {
            let plain = format!("{error:#}").replace(char::is_control, " ");
            PluginError::Module {
                plugin: plugin(),
                reason: plain.chars().take(REASON_MAX_CHARS).collect(),
            }
        })?;
        let (functions, others) = exports(&module);
        let pages = module.resources_required().max_initial_memory_size;
        let manifest = code_size::custom_section(bytes, MANIFEST_SECTION);
        Ok(Self {
            imports: imports(engine, &module),
            functions,
            others,
            memory_bytes: pages.unwrap_or(0).saturating_mul(PAGE_BYTES),
            manifest: manifest.and_then(|text| String::from_utf8(text.to_vec()).ok()),
        })
    }
}

/// Each import once, in order of its name.
fn imports(engine: &GuestEngine, module: &Module) -> Vec<(String, Option<ImportRefusal>)> {
    let mut linker = Linker::new(engine.wasm());
    let wanted: BTreeSet<_> = module
        .imports()
        .map(|import| (import.module(), import.name()))
        .collect();
    let told = wanted.into_iter().map(|(namespace, name)| {
        let refusal = abi::define(&mut linker, namespace, name).err();
        (format!("{namespace}::{name}"), refusal)
    });
    told.collect()
}

fn exports(module: &Module) -> (BTreeSet<String>, BTreeSet<String>) {
    let (mut functions, mut others) = (BTreeSet::new(), BTreeSet::new());
    for export in module.exports() {
        let ExternType::Func(shape) = export.ty() else {
            continue;
        };
        let mut results = shape.results();
        let is_callable = shape.params().len() == 0
            && matches!(
                (results.next(), results.next()),
                (None | Some(ValType::I32), None)
            );
        let names = if is_callable {
            &mut functions
        } else {
            &mut others
        };
        names.insert(export.name().to_owned());
    }
    (functions, others)
}
