//! What the plugin host counts: limits passed, leaks withheld, modules compiled, artefacts taken
//! and refused.
//!
//! Owns numbers alone, read when somebody asks for the metrics. Labels are closed lists.

use std::sync::atomic::{AtomicU64, Ordering};

use super::error::PluginError;
use super::limit_kind::LimitKind;

/// Counts since the host was made.
#[derive(Debug, Default)]
pub(super) struct Counts {
    breaches: [AtomicU64; LimitKind::ALL.len()],
    compiled: AtomicU64,
    artefacts_loaded: AtomicU64,
    artefacts_refused: AtomicU64,
    leaks: AtomicU64,
}

/// [`Counts`] at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PluginCounts {
    /// How often each limit was passed.
    pub breaches: Vec<(LimitKind, u64)>,
    /// Modules that a compiler worked on.
    pub compiled: u64,
    /// Modules whose machine code came from the cache.
    pub artefacts_loaded: u64,
    /// Files of the cache that were not what this host had put there: each is an incident.
    pub artefacts_refused: u64,
    /// Answers withheld for an identifier that the guest was not shown: each is an incident.
    pub leaks: u64,
}

impl Counts {
    /// Counts the limit that was passed or the leak, if that is what happened, and passes the
    /// answer on.
    pub(super) fn seen<T>(&self, answer: Result<T, PluginError>) -> Result<T, PluginError> {
        if let Some((limit, _)) = answer.as_ref().err().and_then(PluginError::breach) {
            let of = LimitKind::ALL.iter().zip(&self.breaches);
            for (_, count) in of.filter(|(kind, _)| **kind == limit) {
                count.fetch_add(1, Ordering::Relaxed);
            }
        }
        if let Err(PluginError::Leak { plugin, category }) = &answer {
            self.leaks.fetch_add(1, Ordering::Relaxed);
            tracing::error!(
                plugin,
                category = category.label(),
                incident = "plugin_output_leak",
                "an answer is withheld: it holds an identifier that the guest was not shown"
            );
        }
        answer
    }

    pub(super) fn compiled(&self) {
        self.compiled.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn artefact_loaded(&self) {
        self.artefacts_loaded.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn artefact_refused(&self) {
        self.artefacts_refused.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn now(&self) -> PluginCounts {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let breaches = LimitKind::ALL.iter().zip(&self.breaches);
        PluginCounts {
            breaches: breaches.map(|(kind, count)| (*kind, read(count))).collect(),
            compiled: read(&self.compiled),
            artefacts_loaded: read(&self.artefacts_loaded),
            artefacts_refused: read(&self.artefacts_refused),
            leaks: read(&self.leaks),
        }
    }
}
