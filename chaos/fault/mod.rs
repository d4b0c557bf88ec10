//! One fault: what is broken, where, when, for how long and how often.
//!
//! A [`Fault`] is whole once it exists: it has a target exactly when its kind is aimed at an actor,
//! a span exactly when it lasts, and names no state or place in which it could never strike. What
//! would do nothing for want of care is refused here, not noticed after a run.

mod kind;

pub use kind::{FaultKind, LifeState, UnknownFault, UnknownState};

use crate::selector::Selector;
use std::fmt;
use std::ops::Deref;
use std::time::Duration;

/// Places in the code at which a fault may wait for its actor, the store or the node.
pub const FAILPOINTS: [&str; 5] = [
    "audit.commit",
    "consent.commit",
    "records.commit",
    "wards.place",
    "vault.unwrap",
];

/// Latest begin and longest span: virtual time costs nothing, and no run is about more than a day.
const TIME_MAX: Duration = Duration::from_secs(24 * 60 * 60);
/// Most hits of one fault: beyond every limit of the tree that a run can reach.
const COUNT_MAX: u32 = 100_000;

/// What a fault is made of, before anybody looked whether it fits together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FaultParts {
    /// When it is armed, in virtual time. It strikes at the first occasion from then on.
    pub at: Duration,
    /// What happens.
    pub kind: FaultKind,
    /// To which actors.
    pub target: Option<Selector>,
    /// How long it lasts, or how far the clock jumps; zero where neither applies.
    pub span: Duration,
    /// How many lives, messages, starts, commits or draws it hits; 1 where none are counted.
    pub count: u32,
    /// Only while the target is in this state.
    pub state: Option<LifeState>,
    /// Only when this place is reached.
    pub failpoint: Option<String>,
}

/// A fault that fits together. Reads as its [`FaultParts`]; changed ones are checked anew.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault(FaultParts);

/// Why parts make no fault.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FaultError {
    /// It is aimed at an actor, and none is named.
    #[error("`target` is missing: `{kind}` strikes an actor")]
    TargetMissing {
        /// The kind.
        kind: FaultKind,
    },
    /// It strikes no actor, and one is named.
    #[error("`target` `{target}` is given: `{kind}` strikes no actor")]
    TargetGiven {
        /// The kind.
        kind: FaultKind,
        /// The target.
        target: String,
    },
    /// It lasts, and no span is given.
    #[error("`span_ms` is missing: `{kind}` lasts")]
    SpanMissing {
        /// The kind.
        kind: FaultKind,
    },
    /// It is over at once, and a span is given.
    #[error("`span_ms` `{span_ms}` is given: `{kind}` does not last")]
    SpanGiven {
        /// The kind.
        kind: FaultKind,
        /// The span.
        span_ms: u128,
    },
    /// It would hit nothing, or more than anything can.
    #[error("`count` `{count}` is outside 1 to {COUNT_MAX}")]
    CountOutside {
        /// The count.
        count: u32,
    },
    /// It happens once, and another count is given.
    #[error("`count` `{count}` is given: `{kind}` happens once")]
    CountGiven {
        /// The kind.
        kind: FaultKind,
        /// The count.
        count: u32,
    },
    /// A state narrows a target, and there is none.
    #[error("`state` `{state}` is given: `{kind}` strikes no actor")]
    StateGiven {
        /// The kind.
        kind: FaultKind,
        /// The state.
        state: LifeState,
    },
    /// It would never strike.
    #[error("`state` `{state}` is given: `{kind}` never strikes in it")]
    StateNeverStruck {
        /// The kind.
        kind: FaultKind,
        /// The state.
        state: LifeState,
    },
    /// No place has that name.
    #[error(
        "`failpoint` `{name}` is not known; there are {known}",
        known = kind::names(&FAILPOINTS)
    )]
    FailpointUnknown {
        /// The name.
        name: String,
    },
    /// It waits at no place, and one is named.
    #[error("`failpoint` `{name}` is given: `{kind}` waits at none")]
    FailpointGiven {
        /// The kind.
        kind: FaultKind,
        /// The place.
        name: String,
    },
    /// Later or longer than any run.
    #[error("`{field}` `{ms}` is more than a day")]
    TooLong {
        /// Which time.
        field: &'static str,
        /// The time.
        ms: u128,
    },
    /// Files and virtual time know milliseconds.
    #[error("`{field}` is no whole number of milliseconds")]
    Fraction {
        /// Which time.
        field: &'static str,
    },
}

