//! Reads experiment files, strictly.

use super::{Experiment, ExperimentError, FAULTS_MAX, REQUESTS_MAX, VERSION, VIEWERS_MAX};
use crate::fault::{Fault, FaultKind, FaultParts, LifeState};
use crate::invariant::Invariant;
use crate::schedule::Schedule;
use crate::seed_file;
use crate::selector::Selector;
use serde::Deserialize;
use serde::de::{self, Deserializer, Visitor};
use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// Read before everything else: other versions may have other fields.
#[derive(Deserialize)]
struct Head {
    version: Option<i64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(rename = "version")]
    _version: i64,
    title: String,
    title_pt: Option<String>,
    #[serde(deserialize_with = "seed")]
    seed: u64,
    requests: u32,
    viewers: u32,
    invariants: Option<Vec<String>>,
    #[serde(default)]
    fault: Vec<FaultTable>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FaultTable {
    at_ms: u64,
    kind: String,
    target: Option<String>,
    #[serde(default)]
    span_ms: u64,
    #[serde(default = "once")]
    count: u32,
    state: Option<String>,
    failpoint: Option<String>,
}

fn once() -> u32 {
    1
}

impl FromStr for Experiment {
    type Err = ExperimentError;

    fn from_str(text: &str) -> Result<Self, ExperimentError> {
        let unreadable = |error: toml::de::Error| unreadable(text, &error);
        let head: Head = toml::from_str(text).map_err(unreadable)?;
        if let Some(found) = head.version.filter(|found| *found != VERSION) {
            return Err(ExperimentError::Version { found });
        }
        toml::from_str::<File>(text).map_err(unreadable)?.checked()
    }
}

impl File {
    fn checked(self) -> Result<Experiment, ExperimentError> {
        let found = self.fault.len();
        if found > FAULTS_MAX {
            return Err(ExperimentError::TooManyFaults { found });
        }
        for (field, found, max) in [
            ("requests", self.requests, REQUESTS_MAX),
            ("viewers", self.viewers, VIEWERS_MAX),
        ] {
            if found > max {
                return Err(ExperimentError::TooMuchLoad { field, found, max });
            }
        }
        let tables = self.fault.into_iter().enumerate();
        let faults: Result<Vec<Fault>, ExperimentError> = tables
            .map(|(index, table)| table.checked(index + 1))
            .collect();
        let mut faults = faults?;
        faults.sort_by_key(|fault| fault.at);
        Ok(Experiment {
            title: self.title,
            title_pt: self.title_pt,
            schedule: Schedule {
                seed: self.seed,
                faults,
                requests: self.requests,
                viewers: self.viewers,
            },
            invariants: invariants(self.invariants)?,
        })
    }
}

impl FaultTable {
    /// The fault, which is the file's `fault`th.
    fn checked(self, fault: usize) -> Result<Fault, ExperimentError> {
        let kind: FaultKind = self
            .kind
            .parse()
            .map_err(|why| ExperimentError::Kind { fault, why })?;
        let target: Option<Selector> = self
            .target
            .map(|target| target.parse())
            .transpose()
            .map_err(|why| ExperimentError::Target { fault, why })?;
        let state: Option<LifeState> = self
            .state
            .map(|state| state.parse())
            .transpose()
            .map_err(|why| ExperimentError::State { fault, why })?;
        Fault::new(FaultParts {
            at: Duration::from_millis(self.at_ms),
            kind,
            target,
            span: Duration::from_millis(self.span_ms),
            count: self.count,
            state,
            failpoint: self.failpoint,
        })
        .map_err(|why| ExperimentError::Fault { fault, why })
    }
}

fn invariants(names: Option<Vec<String>>) -> Result<BTreeSet<Invariant>, ExperimentError> {
    let Some(names) = names else {
        return Ok(Invariant::ALL.into_iter().collect());
    };
    if names.is_empty() {
        return Err(ExperimentError::NothingChecked);
    }
    let found = names.iter().map(|name| name.parse());
    found
        .collect::<Result<_, _>>()
        .map_err(|why| ExperimentError::Invariant { why })
}

fn unreadable(text: &str, error: &toml::de::Error) -> ExperimentError {
    let start = error.span().map_or(0, |span| span.start);
    let before = text.get(..start).unwrap_or_default();
    ExperimentError::Unreadable {
        line: before.matches('\n').count() + 1,
        reason: error.message().to_owned(),
    }
}

fn seed<'de, D: Deserializer<'de>>(from: D) -> Result<u64, D::Error> {
    from.deserialize_any(SeedVisitor)
}

/// A number, or a text for the upper half of all seeds: TOML's numbers are signed.
struct SeedVisitor;

impl Visitor<'_> for SeedVisitor {
    type Value = u64;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a seed: a number from 0, or a text such as `0x1f`")
    }

    fn visit_i64<E: de::Error>(self, seed: i64) -> Result<u64, E> {
        let found = de::Unexpected::Signed(seed);
        u64::try_from(seed).map_err(|_| E::invalid_value(found, &self))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<u64, E> {
        seed_file::seed(text).ok_or_else(|| E::invalid_value(de::Unexpected::Str(text), &self))
    }
}
