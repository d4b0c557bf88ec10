//! What a module says of itself before it runs: imports, functions, memory, the manifest in it.
//!
//! Owns [`Inspection`]. Refuses nothing: what does not compile has no inspection, and of each
//! import it tells what loading would say, and leaves the verdict to loading. It looks at machine
//! code of a compiler of ours, so that a stranger's module is compiled where every other one is.

use std::collections::BTreeSet;

use wasmtime::{ExternType, Linker, Module, ValType};

use super::abi;
use super::engine::GuestEngine;
use super::error::ImportRefusal;
use super::module::believed;

const PAGE_BYTES: u64 = 64 * 1024;

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
    /// Of machine code and the manifest that its module carries.
    pub(super) fn of(
        engine: &GuestEngine,
        code: &[u8],
        manifest: Option<String>,
    ) -> wasmtime::Result<Self> {
        let module = believed(engine, code)?;
        let (functions, others) = exports(&module);
        let pages = module.resources_required().max_initial_memory_size;
        Ok(Self {
            imports: imports(engine, &module),
            functions,
            others,
            memory_bytes: pages.unwrap_or(0).saturating_mul(PAGE_BYTES),
            manifest,
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
