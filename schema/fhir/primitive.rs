//! The primitive types of R4 and the rule of each, written out instead of regular expressions.
//!
//! A rule says what was expected, in words that fit any value: the value never leaves this file.

use serde_json::Value;
use time::{Date as CalendarDate, Month};

/// Longest string in bytes: FHIR's own limit of 1 MB.
const STRING_MAX_BYTES: usize = 1024 * 1024;

/// Longest `uri`, `code` and `oid` taken, in bytes; FHIR sets none, and these are keys.
const KEY_MAX_BYTES: usize = 2_048;

/// A primitive type. `string` and `markdown` have one rule, and so have `uri`, `url`, `canonical`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Primitive {
    Base64,
    Boolean,
    Code,
    Date,
    DateTime,
    Decimal,
    Id,
    Instant,
    Integer,
    Oid,
    PositiveInt,
    Text,
    Time,
    UnsignedInt,
    Uri,
    Uuid,
    Xhtml,
}

/// Why a value is not of its type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// Another JSON type: what was expected.
    Type(&'static str),
    /// The right JSON type with a content that breaks the rule: what was expected.
    Content(&'static str),
}

/// Checks a JSON value against a primitive type.
pub(super) fn check(primitive: Primitive, value: &Value) -> Result<(), Fault> {
    match primitive {
        Primitive::Boolean if value.is_boolean() => Ok(()),
        Primitive::Boolean => Err(Fault::Type("expected `true` or `false`")),
        Primitive::Decimal if value.is_number() => Ok(()),
        Primitive::Decimal => Err(Fault::Type("expected a JSON number")),
        Primitive::Integer => whole(value, i32::MIN, "expected a whole number of 32 bits"),
        Primitive::UnsignedInt => whole(value, 0, "expected a whole number from 0"),
        Primitive::PositiveInt => whole(value, 1, "expected a whole number from 1"),
        _ => {
            let text = value
                .as_str()
                .ok_or(Fault::Type("expected a JSON string"))?;
            match text_rule(primitive, text) {
                None => Ok(()),
                Some(expected) => Err(Fault::Content(expected)),
            }
        }
    }
}

/// Whether a text is a calendar `date`: `YYYY`, `YYYY-MM` or `YYYY-MM-DD`.
pub(super) fn is_date(text: &str) -> bool {
    let mut parts = text.split('-');
    let year = parts.next().and_then(|part| digits(part, 4));
    let month = parts.next().map(|part| digits(part, 2));
    let day = parts.next().map(|part| digits(part, 2));
    if parts.next().is_some() {
        return false;
    }
    match (year, month, day) {
        (Some(year), None, None) => year > 0,
        (Some(year), Some(Some(month)), None) => year > 0 && (1..=12).contains(&month),
        (Some(year), Some(Some(month)), Some(Some(day))) => {
            year > 0 && on_calendar(year, month, day)
        }
        _ => false,
    }
}

fn whole(value: &Value, least: i32, expected: &'static str) -> Result<(), Fault> {
    if !value.is_number() {
        return Err(Fault::Type(expected));
    }
    match value.as_i64() {
        Some(number) if (i64::from(least)..=i64::from(i32::MAX)).contains(&number) => Ok(()),
        _ => Err(Fault::Content(expected)),
    }
}

/// `None` when the text obeys the rule of its type, else what was expected.
fn text_rule(primitive: Primitive, text: &str) -> Option<&'static str> {
    let (holds, expected) = match primitive {
        Primitive::Date => (
            is_date(text),
            "expected a calendar date as YYYY, YYYY-MM or YYYY-MM-DD",
        ),
        Primitive::DateTime => (
            is_date(text) || is_instant(text),
            "expected a date, or a date and time with a time zone",
        ),
        Primitive::Instant => (
            is_instant(text),
            "expected a date and time to the second with a time zone",
        ),
        Primitive::Time => (is_time(text), "expected a time as hh:mm:ss"),
        Primitive::Code => (
            is_code(text),
            "expected a code without outer or doubled spaces",
        ),
        Primitive::Id => (
            crate::id::ResourceId::parse(text).is_ok(),
            "expected 1 to 64 characters of A-Z, a-z, 0-9, `-` and `.`",
        ),
        Primitive::Uri => (is_uri(text), "expected a URI without spaces"),
        Primitive::Oid => (is_oid(text), "expected an OID as `urn:oid:1.2.3`"),
        Primitive::Uuid => (
            is_uuid(text),
            "expected a UUID as `urn:uuid:` in lower case",
        ),
        Primitive::Base64 => (is_base64(text), "expected base64"),
        Primitive::Xhtml => (
            is_xhtml(text),
            "expected one `<div>` of XHTML without active content",
        ),
        _ => (
            is_string(text),
            "expected text without control characters, not blank",
        ),
    };
    (!holds).then_some(expected)
}

