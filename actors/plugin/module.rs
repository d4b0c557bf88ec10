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
use plantao_schema::plugin::Manifest;
use wasmtime::{
    Extern, ExternType, FuncType, ImportType, InstancePre, Linker, Module, Store, ValType,
};

use super::abi;
use super::code_size::{self, CodeRefusal, FUNCTION_MAX_BYTES, MAGIC};
use super::engine::GuestEngine;
use super::error::{ImportRefusal, PluginError};
use super::guard::RawAllowed;
use super::limit_kind::LimitKind;
use super::manifest::carried;
use super::spec::PluginSpec;
use super::state::GuestState;
use super::terms::Terms;
use super::twin::GuestTwin;
use crate::clock::WallClock;

/// A validator's message repeats what it read, so it is cut before it becomes ours.
const REASON_MAX_CHARS: usize = 200;
const PAGE_BYTES: u64 = 64 * 1024;

/// A module ready to be instantiated, with what its calls need.
pub(super) struct GuestModule {
    pub(super) plugin: Arc<str>,
    /// Of the module without its signature.
    pub(super) sha256: String,
    /// Who signed it; nothing when nobody did.
    pub(super) publisher: Option<Arc<str>>,
    pub(super) terms: Terms,
    /// Whether its guests may be kept from call to call.
    pub(super) reuse: bool,
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

/// Bytes of a module that may be given to a compiler, their hash and what they declare.
pub(super) struct Checked {
    pub(super) bytes: Vec<u8>,
    pub(super) sha256: [u8; 32],
    pub(super) manifest: Option<Manifest>,
}

impl Checked {
    /// Looks at the frame of the module: what it is, how large each function, what it declares.
    pub(super) fn new(plugin: &str, bytes: Vec<u8>) -> Result<Self, PluginError> {
        let plugin = || plugin.to_owned();
        if !bytes.starts_with(MAGIC) {
            return Err(PluginError::NotWasm { plugin: plugin() });
        }
        code_size::check(&bytes).map_err(|refusal| match refusal {
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
        let mut sha256 = [0; 32];
        let hash = digest::digest(&digest::SHA256, &bytes);
        for (to, from) in sha256.iter_mut().zip(hash.as_ref()) {
            *to = *from;
        }
        let manifest = carried(&bytes).map_err(|error| PluginError::Manifest {
            plugin: plugin(),
            error,
        })?;
        Ok(Self {
            bytes,
            sha256,
            manifest,
        })
    }
}

impl GuestModule {
    /// Compiles a module here, which takes as long as it takes: one's own, in a test.
    #[cfg(test)]
    pub(super) fn compile(
        engine: &GuestEngine,
        spec: &PluginSpec,
        bytes: &[u8],
    ) -> Result<Self, PluginError> {
        let checked = Checked::new(&spec.name, bytes.to_vec())?;
        let terms = Terms::agree(spec, checked.manifest, &WallClock::system())?;
        let compiled = engine.wasm().precompile_module(&checked.bytes);
        let code = compiled.map_err(refused(spec))?;
        Self::of_artefact(engine, spec, terms, checked.sha256, &code)
    }

    /// Makes a module of machine code that a compiler of ours has just answered, or that the cache
    /// had sealed.
    pub(super) fn of_artefact(
        engine: &GuestEngine,
        spec: &PluginSpec,
        terms: Terms,
        sha256: [u8; 32],
        code: &[u8],
    ) -> Result<Self, PluginError> {
        let module = believed(engine, code).map_err(refused(spec))?;
        check_memory(&module, spec, &terms)?;
        let functions = functions(&module);
        check_functions(&functions, spec, &terms)?;
        let linker = link(engine, &module, spec, &terms)?;
        let pre = linker.instantiate_pre(&module).map_err(refused(spec))?;
        Ok(Self {
            plugin: spec.name.as_str().into(),
            sha256: hex(&sha256),
            publisher: None,
            terms,
            reuse: spec.reuse,
            code: Code::Wasm(Box::new(Wasm {
                functions,
                pre,
                engine: engine.clone(),
            })),
        })
    }

    /// What stands in for a module.
    pub(super) fn of_twin(
        twin: Arc<dyn GuestTwin>,
        spec: &PluginSpec,
        clock: &WallClock,
    ) -> Result<Self, PluginError> {
        let name = spec.name.as_bytes();
        Ok(Self {
            plugin: spec.name.as_str().into(),
            sha256: hex(digest::digest(&digest::SHA256, name).as_ref()),
            publisher: None,
            terms: Terms::agree(spec, None, clock)?,
            reuse: spec.reuse,
            code: Code::Twin(twin),
        })
    }

    /// Whether its guests are shown text as it came.
    pub(super) fn raw(&self) -> Option<RawAllowed> {
        RawAllowed::of(&self.terms.capabilities)
    }

    /// How the function is called from outside, if it can be.
    pub(super) fn shape(&self, function: &str) -> Option<Shape> {
        if !self.terms.declares(function) {
            return None;
        }
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

/// Machine code as a module. It has to be a compiler of ours that answered it.
pub(super) fn believed(engine: &GuestEngine, code: &[u8]) -> wasmtime::Result<Module> {
    // SAFETY: these bytes come from `Engine::precompile_module` in a process that runs our own
    // binary, directly or through a file whose MAC was checked over these very bytes.
    #[expect(unsafe_code, reason = "machine code can be believed, not checked")]
    unsafe {
        Module::deserialize(engine.wasm(), code)
    }
}

fn refused(spec: &PluginSpec) -> impl Fn(wasmtime::Error) -> PluginError {
    |error| PluginError::Module {
        plugin: spec.name.clone(),
        reason: one_line(&format!("{error:#}")),
    }
}

/// Reads a regular file of at most `most` bytes.
pub(super) fn read_capped(path: &Path, most: u64, plugin: &str) -> Result<Vec<u8>, PluginError> {
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
fn check_memory(module: &Module, spec: &PluginSpec, terms: &Terms) -> Result<(), PluginError> {
    let most = terms.limits.memory_bytes as u64;
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

/// What a manifest declares has to be there.
fn check_functions(
    functions: &BTreeMap<String, Shape>,
    spec: &PluginSpec,
    terms: &Terms,
) -> Result<(), PluginError> {
    let declared = terms.manifest.iter().flat_map(|of| &of.functions);
    let mut missing = declared.filter(|name| !functions.contains_key(*name));
    match missing.next() {
        None => Ok(()),
        Some(function) => Err(PluginError::NotExported {
            plugin: spec.name.clone(),
            function: function.clone(),
        }),
    }
}

/// Defines exactly what the module imports, or names the import that is refused.
fn link(
    engine: &GuestEngine,
    module: &Module,
    spec: &PluginSpec,
    terms: &Terms,
) -> Result<Linker<GuestState>, PluginError> {
    let mut linker = Linker::new(engine.wasm());
    // Only to read types from: host functions belong to no store.
    let idle = GuestState::idle(
        spec.name.as_str().into(),
        terms.limits,
        Arc::clone(&terms.offer),
    );
    let mut store = Store::new(engine.wasm(), idle);
    let mut defined = BTreeSet::new();
    for import in module.imports() {
        let (namespace, name) = (import.module(), import.name());
        let refuse = |refusal| PluginError::Import {
            plugin: spec.name.clone(),
            import: one_line(&format!("{namespace}::{name}")),
            refusal,
        };
        if let Some(need) = abi::need(namespace, name) {
            terms.admits(need).map_err(refuse)?;
        }
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

/// A text of somebody else as it may stand in ours: short, and on one line.
pub(super) fn one_line(text: &str) -> String {
    let plain = text.chars().map(|c| if c.is_control() { ' ' } else { c });
    plain.take(REASON_MAX_CHARS).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}
