//! Brazilian telephone numbers.
//!
//! Owns the area codes and the shapes a number is written in. Refuses service numbers (0800, 192)
//! and ranges of years, which are nobody's telephone. Numbers of other countries are not found.

use super::finding::{Category, Finding, Rule};
use super::numbers::{after_separator, finding};
use super::token::{Gap, Tokens};
use super::words::Traits;

/// How far before a number its context word may stand, in tokens.
const LABEL_REACH: usize = 6;

/// Proposes the telephone number that begins at a token, if one does.
pub(super) fn propose(tokens: &Tokens<'_>, at: usize) -> Option<Finding> {
    let digits = tokens.digits(at);
    if digits.is_none() && !tokens.is_symbol(at, b'(') && !tokens.is_symbol(at, b'+') {
        return None;
    }
    if tokens.gap(at) == Gap::Glued && (tokens.glued_left(at) || continues_a_number(tokens, at)) {
        return None;
    }
    let labelled = tokens.before(at, LABEL_REACH, Traits::PHONE).is_some();
    // `Pedido nº 98765-4321`: a number of something else.
    if !labelled && tokens.traits(at.wrapping_sub(1)).any(Traits::NUMBER) {
        return None;
    }
    let prefix = Prefix::read(tokens, at);
    let (local, rule, confidence) = match prefix.area {
        true => with_area(tokens, &prefix, labelled)?,
        false => {
            // `+5511987654321`: the sign belongs to the digits it touches.
            let plus = tokens.is_symbol(at, b'+') && tokens.gap(at + 1) == Gap::Glued;
            without_area(tokens, at + usize::from(plus), labelled)?
        }
    };
    if tokens.glued_right(local.end) {
        return None;
    }
    finding(tokens, at, local.end, Category::Phone, confidence, rule)
}

/// Whether the token is a later part of a longer number, such as a protocol's.
fn continues_a_number(tokens: &Tokens<'_>, at: usize) -> bool {
    let separator = at.wrapping_sub(1);
    matches!(tokens.symbol(separator), Some(b'.' | b'-' | b'/' | b','))
        && tokens.gap(separator) == Gap::Glued
        && tokens.digits(separator.wrapping_sub(1)).is_some()
}

/// Country and area code.
struct Prefix {
    next: usize,
    /// An area code was read, or a valid one begins the run of digits at `next`.
    area: bool,
    /// Written as only telephone numbers are: `+55` or parentheses.
    telling: bool,
}

impl Prefix {
    fn read(tokens: &Tokens<'_>, at: usize) -> Self {
        let mut next = at;
        let mut telling = false;
        if tokens.is_symbol(next, b'+') && tokens.digits(next + 1) == Some("55") {
            next = after_separator(tokens, next + 2).unwrap_or(next + 2);
            telling = true;
        } else if tokens.digits(next) == Some("55") && tokens.is_symbol(next + 1, b'(') {
            next += 1;
        }
        let none = Self {
            next: at,
            area: false,
            telling: false,
        };
        if tokens.is_symbol(next, b'(') {
            let area = tokens.digits(next + 1).is_some_and(is_area);
            return if area && tokens.is_symbol(next + 2, b')') {
                Self {
                    next: next + 3,
                    area: true,
                    telling: true,
                }
            } else {
                none
            };
        }
        match tokens.digits(next) {
            Some(digits) if is_area(digits) => match after_separator(tokens, next + 1) {
                Some(after) => Self {
                    next: after,
                    area: true,
                    telling,
                },
                None => none,
            },
            Some(_) if telling => Self {
                next,
                area: true,
                telling,
            },
            _ => none,
        }
    }
}

/// The number within its area.
struct Local {
    end: usize,
    mobile: bool,
    /// Its two halves stand apart by a hyphen.
    hyphen: bool,
    /// Both halves could be years.
    years: bool,
}

impl Local {
    fn read(tokens: &Tokens<'_>, at: usize) -> Option<Self> {
        // `9 8765-4321`
        let (at, lone_nine) = match tokens.digits(at)? {
            "9" => (after_separator(tokens, at + 1)?, true),
            _ => (at, false),
        };
        let first = tokens.digits(at)?;
        let leading = first.bytes().next()?;
        let (whole, half) = match first.len() {
            9 if leading == b'9' => (true, false),
            8 if leading != b'0' && leading != b'1' => (true, false),
            5 if leading == b'9' => (false, true),
            4 if leading != b'0' && (leading != b'1' || lone_nine) => (false, true),
            _ => return None,
        };
        let mobile = first.len() % 4 == 1 || lone_nine;
        if whole {
            return Some(Self {
                end: at + 1,
                mobile,
                hyphen: false,
                years: false,
            });
        }
        let second_at = after_separator(tokens, at + 1).filter(|_| half)?;
        let second = tokens
            .digits(second_at)
            .filter(|second| second.len() == 4)?;
        let year = |text: &str| text.starts_with("19") || text.starts_with("20");
        Some(Self {
            end: second_at + 1,
            mobile,
            hyphen: tokens.is_symbol(at + 1, b'-'),
            years: year(first) && year(second),
        })
    }
}

