//! What the host tells of each plugin: how it is, what it asked for, what it has.
//!
//! Owns [`PluginStatus`], a line of a list that operators read. Refuses nothing and holds nothing
//! of a call.

use std::collections::BTreeSet;

use plantao_schema::plugin::Capability;
use serde::Serialize;

use super::error::PluginError;
use super::limits::Limits;
use super::loader::Source;
use super::pool::Pool;

/// How a plugin is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PluginState {
    /// Its module is loaded.
    Ready,
    /// Its file was refused; the reason is beside it.
    Refused,
    /// Its loader is not up.
    Down,
}

/// One line of [`Plugins::list`](super::Plugins::list).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PluginStatus {
    /// Its name.
    pub name: String,
    /// How it is.
    pub state: PluginState,
    /// Why its file was refused.
    pub reason: Option<String>,
    /// The hash of the module in use, without its signature: what its publisher signed.
    pub sha256: Option<String>,
    /// Who signed the module in use; nothing when nobody did.
    pub publisher: Option<String>,
    /// What its manifest calls its version; nothing without one.
    pub version: Option<String>,
    /// What its manifest asks for beyond computing on redacted text.
    pub asked: Vec<Capability>,
    /// What the operator grants.
    pub grants: Vec<Capability>,
    /// What holds: asked for and granted, or granted to a module without a manifest.
    pub in_force: Vec<Capability>,
    /// The limits that hold; nothing while no module is loaded.
    pub limits: Option<Limits>,
    /// Instances it should have.
    pub instances: usize,
    /// Instances that are up.
    pub instances_up: usize,
}

impl PluginStatus {
    pub(super) fn of(source: &Source, pool: &Pool) -> Self {
        let spec = &source.spec;
        let module = source.module();
        let (state, reason) = match &module {
            Ok(_) => (PluginState::Ready, None),
            Err(PluginError::Unavailable { .. }) => (PluginState::Down, None),
            Err(error) => (PluginState::Refused, Some(error.to_string())),
        };
        let module = module.ok();
        let publisher = module
            .as_ref()
            .and_then(|module| module.publisher.as_deref());
        let terms = module.as_ref().map(|module| &module.terms);
        let manifest = terms.and_then(|terms| terms.manifest.as_ref());
        let listed = |held: &BTreeSet<Capability>| held.iter().cloned().collect();
        Self {
            name: spec.name.clone(),
            state,
            reason,
            sha256: module.as_ref().map(|module| module.sha256.clone()),
            publisher: publisher.map(str::to_owned),
            version: manifest.map(|manifest| manifest.version.clone()),
            asked: manifest.map_or_else(Vec::new, |manifest| listed(&manifest.capabilities)),
            grants: listed(&spec.grants),
            in_force: terms.map_or_else(Vec::new, |terms| listed(&terms.capabilities)),
            limits: terms.map(|terms| terms.limits),
            instances: pool.instances(),
            instances_up: pool.instances_up(),
        }
    }
}
