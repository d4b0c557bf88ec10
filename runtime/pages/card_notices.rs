//! What goes with an emergency card that is not read from the records as usual.

use super::words::Words;
use plantao_schema::locale::Locale;

/// The sentences, in one language.
#[derive(Clone, Copy, Debug)]
pub struct CardNotices {
    /// The audit trail is away.
    pub spooled: &'static str,
    /// The records are away.
    pub from_memory: &'static str,
    /// A change is known that is not on the card.
    pub behind: &'static str,
    /// Something may be missing.
    pub incomplete: &'static str,
}

/// The sentences of a language.
#[must_use]
pub fn card_notices(locale: Locale) -> CardNotices {
    let words = Words::of(locale);
    CardNotices {
        spooled: words.card_spooled,
        from_memory: words.card_from_memory,
        behind: words.card_behind,
        incomplete: words.card_incomplete,
    }
}