fn with_area(tokens: &Tokens<'_>, prefix: &Prefix, labelled: bool) -> Option<(Local, Rule, u8)> {
    let local = match Local::read(tokens, prefix.next) {
        Some(local) => local,
        // `+5511987654321` and `+55 11987654321`
        None => whole_with_area(tokens.digits(prefix.next)?, prefix.next)?,
    };
    if local.years && !prefix.telling && !labelled {
        return None;
    }
    let confidence = match (prefix.telling, labelled, local.hyphen, local.mobile) {
        (true, _, _, _) => 95,
        (_, true, _, _) => 93,
        (_, _, true, _) => 85,
        (_, _, _, true) => 65,
        _ => return None,
    };
    let rule = if confidence == 65 {
        Rule::PhoneByShape
    } else {
        Rule::PhoneWithAreaCode
    };
    Some((local, rule, confidence))
}

fn without_area(tokens: &Tokens<'_>, at: usize, labelled: bool) -> Option<(Local, Rule, u8)> {
    let digits = tokens.digits(at)?;
    if let Some(national) = digits.strip_prefix("55").filter(|rest| rest.len() >= 10) {
        let local = whole_with_area(national, at)?;
        return match (labelled, local.mobile) {
            (true, _) => Some((local, Rule::PhoneAfterLabel, 93)),
            (false, true) => Some((local, Rule::PhoneByShape, 70)),
            (false, false) => None,
        };
    }
    if let Some(local) = whole_with_area(digits, at) {
        return match (labelled, local.mobile) {
            (true, _) => Some((local, Rule::PhoneAfterLabel, 90)),
            (false, true) => Some((local, Rule::PhoneByShape, 55)),
            (false, false) => None,
        };
    }
    let local = Local::read(tokens, at)?;
    match (labelled, local.mobile && local.hyphen) {
        (true, _) if !local.years => Some((local, Rule::PhoneAfterLabel, 80)),
        (false, true) => Some((local, Rule::PhoneByShape, 60)),
        _ => None,
    }
}

/// A run of digits that is area code and number in one.
fn whole_with_area(digits: &str, at: usize) -> Option<Local> {
    let digits = digits.strip_prefix('0').unwrap_or(digits);
    let (area, number) = digits
        .split_at_checked(2)
        .filter(|(area, _)| is_area(area))?;
    let leading = number.bytes().next()?;
    let mobile = number.len() == 9 && leading == b'9';
    let fixed = number.len() == 8 && matches!(leading, b'2'..=b'5');
    (mobile || fixed && area.len() == 2).then_some(Local {
        end: at + 1,
        mobile,
        hyphen: false,
        years: false,
    })
}

/// The area codes in use, with or without the trunk zero.
fn is_area(digits: &str) -> bool {
    let digits = match digits.len() {
        2 => digits,
        3 => digits.strip_prefix('0').unwrap_or_default(),
        _ => return false,
    };
    matches!(
        digits.as_bytes(),
        [b'1', b'1'..=b'9']
            | [b'2', b'1' | b'2' | b'4' | b'7' | b'8']
            | [b'3', b'1'..=b'5' | b'7' | b'8']
            | [b'4', b'1'..=b'9']
            | [b'5', b'1' | b'3'..=b'5']
            | [b'6', b'1'..=b'9']
            | [b'7', b'1' | b'3'..=b'5' | b'7' | b'9']
            | [b'8', b'1'..=b'9']
            | [b'9', b'1'..=b'9']
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first(text: &str) -> Option<&str> {
        let tokens = Tokens::of(text);
        let found = (0..tokens.len()).find_map(|at| propose(&tokens, at))?;
        text.get(found.start..found.end)
    }

    #[test]
    fn telephone_numbers_are_found_however_they_are_written() {
        for text in [
            "(11) 98765-4321",
            "+55 11 98765-4321",
            "+55 (21) 3232-4321",
            "+5511987654321",
            "(011) 98765 4321",
            "11 98765-4321",
            "11 9 8765-4321",
            "(85) 3232.4321",
            "98765-4321",
        ] {
            assert_eq!(first(text), Some(text));
            assert_eq!(first(&format!("ligou de {text}, ontem")), Some(text));
        }
    }

    #[test]
    fn a_word_makes_plain_digits_a_telephone_number() {
        assert_eq!(first("tel.: 3232-4321"), Some("3232-4321"));
        assert_eq!(first("celular 11987654321"), Some("11987654321"));
        assert_eq!(first("contato: 1132324321"), Some("1132324321"));
        assert_eq!(first("protocolo 3232-4321"), None);
        assert_eq!(first("amostra 1132324321"), None);
    }

    #[test]
    fn what_only_looks_like_one_is_left_alone() {
        for text in [
            "0800 722 6001",
            "no período 2019-2021",
            "11 2019-2021",
            "(20) 3232-4321",
            "CEP 01310-100",
            "pedido nº 98765-4321",
            "ligue 192",
            "1.11.98765-4321",
            "doi 10.1590/1413-81232020",
        ] {
            assert_eq!(first(text), None, "{text}");
        }
    }

    #[test]
    fn sixty_seven_area_codes_are_in_use() {
        assert_eq!(
            (0..100)
                .filter(|code| is_area(&format!("{code:02}")))
                .count(),
            67
        );
        assert!(is_area("011") && !is_area("111"));
    }
}
