//! Dates of birth.
//!
//! Owns the formats a date is written in and the calendar that makes it one. Refuses a date with
//! no word for birth beside it: an admission, an exam or a publication is not a birth, and one
//! word explains one date.

use super::finding::{Category, Finding, Rule};
use super::numbers::finding;
use super::token::{Gap, Kind, Tokens};
use super::words::{self, Traits};

/// How far after its word a date may stand, in tokens: "nascido em São Paulo no dia …".
const AFTER_LABEL: usize = 12;
/// How far before its word: "12/03/1980 (nascimento)".
const BEFORE_LABEL: usize = 4;
/// Nobody alive was born before; later is another kind of number.
const YEARS: std::ops::RangeInclusive<u32> = 1890..=2099;

/// Which words for birth have their date already.
#[derive(Debug, Default)]
pub(super) struct Births {
    label: Option<usize>,
}

impl Births {
    /// Takes note of a word for birth.
    pub(super) fn note(&mut self, tokens: &Tokens<'_>, at: usize) {
        if tokens.traits(at).any(Traits::BIRTH) {
            self.label = Some(at);
        }
    }

    /// Proposes the date of birth that begins at a token.
    pub(super) fn propose(&mut self, tokens: &Tokens<'_>, at: usize) -> Option<Finding> {
        tokens.digits(at)?;
        if tokens.glued_left(at) {
            return None;
        }
        let end = written_date(tokens, at)?;
        self.explained(tokens, at, end)
    }

    /// Proposes the English date of birth whose month stands at a token: `March 12, 1980`.
    pub(super) fn propose_month_first(
        &mut self,
        tokens: &Tokens<'_>,
        at: usize,
    ) -> Option<Finding> {
        let Kind::Word { folded, .. } = tokens.at(at)?.kind else {
            return None;
        };
        let day = tokens.digits(at + 1).filter(|day| day.len() <= 2)?;
        let year = at + 2 + usize::from(tokens.is_symbol(at + 2, b','));
        let spaced = tokens.gap(at + 1) == Gap::Space && tokens.gap(year) == Gap::Space;
        let written = is_date(
            tokens.digits(year)?,
            words::month(folded)?,
            day.parse().ok()?,
        );
        let free = !tokens.glued_right(year + 1) && tokens.digits(at.wrapping_sub(1)).is_none();
        if !spaced || !written || !free {
            return None;
        }
        self.explained(tokens, at, year + 1)
    }

    /// Gives a date the word that explains it.
    fn explained(&mut self, tokens: &Tokens<'_>, at: usize, end: usize) -> Option<Finding> {
        let reached = |label: usize| {
            at - label <= AFTER_LABEL
                && (label + 1..=at).all(|between| tokens.gap(between) != Gap::Paragraph)
        };
        let label = self.label.take();
        let confidence = if label.is_some_and(reached) {
            95
        } else {
            let follows = (end..end + BEFORE_LABEL)
                .take_while(|next| {
                    tokens.gap(*next) <= Gap::Space && tokens.digits(*next).is_none()
                })
                .any(|next| tokens.traits(next).any(Traits::BIRTH));
            follows.then_some(80)?
        };
        finding(
            tokens,
            at,
            end,
            Category::BirthDate,
            confidence,
            Rule::BirthDateBesideLabel,
        )
    }
}

/// Where the date that begins at a token ends, if one does.
pub(super) fn written_date(tokens: &Tokens<'_>, at: usize) -> Option<usize> {
    let first = tokens.digits(at)?;
    let end = match first.len() {
        1 | 2 => day_first(tokens, at)?,
        4 => year_first(tokens, at)?,
        8 => {
            let day = first.get(..2)?.parse().ok()?;
            let month = first.get(2..4)?.parse().ok()?;
            is_date(first.get(4..)?, month, day).then_some(at + 1)?
        }
        _ => return None,
    };
    (!tokens.glued_right(end)).then_some(end)
}

