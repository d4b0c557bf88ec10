//! A plugin on the metered engine: what its cases take, in instructions and in memory.
//!
//! Instructions are the same on any machine, so that a budget of them can be asserted where a time
//! cannot. Nothing is put on the meter before a case asks for it: it has the module compiled anew,
//! once for each description that cases run under.

use std::collections::{BTreeMap, BTreeSet};

use plantao_actors::plugin::{
    GuestRuntime, Measured, MeteredBench, Piece, PluginError, PluginSpec,
};

use super::super::error::CliError;
use super::case::Case;
use super::refused;
use super::subject::{Plugin, compiler};

/// What makes one description of a plugin another: what a case sets, and what it grants.
type Under = (BTreeMap<String, String>, Option<BTreeSet<String>>);

/// The engine, and the module under each description so far.
pub(super) struct Meter<'a> {
    plugin: &'a Plugin,
    bench: Option<MeteredBench>,
    pieces: BTreeMap<Under, Piece>,
}

impl<'a> Meter<'a> {
    /// Nothing is on it yet.
    pub(super) fn of(plugin: &'a Plugin) -> Self {
        let (bench, pieces) = (None, BTreeMap::new());
        Self {
            plugin,
            bench,
            pieces,
        }
    }

    /// Runs a case's call under this description.
    pub(super) async fn measure(
        &mut self,
        spec: &PluginSpec,
        case: &Case,
    ) -> Result<Result<Measured, PluginError>, CliError> {
        let bench = match self.bench.take() {
            Some(bench) => bench,
            None => MeteredBench::new(GuestRuntime::current(), compiler())
                .map_err(|error| refused(error.to_string()))?,
        };
        let bench = self.bench.insert(bench);
        let under = (case.config.clone(), case.grants.clone());
        let piece = match self.pieces.get(&under) {
            Some(piece) => piece.clone(),
            None => {
                let loaded = bench.load(spec, self.plugin.module.clone()).await;
                let piece = loaded.map_err(|error| refused(error.to_string()))?;
                self.pieces.insert(under, piece.clone());
                piece
            }
        };
        Ok(bench.run(&piece, &case.function, &case.input).await)
    }
}
