//! From a file to a module that may be instantiated.
//!
//! Owns everything decided once per module: size, format, features, imports, resources, the hash
//! of its content. Refuses at load whatever would otherwise fail at the first call, by name.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::Path;
use std::sync::Arc;

use aws_lc_rs::digest;
use wasmtime::{
    Extern, ExternType, FuncType, ImportType, InstancePre, Linker, Module, Store, ValType,
};

use super::abi;
use super::code_size::{self, CodeRefusal, FUNCTION_MAX_BYTES, MAGIC};
use super::engine::GuestEngine;
use super::error::{ImportRefusal, LimitKind, PluginError};
use super::limits::Limits;
use super::spec::PluginSpec;
use super::state::GuestState;
use super::twin::GuestTwin;

/// A validator's message repeats what it read, so it is cut before it becomes ours.
const REASON_MAX_CHARS: usize = 200;
const PAGE_BYTES: u64 = 64 * 1024;

/// A module ready to be instantiated, with what its calls need.
pub(super) struct GuestModule {
    pub(super) plugin: Arc<str>,
    pub(super) sha256: String,
    pub(super) limits: Limits,
    pub(super) config: Arc<BTreeMap<String, String>>,
    pub(super) code: Code,
}

/// What runs.
pub(super) enum Code {
    /// A module.
    Wasm(Box<Wasm>),
    /// What stands in for it.
    Twin(Arc<dyn GuestTwin>),
}

/// A compiled module.
pub(super) struct Wasm {
    pub(super) pre: InstancePre<GuestState>,
    pub(super) engine: GuestEngine,
    functions: BTreeMap<String, Shape>,
}

/// What an exported function that can be called gives back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// A code; 0 is success.
    Code,
    /// Nothing: returning is success.
    Nothing,
}

impl GuestModule {
    /// Reads and compiles a module. Takes as long as the compiler does: not for the reactor.
    pub(super) fn load(
        engine: &GuestEngine,
        dir: &Path,
        module_bytes: u64,
        spec: &PluginSpec,
    ) -> Result<Self, PluginError> {
        let bytes = read_capped(&dir.join(&spec.wasm), module_bytes, &spec.name)?;
        Self::compile(engine, spec, &bytes)
    }

    /// Compiles a module from its bytes.
    pub(super) fn compile(
        engine: &GuestEngine,
        spec: &PluginSpec,
        bytes: &[u8],
    ) -> Result<Self, PluginError> {
        let plugin = || spec.name.clone();
        if !bytes.starts_with(MAGIC) {
            return Err(PluginError::NotWasm { plugin: plugin() });
        }
        let refused = |e: wasmtime::Error| PluginError::Module {
            plugin: plugin(),
            reason: one_line(&format!("{e:#}")),
        };
        code_size::check(bytes).map_err(|refusal| match refusal {
            CodeRefusal::Frame => PluginError::Module {
                plugin: plugin(),
                reason: "its sections do not fit into it".to_owned(),
            },
            CodeRefusal::Function => PluginError::Limit {
                plugin: plugin(),
                limit: LimitKind::FunctionBytes,
                value: FUNCTION_MAX_BYTES as u64,
            },
        })?;
        let module = Module::from_binary(engine.wasm(), bytes).map_err(refused)?;
        check_memory(&module, spec)?;
        let linker = link(engine, &module, spec)?;
        let pre = linker.instantiate_pre(&module).map_err(refused)?;
        Ok(Self {
            plugin: spec.name.as_str().into(),
            sha256: hex(digest::digest(&digest::SHA256, bytes).as_ref()),
            limits: spec.limits,
            config: Arc::new(spec.config.clone()),
            code: Code::Wasm(Box::new(Wasm {
                functions: functions(&module),
                pre,
                engine: engine.clone(),
            })),
        })
    }

    /// What stands in for a module.
    pub(super) fn of_twin(twin: Arc<dyn GuestTwin>, spec: &PluginSpec) -> Self {
        let name = spec.name.as_bytes();
        Self {
            plugin: spec.name.as_str().into(),
            sha256: hex(digest::digest(&digest::SHA256, name).as_ref()),
            limits: spec.limits,
            config: Arc::new(spec.config.clone()),
            code: Code::Twin(twin),
        }
    }

