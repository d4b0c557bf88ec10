//! Why a viewer's connection ended: a closed list, each with its WebSocket close code.
//!
//! Codes of RFC 6455, section 7.4.1, where one says what happened; from 4000 on our own, which the
//! page's script acts on. The text sent along is the reason's name: it is for machines, names
//! nobody, and is the same in logs and metrics.

use std::fmt;

/// How a viewer's connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CloseReason {
    /// The viewer said goodbye.
    Goodbye,
    /// This node stops, or its viewers do: come back, after a moment drawn by chance.
    Draining,
    /// Nothing was heard for so long that nobody is there.
    Idle,
    /// Bytes that are no WebSocket frame.
    Malformed,
    /// A message with data: viewers have nothing to say.
    DataRefused,
    /// A text that is not UTF-8.
    NotUtf8,
    /// More control frames than any browser sends.
    Flood,
    /// A frame or message beyond the limit.
    TooBig,
    /// The page behind the view did not come back in time.
    TopicLost,
    /// There is no policy to decide by, and none came back in time.
    PolicyUnavailable,
    /// The credential's time is over.
    CredentialExpired,
    /// The session was ended before its time.
    SessionRevoked,
    /// A stronger authentication is needed to go on.
    StepUp,
    /// The patient has withdrawn consent.
    ConsentRevoked,
    /// The policy says no, for another reason.
    Denied,
    /// What the viewer may see is no longer what this view shows: load it anew.
    Resync,
    /// The page was made by another version of the product: load it anew.
    Version,
    /// The viewer did not take what was sent to it.
    Stalled,
    /// The connection broke without a goodbye.
    Disconnected,
    /// The connection never became a WebSocket.
    NeverOpened,
    /// The viewer's actor was killed, or fell.
    Killed,
}

/// The system ends the connection; the viewer comes back by itself (RFC 6455).
const GOING_AWAY: u16 = 1001;
/// The viewer may come back later (IANA's WebSocket Close Code Number Registry).
const TRY_AGAIN_LATER: u16 = 1013;
/// Ours: the credential no longer opens this.
const CREDENTIAL: u16 = 4001;
/// Ours: the view is closed and its values have to go.
const VIEW_CLOSED: u16 = 4003;
/// Ours: ask for the whole tree, from the document on.
const RESYNC: u16 = 4009;
/// Ours: another version of the page is served now.
const VERSION: u16 = 4010;

impl CloseReason {
    /// Every reason, in the order of its counter.
    pub const ALL: &'static [Self] = &[
        Self::Goodbye,
        Self::Draining,
        Self::Idle,
        Self::Malformed,
        Self::DataRefused,
        Self::NotUtf8,
        Self::Flood,
        Self::TooBig,
        Self::TopicLost,
        Self::PolicyUnavailable,
        Self::CredentialExpired,
        Self::SessionRevoked,
        Self::StepUp,
        Self::ConsentRevoked,
        Self::Denied,
        Self::Resync,
        Self::Version,
        Self::Stalled,
        Self::Disconnected,
        Self::NeverOpened,
        Self::Killed,
    ];

    /// How many reasons there are.
    pub const COUNT: usize = Self::ALL.len();

    /// Its name for machines, as sent with the close frame.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Goodbye => "goodbye",
            Self::Draining => "draining",
            Self::Idle => "idle",
            Self::Malformed => "malformed",
            Self::DataRefused => "data_refused",
            Self::NotUtf8 => "not_utf8",
            Self::Flood => "flood",
            Self::TooBig => "too_big",
            Self::TopicLost => "topic_lost",
            Self::PolicyUnavailable => "policy_unavailable",
            Self::CredentialExpired => "credential_expired",
            Self::SessionRevoked => "session_revoked",
            Self::StepUp => "step_up",
            Self::ConsentRevoked => "consent_revoked",
            Self::Denied => "denied",
            Self::Resync => "resync",
            Self::Version => "version",
            Self::Stalled => "stalled",
            Self::Disconnected => "disconnected",
            Self::NeverOpened => "never_opened",
            Self::Killed => "killed",
        }
    }

    /// The code of the close frame; nothing where none is sent, which a browser reads as 1006.
    /// A goodbye is answered with its own code.
    #[must_use]
    pub const fn code(self) -> Option<u16> {
        match self {
            Self::Draining | Self::Idle => Some(GOING_AWAY),
            Self::Malformed => Some(1002),
            Self::DataRefused => Some(1003),
            Self::NotUtf8 => Some(1007),
            Self::Flood => Some(1008),
            Self::TooBig => Some(1009),
            Self::TopicLost | Self::PolicyUnavailable => Some(TRY_AGAIN_LATER),
            Self::CredentialExpired | Self::SessionRevoked | Self::StepUp => Some(CREDENTIAL),
            Self::ConsentRevoked | Self::Denied => Some(VIEW_CLOSED),
            Self::Resync => Some(RESYNC),
            Self::Version => Some(VERSION),
            Self::Goodbye
            | Self::Stalled
            | Self::Disconnected
            | Self::NeverOpened
            | Self::Killed => None,
        }
    }

    /// Whether the policy ended the view.
    #[must_use]
    pub const fn is_refusal(self) -> bool {
        matches!(self.code(), Some(CREDENTIAL | VIEW_CLOSED))
    }
}

impl fmt::Display for CloseReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_reason_has_a_name_and_a_place_of_its_own() {
        let names: BTreeSet<&str> = CloseReason::ALL.iter().map(|one| one.as_str()).collect();
        assert_eq!(names.len(), CloseReason::COUNT);
        for (place, reason) in CloseReason::ALL.iter().enumerate() {
            assert_eq!(*reason as usize, place, "{reason}");
        }
    }

    #[test]
    fn codes_that_must_not_be_sent_are_not() {
        // RFC 6455, section 7.4.1: 1004, 1005, 1006 and 1015 stand for no frame.
        for code in CloseReason::ALL.iter().filter_map(|reason| reason.code()) {
            assert!(!matches!(code, 1004..=1006 | 1015), "{code}");
            assert!((1000..=1014).contains(&code) || (4000..5000).contains(&code));
        }
    }
}
