//! `Plugins`: what the rest of the hospital holds to run plugins.
//!
//! Owns the table of configured plugins and the one engine they share. Refuses a call without a
//! permit that covers it, and gives a guest nothing but what the data guard lets through. PHI:
//! purpose and legal basis are in the permit; texts are held for the call only, in memory; access
//! is the one guest; nothing is written; the caller audits, with the plugin's name and hash.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use arc_swap::ArcSwap;
use plantao_schema::access::ResourceKind;
use plantao_supervisors::{
    CallError, ChildSpec, DynamicHandle, DynamicSpec, Handle, Intensity, Limits as InFlight,
    Strategy, SupervisorSpec,
};

use super::brake::{CRASHES_MAX, PERIOD};
use super::counts::{Counts, PluginCounts};
use super::engine::{EngineError, Engines};
use super::error::PluginError;
use super::executor::{Call, no_function};
use super::foundry::Foundry;
use super::guard::Reveal;
use super::host::PluginHost;
use super::instance_actor::Message;
use super::limit_kind::LimitKind;
use super::loader::{self, Nest, Published, Source};
use super::log_lines::presentable;
use super::pool::{NoSlot, Pool};
use super::spec::PluginSpec;
use super::state::Stop;
use super::status::PluginStatus;
use crate::policy::Permit;

/// Beyond the guest's own limit: for redaction, dispatch and a busy machine.
const CALL_GRACE: Duration = Duration::from_secs(2);
/// Reading and compiling the largest module accepted, on a busy machine.
const RELOAD_DEADLINE: Duration = Duration::from_secs(60);
/// Reloads of one plugin come from one operator.
const RELOADS_IN_FLIGHT: usize = 4;
/// Loaders fail only by being killed or by a fault of ours.
const SUBTREE_RESTARTS: u32 = 5;
const SUBTREE_PERIOD: Duration = Duration::from_secs(10);

/// What a plugin answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PluginOutput {
    /// The answer: at most the limit's bytes of UTF-8.
    pub text: String,
    /// Who answered.
    pub plugin: String,
    /// The hash of the module that ran, without its signature, for the audit trail.
    pub sha256: String,
    /// How long the guest took, instantiation included, waiting excluded.
    pub elapsed: Duration,
    /// Whether the guest was shown redacted text.
    pub redacted: bool,
    /// Whether identifiers were put back in the answer, for a caller in care of the patient.
    pub restored: bool,
}

/// The way to every plugin. Clones are the same table.
#[derive(Clone)]
pub struct Plugins {
    inner: Arc<Inner>,
}

struct Inner {
    host: PluginHost,
    foundry: Arc<Foundry>,
    counts: Arc<Counts>,
    plugins: RwLock<BTreeMap<String, Arc<Plugin>>>,
}

struct Plugin {
    source: Arc<Source>,
    loader: Handle<loader::Message>,
    pool: Arc<Pool>,
}

impl Plugins {
    /// A host with no plugins yet.
    ///
    /// # Errors
    /// [`EngineError`] when this machine cannot run guests.
    pub fn new(host: PluginHost) -> Result<Self, EngineError> {
        let counts = Arc::new(Counts::default());
        let foundry = Arc::new(Foundry::new(
            Engines::new(host.capacity)?,
            host.compiler.clone(),
            host.cache.clone(),
            host.guests.clone(),
            Arc::clone(&counts),
            host.clock.clone(),
        ));
        let inner = Inner {
            host,
            foundry,
            counts,
            plugins: RwLock::default(),
        };
        Ok(Self {
            inner: Arc::new(inner),
        })
    }