    /// How the function is called, if it can be.
    pub(super) fn shape(&self, function: &str) -> Option<Shape> {
        match &self.code {
            Code::Wasm(wasm) => wasm.shape(function),
            Code::Twin(twin) => twin.has(&self.plugin, function).then_some(Shape::Code),
        }
    }
}

impl Wasm {
    /// How the function is called, if it can be.
    pub(super) fn shape(&self, function: &str) -> Option<Shape> {
        self.functions.get(function).copied()
    }
}

/// Reads a regular file of at most `most` bytes.
fn read_capped(path: &Path, most: u64, plugin: &str) -> Result<Vec<u8>, PluginError> {
    let failed = |kind| PluginError::File {
        plugin: plugin.to_owned(),
        kind,
    };
    // Opening a pipe waits for a writer, so what it is comes before opening it.
    let kind = std::fs::metadata(path)
        .map_err(|e| failed(e.kind()))?
        .file_type();
    if kind.is_dir() {
        return Err(failed(ErrorKind::IsADirectory));
    }
    if !kind.is_file() {
        return Err(failed(ErrorKind::InvalidInput));
    }
    let file = File::open(path).map_err(|e| failed(e.kind()))?;
    let mut bytes = Vec::new();
    let read = file.take(most.saturating_add(1)).read_to_end(&mut bytes);
    if read.map_err(|e| failed(e.kind()))? as u64 > most {
        let (plugin, limit) = (plugin.to_owned(), LimitKind::ModuleBytes);
        return Err(PluginError::Limit {
            plugin,
            limit,
            value: most,
        });
    }
    Ok(bytes)
}

/// A module that starts with more memory than it may have would fail every call.
fn check_memory(module: &Module, spec: &PluginSpec) -> Result<(), PluginError> {
    let most = spec.limits.memory_bytes as u64;
    let needs = module.resources_required();
    let pages = needs.max_initial_memory_size.unwrap_or(0);
    if pages.saturating_mul(PAGE_BYTES) > most {
        let (plugin, limit) = (spec.name.clone(), LimitKind::MemoryBytes);
        return Err(PluginError::Limit {
            plugin,
            limit,
            value: most,
        });
    }
    Ok(())
}

/// Defines exactly what the module imports, or names the import that is refused.
fn link(
    engine: &GuestEngine,
    module: &Module,
    spec: &PluginSpec,
) -> Result<Linker<GuestState>, PluginError> {
    let mut linker = Linker::new(engine.wasm());
    // Only to read types from: host functions belong to no store.
    let idle = GuestState::idle(spec.name.as_str().into(), spec.limits, Arc::default());
    let mut store = Store::new(engine.wasm(), idle);
    let mut defined = BTreeSet::new();
    for import in module.imports() {
        let (namespace, name) = (import.module(), import.name());
        let refuse = |refusal| PluginError::Import {
            plugin: spec.name.clone(),
            import: one_line(&format!("{namespace}::{name}")),
            refusal,
        };
        if defined.insert((namespace, name)) {
            abi::define(&mut linker, namespace, name).map_err(refuse)?;
        }
        if !has_same_type(&linker, &mut store, &import) {
            return Err(refuse(ImportRefusal::Signature));
        }
    }
    Ok(linker)
}

/// Whether what the module wants under this name is what the host has there.
fn has_same_type(
    linker: &Linker<GuestState>,
    store: &mut Store<GuestState>,
    import: &ImportType<'_>,
) -> bool {
    let Ok(Extern::Func(host)) = linker.get(&mut *store, import.module(), import.name()) else {
        return false;
    };
    matches!(import.ty(), ExternType::Func(wanted) if FuncType::eq(&wanted, &host.ty(&*store)))
}

/// Exports of the shape Extism calls: no parameters, a code or nothing back.
fn functions(module: &Module) -> BTreeMap<String, Shape> {
    let callable = module.exports().filter_map(|export| {
        let ExternType::Func(ty) = export.ty() else {
            return None;
        };
        let mut results = ty.results();
        let shape = match (ty.params().len(), results.next(), results.next()) {
            (0, Some(ValType::I32), None) => Shape::Code,
            (0, None, None) => Shape::Nothing,
            _ => return None,
        };
        Some((export.name().to_owned(), shape))
    });
    callable.collect()
}

fn one_line(text: &str) -> String {
    let plain = text.chars().map(|c| if c.is_control() { ' ' } else { c });
    plain.take(REASON_MAX_CHARS).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}
