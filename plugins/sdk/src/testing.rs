//! A host for a plugin's own tests: the same code, run natively, with answers that are scripted.
//!
//! Owns the scripted clock, configuration and value sets, and the log that was written. Refuses
//! nothing that a real host would: limits are tested with `plantao plugin test`, on the real one.
//! Deterministic: the same script and input give the same answer and the same lines.

use std::cell::RefCell;
use std::collections::BTreeMap;

use crate::answer::Run;
use crate::error::GuestError;
use crate::log::Level;

/// What [`plugin!`](crate::plugin) makes of a plugin for its tests.
#[derive(Debug, Clone, Copy)]
pub struct Plugin {
    /// Its name.
    pub name: &'static str,
    /// The manifest that its module carries.
    pub manifest: &'static str,
    /// Its functions.
    pub functions: &'static [(&'static str, Run)],
}

impl Plugin {
    /// How long one call takes on an empty host, in nanoseconds: what a sandbox is compared with.
    #[must_use]
    pub fn timed_ns(&self, function: &str, input: &[u8]) -> u64 {
        let host = Host::new();
        let began = std::time::Instant::now();
        std::hint::black_box(host.call(self, function, std::hint::black_box(input)));
        u64::try_from(began.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }
}

/// One line that a plugin logged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// How much it matters.
    pub level: Level,
    /// The event and its values: `counted words=3`.
    pub text: String,
}

/// A scripted host.
#[derive(Debug, Clone, Default)]
pub struct Host {
    clock_ms: u64,
    step_ms: u64,
    config: BTreeMap<String, String>,
    valuesets: BTreeMap<(String, String), String>,
    lines: Vec<Line>,
}

/// What a call came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Called {
    /// The answer's bytes, or the error.
    pub answer: Result<Vec<u8>, GuestError>,
    /// What was logged on the way.
    pub lines: Vec<Line>,
}

impl Called {
    /// The answer as text; empty when there was an error or the answer is none.
    #[must_use]
    pub fn text(&self) -> &str {
        let bytes = self.answer.as_deref().unwrap_or_default();
        str::from_utf8(bytes).unwrap_or_default()
    }
}

thread_local! {
    /// The host of the call that runs on this thread.
    static CURRENT: RefCell<Option<Host>> = const { RefCell::new(None) };
}

impl Host {
    /// The clock stands at 1970, nothing is configured, every value set is empty.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The clock stands at this moment: milliseconds since 1970.
    #[must_use]
    pub fn at_ms(mut self, clock_ms: u64) -> Self {
        self.clock_ms = clock_ms;
        self
    }

    /// The clock goes on by this much with every look at it.
    #[must_use]
    pub fn step_ms(mut self, step_ms: u64) -> Self {
        self.step_ms = step_ms;
        self
    }

    /// The operator set this key.
    #[must_use]
    pub fn config(mut self, key: &str, value: &str) -> Self {
        self.config.insert(key.to_owned(), value.to_owned());
        self
    }

    /// This value set has this code.
    #[must_use]
    pub fn valueset(mut self, valueset: &str, code: &str, display: &str) -> Self {
        let key = (valueset.to_owned(), code.to_owned());
        self.valuesets.insert(key, display.to_owned());
        self
    }

    /// Calls a function of a plugin; nothing when it has none of that name. Every call begins with
    /// the script as it was given.
    #[must_use]
    pub fn call(&self, plugin: &Plugin, function: &str, input: &[u8]) -> Option<Called> {
        let (_, run) = plugin
            .functions
            .iter()
            .find(|(name, _)| *name == function)?;
        let outer = CURRENT.replace(Some(self.clone()));
        let answer = run(input);
        let inner = CURRENT.replace(outer);
        let lines = inner.map(|host| host.lines).unwrap_or_default();
        Some(Called { answer, lines })
    }
}

/// Asks the host of the call that runs; what there is without one is what an empty host has.
pub(crate) fn ask<T: Default>(question: impl FnOnce(&mut Host) -> T) -> T {
    CURRENT.with_borrow_mut(|host| host.as_mut().map(question).unwrap_or_default())
}

impl Host {
    pub(crate) fn look_at_clock(&mut self) -> u64 {
        let now = self.clock_ms;
        self.clock_ms = now.saturating_add(self.step_ms);
        now
    }

    pub(crate) fn value_of(&self, key: &str) -> Option<String> {
        self.config.get(key).cloned()
    }

    pub(crate) fn display_of(&self, valueset: &str, code: &str) -> Option<String> {
        let key = (valueset.to_owned(), code.to_owned());
        self.valuesets.get(&key).cloned()
    }

    pub(crate) fn hear(&mut self, level: Level, text: String) {
        self.lines.push(Line { level, text });
    }
}