    /// Adds a plugin and gives its subtree: the instances' dynamic supervisor, then the loader
    /// that fills it. The instances are a fixed number of slots, each with a handle made before the
    /// tree, so that a call finds a free one without asking anybody.
    ///
    /// # Errors
    /// [`PluginError::Spec`] naming the field that is not acceptable.
    pub fn child(&self, spec: PluginSpec) -> Result<ChildSpec, PluginError> {
        spec.check()?;
        let (instances, queue) = (spec.instances, spec.queue);
        let plugin = self.add(spec, Arc::new(Pool::new(instances, queue)))?;
        let supervisor = DynamicHandle::new();
        let spec = DynamicSpec::new(crashes(instances), instances);
        let nest = Nest {
            pool: Arc::clone(&plugin.pool),
            supervisor: supervisor.clone(),
        };
        let loader = loader::child(&plugin.source, &plugin.loader, nest);
        let intensity = Intensity::new(SUBTREE_RESTARTS, SUBTREE_PERIOD);
        // In this order the loader fills the supervisor again whenever that one restarts empty.
        let subtree = SupervisorSpec::new(Strategy::RestForOne, intensity)
            .child(ChildSpec::dynamic("instances", &supervisor, spec))
            .child(loader.start_timeout(RELOAD_DEADLINE));
        Ok(ChildSpec::supervisor(
            plugin.source.spec.name.clone(),
            subtree,
        ))
    }

    fn add(&self, spec: PluginSpec, pool: Arc<Pool>) -> Result<Arc<Plugin>, PluginError> {
        let mut plugins = self
            .inner
            .plugins
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        if plugins.contains_key(&spec.name) {
            return Err(spec.refuse("name", "is taken by another plugin"));
        }
        let taken: usize = plugins.values().map(|plugin| plugin.pool.instances()).sum();
        let capacity = usize::try_from(self.inner.host.capacity).unwrap_or(usize::MAX);
        if taken.saturating_add(spec.instances) > capacity {
            return Err(spec.refuse("instances", "is more than the host's capacity leaves"));
        }
        let name = spec.name.clone();
        let source = Arc::new(Source {
            spec,
            foundry: Arc::clone(&self.inner.foundry),
            guests: self.inner.host.guests.clone(),
            twin: self.inner.host.twin.clone(),
            clock: self.inner.host.clock.clone(),
            dir: self.inner.host.dir.clone(),
            module_bytes: self.inner.host.module_bytes,
            publishers: self.inner.host.publishers.clone(),
            published: ArcSwap::from_pointee(Published::Nothing),
        });
        let loader = Handle::new(InFlight::in_flight(RELOADS_IN_FLIGHT));
        let plugin = Arc::new(Plugin {
            source,
            loader,
            pool,
        });
        plugins.insert(name, Arc::clone(&plugin));
        Ok(plugin)
    }

    /// Runs one function of one plugin on a text. Without `phi:raw` the guest is shown the text
    /// redacted. Nothing is retried: whether that is safe is the caller's to know.
    ///
    /// # Errors
    /// [`PluginError`]; after one that [`PluginError::is_crash`] the instance is replaced.
    pub async fn call(
        &self,
        permit: Permit,
        plugin: &str,
        function: &str,
        text: &str,
    ) -> Result<PluginOutput, PluginError> {
        let plugin = self.find(plugin)?;
        let name = plugin.source.spec.name.as_str();
        if !covers(&permit, name) {
            return Err(PluginError::Forbidden {
                plugin: name.to_owned(),
            });
        }
        let held = permit.hand_in(self.inner.host.clock.now()).await;
        held.map_err(|error| PluginError::Permit {
            plugin: name.to_owned(),
            error,
        })?;
        let reveal = Reveal::of(&permit);
        let answer = plugin.call(function, text, reveal).await;
        self.inner.counts.seen(answer)
    }

    /// What was counted since the host was made.
    #[must_use]
    pub fn counts(&self) -> PluginCounts {
        self.inner.counts.now()
    }

    /// Compiles the plugin's file again. Calls in progress finish on the old module.
    ///
    /// A compiler cannot be interrupted, so it works in a process of its own that is killed at its
    /// limits ([`Compiler`]), two of them at a time over all plugins. A file of more than
    /// [`PluginHost::module_bytes`] is refused before it is read whole, and one with a function of
    /// more than 64 KiB before it is compiled. The loader makes one file after the other. An answer
    /// that takes longer than a minute is [`PluginError::Unavailable`]; the module is used all the
    /// same once it is there.
    ///
    /// # Errors
    /// Why the new file is refused; the old module then stays in use.
    pub async fn reload(&self, plugin: &str) -> Result<String, PluginError> {
        let plugin = self.find(plugin)?;
        let answer = plugin
            .loader
            .call(RELOAD_DEADLINE, |reply| loader::Message::Reload { reply })
            .await;
        answer.map_err(|error| plugin.unanswered(&error, RELOADS_IN_FLIGHT))?
    }

