//! The data guard: what text a guest may be shown.
//!
//! Owns [`GuestInput`], the only thing a guest is given, and refuses to make one from a text that
//! was not redacted unless the plugin holds `phi:raw`. PHI: purpose and legal basis are the
//! caller's permit; retention is the call; access is the one guest; nothing is stored here.

use std::collections::BTreeSet;

use plantao_schema::phi::{self, Redacted};
use plantao_schema::plugin::Capability;

/// Proof that a plugin holds [`Capability::PhiRaw`].
#[derive(Clone, Copy)]
pub(super) struct RawAllowed(());

impl RawAllowed {
    pub(super) fn of(grants: &BTreeSet<Capability>) -> Option<Self> {
        grants.contains(&Capability::PhiRaw).then_some(Self(()))
    }
}

/// Text on its way into a guest.
pub(super) enum GuestInput {
    /// Identifiers are replaced.
    Redacted(Redacted),
    /// As it came, for a plugin whose work is to find identifiers.
    Raw(String, RawAllowed),
}

impl GuestInput {
    /// Redacts the text unless the proof is there. Costs what a scan of the text costs.
    pub(super) fn prepare(text: String, raw: Option<RawAllowed>) -> Self {
        match raw {
            Some(proof) => Self::Raw(text, proof),
            None => Self::Redacted(phi::redact(&text)),
        }
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Redacted(text) => text.as_str().as_bytes(),
            Self::Raw(text, _) => text.as_bytes(),
        }
    }

    /// Whether the text went through redaction.
    pub(super) fn is_redacted(&self) -> bool {
        matches!(self, Self::Redacted(_))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "O paciente de CPF 529.982.247-25 recebeu alta.";

    #[test]
    fn without_the_grant_the_text_is_redacted() {
        let input = GuestInput::prepare(TEXT.to_owned(), RawAllowed::of(&BTreeSet::new()));
        assert!(input.is_redacted());
        let shown = str::from_utf8(input.as_bytes()).unwrap();
        assert!(
            !shown.contains("529.982.247-25") && shown.contains("recebeu alta"),
            "{shown}"
        );
    }

    #[test]
    fn with_the_grant_the_text_is_as_it_came() {
        let grants = BTreeSet::from([Capability::PhiRaw]);
        let input = GuestInput::prepare(TEXT.to_owned(), RawAllowed::of(&grants));
        assert!(!input.is_redacted());
        assert_eq!(input.as_bytes(), TEXT.as_bytes());
    }
}