fn is_string(text: &str) -> bool {
    text.len() <= STRING_MAX_BYTES
        && text.chars().any(|c| !c.is_whitespace())
        && text
            .chars()
            .all(|c| c >= ' ' || matches!(c, '\t' | '\r' | '\n'))
}

fn is_code(text: &str) -> bool {
    let single = |c: char| c == ' ' || (!c.is_whitespace() && !c.is_control());
    !text.is_empty()
        && text.len() <= KEY_MAX_BYTES
        && text.chars().all(single)
        && text.split(' ').all(|word| !word.is_empty())
}

fn is_uri(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= KEY_MAX_BYTES
        && text.chars().all(|c| !c.is_whitespace() && !c.is_control())
}

fn is_oid(text: &str) -> bool {
    let Some(dotted) = text.strip_prefix("urn:oid:") else {
        return false;
    };
    let arc = |arc: &str| {
        !arc.is_empty()
            && arc.bytes().all(|b| b.is_ascii_digit())
            && (arc == "0" || !arc.starts_with('0'))
    };
    let root = dotted.split('.').next().unwrap_or_default();
    text.len() <= KEY_MAX_BYTES
        && matches!(root, "0" | "1" | "2")
        && dotted.contains('.')
        && dotted.split('.').all(arc)
}

fn is_uuid(text: &str) -> bool {
    let Some(uuid) = text.strip_prefix("urn:uuid:") else {
        return false;
    };
    let groups: Vec<&str> = uuid.split('-').collect();
    let hex = |group: &&str| {
        group
            .bytes()
            .all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
    };
    groups.iter().map(|group| group.len()).eq([8, 4, 4, 4, 12]) && groups.iter().all(hex)
}

fn is_base64(text: &str) -> bool {
    let body: Vec<u8> = text.bytes().filter(|b| !b.is_ascii_whitespace()).collect();
    let padding = body.iter().rev().take_while(|b| **b == b'=').count();
    let plain = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/');
    !body.is_empty()
        && body.len().is_multiple_of(4)
        && padding <= 2
        && body.iter().take(body.len() - padding).all(plain)
}

/// The shape of a narrative (`txt-1`): not a sanitiser, whoever shows it must be one.
fn is_xhtml(text: &str) -> bool {
    let trimmed = text.trim();
    let lower = trimmed.to_ascii_lowercase();
    let active = [
        "<script",
        "<iframe",
        "<object",
        "<embed",
        "<form",
        "<base",
        "<link",
        "javascript:",
    ];
    text.len() <= STRING_MAX_BYTES
        && trimmed.starts_with("<div")
        && trimmed.ends_with("</div>")
        && !active.iter().any(|tag| lower.contains(tag))
}

fn is_time(text: &str) -> bool {
    let (clock, fraction) = match text.split_once('.') {
        Some((clock, fraction)) => (clock, Some(fraction)),
        None => (text, None),
    };
    let parts: Vec<Option<u16>> = clock.split(':').map(|part| digits(part, 2)).collect();
    // 60 is the leap second.
    let ranges = matches!(
        parts.as_slice(),
        [Some(hour), Some(minute), Some(second)] if *hour < 24 && *minute < 60 && *second <= 60
    );
    let decimals = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    ranges && fraction.is_none_or(decimals)
}

fn is_instant(text: &str) -> bool {
    let Some((date, rest)) = text.split_once('T') else {
        return false;
    };
    let Some(zone_at) = rest.find(['Z', '+', '-']) else {
        return false;
    };
    let (clock, zone) = rest.split_at(zone_at);
    date.len() == 10 && is_date(date) && is_time(clock) && is_zone(zone)
}

fn is_zone(zone: &str) -> bool {
    if zone == "Z" {
        return true;
    }
    let parts: Vec<Option<u16>> = zone
        .get(1..)
        .unwrap_or_default()
        .split(':')
        .map(|part| digits(part, 2))
        .collect();
    match parts.as_slice() {
        [Some(hours), Some(minutes)] => {
            (*hours < 14 && *minutes < 60) || (*hours == 14 && *minutes == 0)
        }
        _ => false,
    }
}

fn on_calendar(year: u16, month: u16, day: u16) -> bool {
    let month = u8::try_from(month)
        .ok()
        .and_then(|month| Month::try_from(month).ok());
    match (month, u8::try_from(day)) {
        (Some(month), Ok(day)) => {
            CalendarDate::from_calendar_date(i32::from(year), month, day).is_ok()
        }
        _ => false,
    }
}

/// Exactly `count` ASCII digits as a number.
fn digits(text: &str, count: usize) -> Option<u16> {
    let plain = text.len() == count && text.bytes().all(|b| b.is_ascii_digit());
    if plain { text.parse().ok() } else { None }
}
