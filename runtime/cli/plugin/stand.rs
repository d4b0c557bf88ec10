//! A plugin on the workbench: loaded once, called as often as wanted, heard.

use std::collections::BTreeMap;
use std::time::Duration;

use plantao_actors::plugin::{Loaded, PluginError, PluginSpec};
use tracing::subscriber::DefaultGuard;
use tracing_subscriber::layer::SubscriberExt;

use super::super::error::CliError;
use super::recorder::Recorder;
use super::refused;
use super::subject::Plugin;

/// A module with grants and configuration, ready to be called.
pub(super) struct Stand<'a> {
    plugin: &'a Plugin,
    loaded: Loaded,
    recorder: Recorder,
    _heard: DefaultGuard,
}

/// What a call came to.
pub(super) struct Heard {
    pub(super) answer: Result<String, PluginError>,
    pub(super) lines: Vec<String>,
    pub(super) elapsed: Duration,
}

impl<'a> Stand<'a> {
    /// Loads the plugin as an operator would who grants all it asks for.
    pub(super) fn of(
        plugin: &'a Plugin,
        config: &BTreeMap<String, String>,
    ) -> Result<Self, CliError> {
        Self::under(plugin, &plugin.spec(config))
    }

    /// Loads the plugin under another description.
    pub(super) fn under(plugin: &'a Plugin, spec: &PluginSpec) -> Result<Self, CliError> {
        let loaded = plugin.workbench.load(spec, &plugin.compiled);
        let loaded = loaded.map_err(|error| refused(error.to_string()))?;
        let recorder = Recorder::default();
        let subscriber = tracing_subscriber::registry().with(recorder.clone());
        // Guests run on this very thread, and so do their lines.
        let heard = tracing::subscriber::set_default(subscriber);
        Ok(Self {
            plugin,
            loaded,
            recorder,
            _heard: heard,
        })
    }

    /// One call, in an instance of its own.
    pub(super) async fn call(&self, function: &str, input: &str) -> Heard {
        let trial = self
            .plugin
            .workbench
            .call(&self.loaded, function, input)
            .await;
        Heard {
            answer: trial.answer,
            lines: self.recorder.take(),
            elapsed: trial.elapsed,
        }
    }
}