/// `12/03/1980`, `12-mar-80`, `12 de março de 1980`, `1º de janeiro de 1990`.
fn day_first(tokens: &Tokens<'_>, at: usize) -> Option<usize> {
    let day = tokens.digits(at)?.parse().ok()?;
    let mut next = at + 1;
    if let Some(Kind::Word { folded, .. }) = tokens.at(next).map(|token| token.kind)
        && folded == words::pack(0, b'o')
        && tokens.gap(next) == Gap::Glued
    {
        next += 1;
    }
    next = after_joint(tokens, next)?;
    let month = match tokens.digits(next) {
        Some(digits) if digits.len() <= 2 => digits.parse().ok()?,
        Some(_) => return None,
        None => match tokens.at(next)?.kind {
            Kind::Word { folded, traits, .. } if traits.any(Traits::MONTH) => words::month(folded)?,
            _ => return None,
        },
    };
    next = after_joint(tokens, next + 1)?;
    is_date(tokens.digits(next)?, month, day).then_some(next + 1)
}

/// `1980-03-12`.
fn year_first(tokens: &Tokens<'_>, at: usize) -> Option<usize> {
    let part = |at: usize| {
        tokens
            .digits(at)
            .filter(|digits| digits.len() <= 2)?
            .parse()
            .ok()
    };
    let month_at = after_joint(tokens, at + 1)?;
    let day_at = after_joint(tokens, month_at + 1)?;
    is_date(tokens.digits(at)?, part(month_at)?, part(day_at)?).then_some(day_at + 1)
}

/// Steps over what joins day, month and year: a separator, a space, `de`.
fn after_joint(tokens: &Tokens<'_>, at: usize) -> Option<usize> {
    if tokens.gap(at) > Gap::Line {
        return None;
    }
    let separator = matches!(tokens.symbol(at), Some(b'/' | b'-' | b'.'))
        || tokens.traits(at).any(Traits::CONNECTOR);
    let next = at + usize::from(separator);
    (tokens.gap(next) <= Gap::Line).then_some(next)
}

/// Whether the year (two digits or four), month and day are a day of the calendar.
fn is_date(year: &str, month: u32, day: u32) -> bool {
    let Ok(number) = year.parse::<u32>() else {
        return false;
    };
    match year.len() {
        // The century is not told, so either may make the leap day valid.
        2 => day_exists(1900 + number, month, day) || day_exists(2000 + number, month, day),
        4 => YEARS.contains(&number) && day_exists(number, month, day),
        _ => false,
    }
}

fn day_exists(year: u32, month: u32, day: u32) -> bool {
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let days = match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return false,
    };
    (1..=days).contains(&day)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(text: &str) -> Vec<&str> {
        let tokens = Tokens::of(text);
        let mut births = Births::default();
        let mut found = Vec::new();
        for at in 0..tokens.len() {
            births.note(&tokens, at);
            found.extend(births.propose(&tokens, at));
            found.extend(births.propose_month_first(&tokens, at));
        }
        found
            .iter()
            .map(|date| &text[date.start..date.end])
            .collect()
    }

    #[test]
    fn a_date_of_birth_is_found_in_every_format() {
        for date in [
            "12/03/1980",
            "12-03-80",
            "12.03.1980",
            "1980-03-12",
            "12 de março de 1980",
            "1º de janeiro de 1990",
            "12/mar/1980",
            "3 Dez 1975",
            "29/02/2000",
            "12031980",
        ] {
            assert_eq!(all(&format!("Data de nascimento: {date}.")), [date]);
        }
        for date in [
            "March 12, 1980",
            "12 March 1980",
            "Feb 2 1991",
            "1980-03-12",
        ] {
            assert_eq!(all(&format!("Date of birth: {date}.")), [date]);
        }
        assert_eq!(all("12/03/1980 (data de nascimento)"), ["12/03/1980"]);
        assert_eq!(all("D.N. 12/03/1980"), ["12/03/1980"]);
    }

    #[test]
    fn days_that_are_not_in_the_calendar_are_no_dates() {
        for date in [
            "31/04/1980",
            "29/02/1900",
            "00/01/1980",
            "12/13/1980",
            "12/03/1780",
        ] {
            assert!(all(&format!("nascido em {date}")).is_empty(), "{date}");
        }
    }

    #[test]
    fn one_word_explains_one_date() {
        assert_eq!(
            all("nascida em 12/03/1980, internada em 05/04/2024"),
            ["12/03/1980"],
            "the admission is not a birth"
        );
        assert!(all("internada em 05/04/2024").is_empty());
        assert!(all("nascimento\n\npublicado em 05/04/2024").is_empty());
    }
}
