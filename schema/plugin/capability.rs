//! What a plugin can be given beyond computing on redacted text.
//!
//! Owns the closed list and what each entry exposes, in words for the operator who decides. Refuses
//! everything else: a capability that no host has cannot be written down.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Longest key of an operator's configuration.
const KEY_MAX_BYTES: usize = 64;
const CONFIG: &str = "config:";

/// One thing a manifest asks for and an operator grants.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Capability {
    /// `log`.
    Log,
    /// `clock`.
    Clock,
    /// `valueset:lookup`.
    ValuesetLookup,
    /// `kb:search`.
    KbSearch,
    /// `config:KEY`.
    Config(String),
    /// `phi:raw`.
    PhiRaw,
}

/// A capability without its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CapabilityKind {
    /// `log`.
    Log,
    /// `clock`.
    Clock,
    /// `valueset:lookup`.
    ValuesetLookup,
    /// `kb:search`.
    KbSearch,
    /// `config:KEY`, whatever the key.
    Config,
    /// `phi:raw`.
    PhiRaw,
}

/// The text names no capability.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CapabilityError {
    /// No capability is called so.
    #[error("expected log, clock, valueset:lookup, kb:search, config:KEY or phi:raw")]
    Unknown,
    /// What follows `config:` is no key.
    #[error("expected config:KEY with a key of 1 to 64 characters of a-z, A-Z, 0-9, `_`, `-`, `.`")]
    Key,
}

impl Capability {
    /// Which it is, without its key.
    #[must_use]
    pub const fn kind(&self) -> CapabilityKind {
        match self {
            Self::Log => CapabilityKind::Log,
            Self::Clock => CapabilityKind::Clock,
            Self::ValuesetLookup => CapabilityKind::ValuesetLookup,
            Self::KbSearch => CapabilityKind::KbSearch,
            Self::Config(_) => CapabilityKind::Config,
            Self::PhiRaw => CapabilityKind::PhiRaw,
        }
    }
}

impl CapabilityKind {
    /// Every one.
    pub const ALL: [Self; 6] = [
        Self::Log,
        Self::Clock,
        Self::ValuesetLookup,
        Self::KbSearch,
        Self::Config,
        Self::PhiRaw,
    ];

    /// How it is written.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Log => "log",
            Self::Clock => "clock",
            Self::ValuesetLookup => "valueset:lookup",
            Self::KbSearch => "kb:search",
            Self::Config => "config:KEY",
            Self::PhiRaw => "phi:raw",
        }
    }

    /// What a plugin has by it, for the operator who decides.
    #[must_use]
    pub const fn exposes(self) -> &'static str {
        match self {
            Self::Log => "lines of its own in the host's log, redacted and few",
            Self::Clock => "the date and the time, to the millisecond",
            Self::ValuesetLookup => {
                "what a code of a FHIR value set is called; no record of anybody"
            }
            Self::KbSearch => "passages of the knowledge base, as the caller may read them",
            Self::Config => "one key of what the operator wrote for this plugin",
            Self::PhiRaw => "texts as they came, identifiers included",
        }
    }
}

impl FromStr for Capability {
    type Err = CapabilityError;

    fn from_str(text: &str) -> Result<Self, CapabilityError> {
        if let Some(key) = text.strip_prefix(CONFIG) {
            let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.');
            let is_key = !key.is_empty() && key.len() <= KEY_MAX_BYTES && key.bytes().all(plain);
            if is_key {
                return Ok(Self::Config(key.to_owned()));
            }
            return Err(CapabilityError::Key);
        }
        match text {
            "log" => Ok(Self::Log),
            "clock" => Ok(Self::Clock),
            "valueset:lookup" => Ok(Self::ValuesetLookup),
            "kb:search" => Ok(Self::KbSearch),
            "phi:raw" => Ok(Self::PhiRaw),
            _ => Err(CapabilityError::Unknown),
        }
    }
}

impl fmt::Display for Capability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Config(key) => write!(f, "{CONFIG}{key}"),
            other => f.write_str(other.kind().as_str()),
        }
    }
}

impl fmt::Display for CapabilityKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for Capability {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Capability {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_capability_is_read_as_it_is_written() {
        for kind in CapabilityKind::ALL {
            let read: Capability = kind.as_str().parse().unwrap();
            assert_eq!(read.kind(), kind);
            assert_eq!(read.to_string(), kind.as_str());
            let json = serde_json::to_string(&read).unwrap();
            assert_eq!(serde_json::from_str::<Capability>(&json).unwrap(), read);
        }
    }

    #[test]
    fn what_is_no_capability_is_told_what_is() {
        for text in ["", "network", "LOG", " log", "phi", "phi:raw ", "valueset"] {
            assert_eq!(text.parse::<Capability>(), Err(CapabilityError::Unknown));
        }
        let long = format!("config:{}", "k".repeat(65));
        for text in ["config:", "config:a b", "config:ç", &long] {
            assert_eq!(text.parse::<Capability>(), Err(CapabilityError::Key));
        }
    }

    proptest! {
        #[test]
        fn any_text_is_refused_or_written_back_as_it_was(text in ".{0,80}") {
            if let Ok(capability) = text.parse::<Capability>() {
                prop_assert_eq!(capability.to_string(), text);
            }
        }
    }
}