    /// Every configured plugin, by name.
    #[must_use]
    pub fn list(&self) -> Vec<PluginStatus> {
        let plugins = self
            .inner
            .plugins
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        plugins.values().map(|plugin| plugin.status()).collect()
    }

    fn find(&self, plugin: &str) -> Result<Arc<Plugin>, PluginError> {
        let plugins = self
            .inner
            .plugins
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        plugins
            .get(plugin)
            .cloned()
            .ok_or_else(|| PluginError::Unknown {
                plugin: presentable(plugin.as_bytes()).unwrap_or_default(),
            })
    }
}

impl Plugin {
    async fn call(
        &self,
        function: &str,
        text: &str,
        reveal: Option<Reveal>,
    ) -> Result<PluginOutput, PluginError> {
        let spec = &self.source.spec;
        let module = self.source.module()?;
        if module.shape(function).is_none() {
            return Err(no_function(&spec.name, function));
        }
        // Again where the guest starts, since redaction may lengthen; here before it is copied.
        let limits = module.terms.limits;
        if text.len() > limits.input_bytes {
            let stop = Stop::limit(LimitKind::InputBytes, limits.input_bytes);
            return Err(stop.into_error(&spec.name));
        }
        let lease = self.pool.lease(limits.timeout).await;
        let lease = lease.map_err(|reason| self.no_slot(reason))?;
        let Some(instance) = lease.handle() else {
            return Err(self.no_slot(NoSlot::Down));
        };
        let sha256 = module.sha256.clone();
        let call = Call {
            raw: module.raw(),
            reveal,
            module,
            function: function.to_owned(),
            text: text.to_owned(),
        };
        let deadline = limits.timeout.saturating_add(CALL_GRACE);
        let answer = instance
            .call(deadline, |reply| Message::Run { call, lease, reply })
            .await
            .map_err(|error| self.unanswered(&error, self.pool.places()))??;
        Ok(PluginOutput {
            text: answer.text,
            plugin: spec.name.clone(),
            sha256,
            elapsed: answer.elapsed,
            redacted: answer.redacted,
            restored: answer.restored,
        })
    }

    fn no_slot(&self, reason: NoSlot) -> PluginError {
        let plugin = self.source.spec.name.clone();
        match reason {
            NoSlot::Full => PluginError::Overloaded {
                plugin,
                limit: self.pool.places(),
            },
            NoSlot::Resting => PluginError::Resting {
                plugin,
                crashes: CRASHES_MAX,
            },
            NoSlot::Down => PluginError::Unavailable { plugin },
        }
    }

    fn unanswered(&self, error: &CallError, limit: usize) -> PluginError {
        let plugin = self.source.spec.name.clone();
        match error {
            CallError::Overloaded { .. } => PluginError::Overloaded { plugin, limit },
            CallError::Unavailable | CallError::Timeout { .. } => {
                PluginError::Unavailable { plugin }
            }
        }
    }

    fn status(&self) -> PluginStatus {
        PluginStatus::of(&self.source, &self.pool)
    }
}

/// Crashes are the guests' doing and never a reason to give up: the brake stops calls first.
fn crashes(instances: usize) -> Intensity {
    let most = CRASHES_MAX.saturating_add(instances).saturating_mul(4);
    Intensity::new(u32::try_from(most).unwrap_or(u32::MAX), PERIOD)
}

/// A plugin works on content handed in, or is itself what was asked for.
fn covers(permit: &Permit, plugin: &str) -> bool {
    match permit.resource_kind() {
        ResourceKind::Content => true,
        ResourceKind::Plugin => permit.resource_id().is_none_or(|id| id.as_str() == plugin),
        _ => false,
    }
}
