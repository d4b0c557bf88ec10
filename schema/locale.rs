//! The languages people read this product in, and how a browser's wish becomes one of them.

use std::fmt;

/// A language of the user interface.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Locale {
    /// Portuguese of Brazil: where the product is used, and the answer when nothing else is known.
    #[default]
    PtBr,
    /// English.
    En,
}

impl Locale {
    /// Every language.
    pub const ALL: &'static [Self] = &[Self::PtBr, Self::En];

    /// Its tag of BCP 47, as in `lang` attributes and addresses.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::PtBr => "pt-BR",
            Self::En => "en",
        }
    }

    /// Reads a tag as [`Locale::as_str`] writes it.
    #[must_use]
    pub fn parse(tag: &str) -> Option<Self> {
        Self::ALL.iter().find(|one| one.as_str() == tag).copied()
    }

    /// The best language for an `Accept-Language` header (RFC 9110, section 12.5.4): the wish of
    /// the highest weight that is spoken here, the first of equals; any variety of a language is
    /// served by ours. Without one, Portuguese.
    #[must_use]
    pub fn negotiate(accept_language: &str) -> Self {
        let mut best = None;
        for range in accept_language.split(',').take(MAX_RANGES) {
            let mut parts = range.split(';').map(str::trim);
            let locale = parts.next().and_then(spoken);
            let weight = parts.find_map(|part| part.strip_prefix("q=").map(weight));
            let weight = weight.unwrap_or(1_000);
            let better = best.is_none_or(|(_, other)| weight > other);
            if let Some(locale) = locale.filter(|_| weight > 0 && better) {
                best = Some((locale, weight));
            }
        }
        best.map_or_else(Self::default, |(locale, _)| locale)
    }
}

impl fmt::Display for Locale {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Ranges of one header that are looked at; browsers send fewer than ten.
const MAX_RANGES: usize = 32;

fn spoken(range: &str) -> Option<Locale> {
    let primary = range.split('-').next().unwrap_or_default();
    if primary.eq_ignore_ascii_case("pt") || range == "*" {
        Some(Locale::PtBr)
    } else if primary.eq_ignore_ascii_case("en") {
        Some(Locale::En)
    } else {
        None
    }
}

/// A weight in thousandths; what is no weight counts as none.
fn weight(text: &str) -> u16 {
    let value: f32 = text.trim().parse().unwrap_or(0.0);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "clamped to 0-1000 first; a NaN becomes 0"
    )]
    let thousandths = (value * 1_000.0).clamp(0.0, 1_000.0) as u16;
    thousandths
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_highest_weight_that_is_spoken_wins_and_portuguese_is_the_default() {
        for (header, expected) in [
            ("", Locale::PtBr),
            ("de-DE,fr;q=0.9", Locale::PtBr),
            ("pt-BR,pt;q=0.9,en;q=0.8", Locale::PtBr),
            ("pt-PT", Locale::PtBr),
            ("en-US,en;q=0.9", Locale::En),
            ("EN-gb", Locale::En),
            ("fr, en;q=0.7, pt;q=0.3", Locale::En),
            ("en;q=0.3, pt;q=0.7", Locale::PtBr),
            ("en ; q=0.5 , *;q=0.1", Locale::En),
            ("en;q=0", Locale::PtBr),
            ("en;q=rubbish", Locale::PtBr),
            ("en;q=NaN", Locale::PtBr),
            ("entirely, english", Locale::PtBr),
        ] {
            assert_eq!(Locale::negotiate(header), expected, "{header:?}");
        }
    }

    #[test]
    fn a_tag_is_read_as_it_is_written() {
        for locale in Locale::ALL {
            assert_eq!(Locale::parse(locale.as_str()), Some(*locale));
        }
        assert_eq!(Locale::parse("pt-br"), None);
    }
}
