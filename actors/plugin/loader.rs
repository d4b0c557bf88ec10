//! `PluginLoader`: the actor that owns one plugin's compiled module.
//!
//! Owns the module and publishes it weakly: readers find it without a message, and it is gone for
//! them when the loader is. A restart compiles the file again; calls in progress finish on the
//! module they began with. Restart class: permanent. A file that is missing or refused is an
//! expected failure: the loader stays up, calls answer the reason, and a reload may mend it.

use std::path::PathBuf;
use std::sync::{Arc, Weak};

use arc_swap::ArcSwap;
use plantao_supervisors::{ChildSpec, DynamicHandle, Envelope, Handle, Reply, SupervisorError};
use ractor::{Actor, ActorProcessingErr, ActorRef};

use super::error::PluginError;
use super::foundry::Foundry;
use super::guests::GuestRuntime;
use super::instance_actor;
use super::module::{GuestModule, read_capped};
use super::pool::Pool;
use super::provenance::Publishers;
use super::spec::PluginSpec;
use super::twin::GuestTwin;
use crate::clock::WallClock;

/// What a loader is asked.
pub(super) enum Message {
    /// Compile the file again and use it, or keep what there is and say why.
    Reload {
        /// The new content's hash, or the refusal.
        reply: Reply<Result<String, PluginError>>,
    },
}

/// What readers see of a plugin's module.
#[derive(Clone)]
pub(super) enum Published {
    /// Not loaded yet.
    Nothing,
    /// Loaded; dead with its loader.
    Module(Weak<GuestModule>),
    /// The file was refused.
    Refused(PluginError),
}

/// What loading needs.
pub(super) struct Source {
    pub(super) spec: PluginSpec,
    pub(super) foundry: Arc<Foundry>,
    pub(super) guests: GuestRuntime,
    pub(super) twin: Option<Arc<dyn GuestTwin>>,
    pub(super) clock: WallClock,
    pub(super) dir: PathBuf,
    pub(super) module_bytes: u64,
    pub(super) publishers: Publishers,
    pub(super) published: ArcSwap<Published>,
}

impl Source {
    /// The module, or why there is none.
    pub(super) fn module(&self) -> Result<Arc<GuestModule>, PluginError> {
        let unavailable = || PluginError::Unavailable {
            plugin: self.spec.name.clone(),
        };
        match &**self.published.load() {
            Published::Nothing => Err(unavailable()),
            Published::Module(module) => module.upgrade().ok_or_else(unavailable),
            Published::Refused(error) => Err(error.clone()),
        }
    }

    /// Reads the file off the reactor, looks where it comes from and has it made into a module.
    async fn load(self: &Arc<Self>) -> Result<Arc<GuestModule>, PluginError> {
        if let Some(twin) = &self.twin {
            return GuestModule::of_twin(Arc::clone(twin), &self.spec, &self.clock).map(Arc::new);
        }
        let source = Arc::clone(self);
        let read = move || {
            let path = source.dir.join(&source.spec.wasm);
            let name = &source.spec.name;
            let bytes = read_capped(&path, source.module_bytes, name)?;
            source.publishers.admit(name, bytes)
        };
        let admitted = self.guests.compute(read).await;
        let admitted = admitted.ok_or_else(|| PluginError::Unavailable {
            plugin: self.spec.name.clone(),
        })??;
        let mut module = self.foundry.module(&self.spec, admitted.bytes).await?;
        module.publisher = admitted.verified.map(|verified| verified.publisher.into());
        Ok(Arc::new(module))
    }

    fn publish(&self, module: &Arc<GuestModule>) {
        tracing::info!(
            plugin = &*module.plugin,
            sha256 = module.sha256,
            publisher = module.publisher.as_deref().unwrap_or("none"),
            "plugin loaded"
        );
        self.published
            .store(Arc::new(Published::Module(Arc::downgrade(module))));
    }
}

/// Where a plugin's instances live and what starts each of them.
#[derive(Clone)]
pub(super) struct Nest {
    pub(super) pool: Arc<Pool>,
    pub(super) supervisor: DynamicHandle,
}

impl Nest {
    /// Starts the instance of every slot that has none. A loader that restarted alone finds them
    /// all running.
    async fn fill(&self, guests: &GuestRuntime) -> Result<(), SupervisorError> {
        for index in 0..self.pool.instances() {
            let Some(spec) = instance_actor::child(&self.pool, guests, index) else {
                break;
            };
            match self.supervisor.start_child(spec).await {
                Ok(_) | Err(SupervisorError::AlreadyStarted { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

/// The loader of one plugin, started after the supervisor of its instances, which it fills.
pub(super) fn child(source: &Arc<Source>, handle: &Handle<Message>, nest: Nest) -> ChildSpec {
    let source = Arc::clone(source);
    ChildSpec::worker("loader", handle, move || {
        (PluginLoader, (Arc::clone(&source), nest.clone()))
    })
}

struct PluginLoader;

struct State {
    source: Arc<Source>,
    module: Option<Arc<GuestModule>>,
}

impl Actor for PluginLoader {
    type Msg = Envelope<Message>;
    type State = State;
    type Arguments = (Arc<Source>, Nest);

    async fn pre_start(
        &self,
        _myself: ActorRef<Self::Msg>,
        (source, nest): Self::Arguments,
    ) -> Result<State, ActorProcessingErr> {
        let module = match source.load().await {
            Ok(module) => {
                source.publish(&module);
                Some(module)
            }
            Err(error) => {
                tracing::error!(plugin = source.spec.name, %error, "plugin refused");
                source.published.store(Arc::new(Published::Refused(error)));
                None
            }
        };
        nest.fill(&source.guests).await?;
        Ok(State { source, module })
    }

    async fn handle(
        &self,
        _myself: ActorRef<Self::Msg>,
        message: Self::Msg,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        let (Message::Reload { reply }, _in_flight) = message.open();
        match state.source.load().await {
            Ok(module) => {
                state.source.publish(&module);
                reply.send(Ok(module.sha256.clone()));
                state.module = Some(module);
            }
            Err(error) => {
                tracing::error!(plugin = state.source.spec.name, %error, "reload refused");
                // With a module in use the refusal is the caller's to know; without one it is
                // what every call answers from now on.
                if state.module.is_none() {
                    let refused = Published::Refused(error.clone());
                    state.source.published.store(Arc::new(refused));
                }
                reply.send(Err(error));
            }
        }
        Ok(())
    }
}