impl FaultParts {
    /// A fault that strikes once; whatever else its kind needs is to be filled in.
    #[must_use]
    pub fn new(at: Duration, kind: FaultKind) -> Self {
        Self {
            at,
            kind,
            target: None,
            span: Duration::ZERO,
            count: 1,
            state: None,
            failpoint: None,
        }
    }

    fn check_times(&self) -> Result<(), FaultError> {
        for (field, time) in [("at_ms", self.at), ("span_ms", self.span)] {
            if time > TIME_MAX {
                let ms = time.as_millis();
                return Err(FaultError::TooLong { field, ms });
            }
            if time.subsec_nanos() % 1_000_000 != 0 {
                return Err(FaultError::Fraction { field });
            }
        }
        let kind = self.kind;
        match (kind.lasts(), self.span.is_zero()) {
            (true, true) => Err(FaultError::SpanMissing { kind }),
            (false, false) => Err(FaultError::SpanGiven {
                kind,
                span_ms: self.span.as_millis(),
            }),
            _ => Ok(()),
        }
    }

    fn check_count(&self) -> Result<(), FaultError> {
        let (kind, count) = (self.kind, self.count);
        if !(1..=COUNT_MAX).contains(&count) {
            return Err(FaultError::CountOutside { count });
        }
        if count != 1 && !kind.is_counted() {
            return Err(FaultError::CountGiven { kind, count });
        }
        Ok(())
    }

    fn check_place(&self) -> Result<(), FaultError> {
        let kind = self.kind;
        match (&self.target, kind.is_aimed()) {
            (None, true) => return Err(FaultError::TargetMissing { kind }),
            (Some(target), false) => {
                let target = target.to_string();
                return Err(FaultError::TargetGiven { kind, target });
            }
            _ => {}
        }
        match self.state {
            Some(state) if !kind.is_aimed() => {
                return Err(FaultError::StateGiven { kind, state });
            }
            Some(state) if !kind.strikes_in(state) => {
                return Err(FaultError::StateNeverStruck { kind, state });
            }
            _ => {}
        }
        let Some(name) = &self.failpoint else {
            return Ok(());
        };
        let name = name.clone();
        if !FAILPOINTS.contains(&name.as_str()) {
            return Err(FaultError::FailpointUnknown { name });
        }
        if !kind.waits_at_failpoints() {
            return Err(FaultError::FailpointGiven { kind, name });
        }
        Ok(())
    }
}

impl Fault {
    /// Takes parts that fit together.
    ///
    /// # Errors
    /// [`FaultError`] naming the part that does not fit, as experiment files call it.
    pub fn new(parts: FaultParts) -> Result<Self, FaultError> {
        parts.check_times()?;
        parts.check_count()?;
        parts.check_place()?;
        Ok(Self(parts))
    }

    /// The parts, to make another fault of.
    #[must_use]
    pub fn into_parts(self) -> FaultParts {
        self.0
    }
}

impl Deref for Fault {
    type Target = FaultParts;

    fn deref(&self) -> &FaultParts {
        &self.0
    }
}

impl TryFrom<FaultParts> for Fault {
    type Error = FaultError;

    fn try_from(parts: FaultParts) -> Result<Self, FaultError> {
        Self::new(parts)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ms: {}", self.at.as_millis(), self.kind)?;
        if let Some(target) = &self.target {
            write!(f, " {target}")?;
        }
        if let Some(state) = self.state {
            write!(f, " while {state}")?;
        }
        if let Some(failpoint) = &self.failpoint {
            write!(f, " at {failpoint}")?;
        }
        if !self.span.is_zero() {
            write!(f, " for {} ms", self.span.as_millis())?;
        }
        if self.count > 1 {
            write!(f, ", {} times", self.count)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
