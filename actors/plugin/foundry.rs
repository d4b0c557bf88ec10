//! Where modules become something that can be instantiated, for all plugins of a host.
//!
//! Owns the engines, the compiler, the cache of its work, and the rule that few compilers run at
//! once. A module whose machine code is in the cache, and is what this host put there, is not
//! compiled; anything else is. Refuses what [`GuestModule`] refuses.

use std::sync::Arc;

use tokio::sync::Semaphore;

use super::aot::{AotCache, ArtefactName, Found};
use super::compiler::Compiler;
use super::counts::Counts;
use super::engine::{EngineKind, Engines, GuestEngine};
use super::error::PluginError;
use super::guests::{COMPILERS, GuestRuntime};
use super::module::{Checked, GuestModule};
use super::spec::PluginSpec;
use super::terms::Terms;
use crate::clock::WallClock;

/// What turns bytes into modules.
pub(super) struct Foundry {
    engines: Engines,
    compiler: Compiler,
    cache: Option<AotCache>,
    guests: GuestRuntime,
    counts: Arc<Counts>,
    clock: WallClock,
    compilers: Semaphore,
}

impl Foundry {
    pub(super) fn new(
        engines: Engines,
        compiler: Compiler,
        cache: Option<AotCache>,
        guests: GuestRuntime,
        counts: Arc<Counts>,
        clock: WallClock,
    ) -> Self {
        Self {
            engines,
            compiler,
            cache,
            guests,
            counts,
            clock,
            compilers: Semaphore::new(COMPILERS),
        }
    }

    /// The module of these bytes, for a plugin of this description.
    pub(super) async fn module(
        self: &Arc<Self>,
        spec: &PluginSpec,
        bytes: Vec<u8>,
    ) -> Result<GuestModule, PluginError> {
        let made = self.make(spec, bytes).await;
        self.counts.seen(made)
    }

    async fn make(
        self: &Arc<Self>,
        spec: &PluginSpec,
        bytes: Vec<u8>,
    ) -> Result<GuestModule, PluginError> {
        let foundry = Arc::clone(self);
        let owned = spec.clone();
        let looked_up = self.guests.compute(move || {
            let checked = Checked::new(&owned.name, bytes)?;
            let terms = Terms::agree(&owned, checked.manifest.clone(), &foundry.clock)?;
            let kind = EngineKind::of(terms.limits.fuel);
            let engine = foundry.engine(kind, &owned.name)?;
            let artefact = ArtefactName::of(&checked.sha256, engine.compatibility());
            let found = foundry.find(&artefact, &owned.name);
            Ok((checked, terms, engine, artefact, found))
        });
        let (checked, terms, engine, artefact, found) = self.computed(spec, looked_up.await)??;
        let sha256 = checked.sha256;
        if let Some(code) = found {
            let made = self.assemble(&engine, spec, terms.clone(), sha256, code);
            match made.await {
                // Another processor or build wrote it; nothing that is not sealed gets here.
                Err(PluginError::Module { .. }) => {}
                made => {
                    self.counts.artefact_loaded();
                    return made;
                }
            }
        }
        let code = self.compile(&engine, spec, checked).await?;
        let made = self.assemble(&engine, spec, terms, sha256, code.clone());
        let made = made.await?;
        if let Some(cache) = self.cache.clone() {
            let kept = move || cache.keep(&artefact, &code);
            if let Some(Err(error)) = self.guests.compute(kept).await {
                tracing::warn!(kind = %error.kind(), "machine code could not be kept");
            }
        }
        Ok(made)
    }

    /// An engine with what a call needs to run on it.
    pub(super) fn engine(
        &self,
        kind: EngineKind,
        plugin: &str,
    ) -> Result<GuestEngine, PluginError> {
        let engine = self.engines.of(kind).cloned();
        engine.map_err(|error| {
            tracing::error!(%error, "no engine");
            PluginError::Unavailable {
                plugin: plugin.to_owned(),
            }
        })
    }

    fn find(&self, artefact: &ArtefactName, plugin: &str) -> Option<Vec<u8>> {
        match self.cache.as_ref()?.find(artefact) {
            Found::Nothing => None,
            Found::Code(code) => Some(code),
            Found::Refused(reason) => {
                self.counts.artefact_refused();
                tracing::error!(
                    plugin,
                    incident = "plugin_artefact_refused",
                    %reason,
                    "machine code in the cache is not this host's: it is compiled anew"
                );
                None
            }
        }
    }

    async fn compile(
        &self,
        engine: &GuestEngine,
        spec: &PluginSpec,
        checked: Checked,
    ) -> Result<Vec<u8>, PluginError> {
        let unavailable = |_| PluginError::Unavailable {
            plugin: spec.name.clone(),
        };
        let _turn = self.compilers.acquire().await.map_err(unavailable)?;
        self.counts.compiled();
        self.compiler
            .compile(engine, &self.guests, &spec.name, checked.bytes)
            .await
    }

    async fn assemble(
        &self,
        engine: &GuestEngine,
        spec: &PluginSpec,
        terms: Terms,
        sha256: [u8; 32],
        code: Vec<u8>,
    ) -> Result<GuestModule, PluginError> {
        let (engine, owned) = (engine.clone(), spec.clone());
        let work = move || GuestModule::of_artefact(&engine, &owned, terms, sha256, &code);
        self.computed(spec, self.guests.compute(work).await)?
    }

    /// Nothing comes of work that panicked, which is our fault, or whose threads are gone.
    fn computed<T>(&self, spec: &PluginSpec, done: Option<T>) -> Result<T, PluginError> {
        done.ok_or_else(|| PluginError::Unavailable {
            plugin: spec.name.clone(),
        })
    }
}
