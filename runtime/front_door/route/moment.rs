//! Moments as people and programs write them into an address.
//!
//! A day without a time is the institution's own, by the offset that the policy's duty hours name:
//! whoever asks for what happened on the 27th means the 27th of the ward.

use plantao_schema::time::Timestamp;
use time::{Date, Month};

/// A moment, or a local one that has yet to be told where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::front_door) struct Moment {
    at: Timestamp,
    is_local: bool,
}

/// What a text that is no moment is answered.
pub(super) const EXPECTED: &str =
    "expected a day such as `2026-01-31`, or a date-time of RFC 3339 with its offset";

impl Moment {
    /// Reads `2026-01-31`, the beginning of that day, or RFC 3339.
    pub(super) fn parse(text: &str) -> Option<Self> {
        match Self::interval(text)? {
            (moment, _) if moment.is_local && text.len() != 10 => None,
            (moment, _) => Some(moment),
        }
    }

    /// What a FHIR date means: from a moment until before another (R4, 3.1.1.4.9). A year, a month,
    /// a day, a minute, a second or what is finer.
    pub(super) fn interval(text: &str) -> Option<(Self, Self)> {
        // A plus sign that was not escaped has become a space.
        let text = text.replace(' ', "+");
        if !text.contains('T') {
            let (first, after) = calendar(&text)?;
            return Some((Self::local(first), Self::local(after)));
        }
        let (date, time) = text.split_once('T')?;
        let zone = time.find(['Z', '+', '-'])?;
        let (time, zone) = time.split_at_checked(zone)?;
        let (whole, length_us) = match time.len() {
            5 => (format!("{time}:00"), 60_000_000),
            8 => (time.to_owned(), 1_000_000),
            _ => (time.to_owned(), 1),
        };
        let at = Timestamp::parse(&format!("{date}T{whole}{zone}")).ok()?;
        let after = Timestamp::from_micros(at.micros().checked_add(length_us)?);
        let exact = |at| Self {
            at,
            is_local: false,
        };
        Some((exact(at), exact(after)))
    }

    const fn local(at: Timestamp) -> Self {
        Self { at, is_local: true }
    }

    /// The moment, by clocks that are `offset_s` seconds ahead of UTC.
    pub(in crate::front_door) const fn at(self, offset_s: i64) -> Timestamp {
        if self.is_local {
            self.at.plus_seconds(offset_s.saturating_neg())
        } else {
            self.at
        }
    }
}

/// The beginning of a year, a month or a day, and of the next one.
fn calendar(text: &str) -> Option<(Timestamp, Timestamp)> {
    let digits = |part: &str, length: usize| {
        let plain = part.len() == length && part.bytes().all(|b| b.is_ascii_digit());
        plain.then(|| part.parse::<u16>().ok()).flatten()
    };
    let mut parts = text.split('-');
    let year = i32::from(digits(parts.next()?, 4)?);
    let month = parts.next().map(|part| digits(part, 2));
    let day = parts.next().map(|part| digits(part, 2));
    if parts.next().is_some() || year == 0 {
        return None;
    }
    let month_of = |number: u16| Month::try_from(u8::try_from(number).ok()?).ok();
    let first = Date::from_calendar_date;
    let (from, until) = match (month, day) {
        (None, _) => (
            first(year, Month::January, 1).ok()?,
            first(year + 1, Month::January, 1).ok()?,
        ),
        (Some(month), None) => {
            let month = month_of(month?)?;
            let next_year = year + i32::from(month == Month::December);
            (
                first(year, month, 1).ok()?,
                first(next_year, month.next(), 1).ok()?,
            )
        }
        (Some(month), Some(day)) => {
            let date = first(year, month_of(month?)?, u8::try_from(day?).ok()?).ok()?;
            (date, date.next_day()?)
        }
    };
    let start = |date: Date| {
        let seconds = date.midnight().assume_utc().unix_timestamp();
        Some(Timestamp::from_micros(seconds.checked_mul(1_000_000)?))
    };
    Some((start(from)?, start(until)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    const BRASILIA_S: i64 = -3 * 3_600;

    fn interval(text: &str) -> Option<(String, String)> {
        let (from, until) = Moment::interval(text)?;
        let show = |moment: Moment| moment.at(BRASILIA_S).to_string();
        Some((show(from), show(until)))
    }

    #[test]
    fn a_day_is_the_institutions_and_a_moment_is_everybodys() {
        let at = |text| Moment::parse(text).unwrap().at(BRASILIA_S).to_string();
        assert_eq!(at("2026-11-27"), "2026-11-27T03:00:00Z");
        assert_eq!(at("2026-11-27T00:00:00Z"), "2026-11-27T00:00:00Z");
        assert_eq!(at("2026-11-27T00:00:00-03:00"), "2026-11-27T03:00:00Z");
        assert_eq!(at("2026-11-27T03:00:00 03:00"), "2026-11-27T00:00:00Z");
    }

    #[test]
    fn a_fhir_date_lasts_as_long_as_it_is_precise() {
        for (text, from, until) in [
            ("2026", "2026-01-01T03:00:00Z", "2027-01-01T03:00:00Z"),
            ("2026-12", "2026-12-01T03:00:00Z", "2027-01-01T03:00:00Z"),
            ("2024-02-29", "2024-02-29T03:00:00Z", "2024-03-01T03:00:00Z"),
            (
                "2026-11-27T09:12Z",
                "2026-11-27T09:12:00Z",
                "2026-11-27T09:13:00Z",
            ),
            (
                "2026-11-27T09:12:05Z",
                "2026-11-27T09:12:05Z",
                "2026-11-27T09:12:06Z",
            ),
            (
                "2026-11-27T09:12:05.5Z",
                "2026-11-27T09:12:05.5Z",
                "2026-11-27T09:12:05.500001Z",
            ),
        ] {
            assert_eq!(
                interval(text),
                Some((from.to_owned(), until.to_owned())),
                "{text}"
            );
        }
    }

    #[test]
    fn what_is_no_moment_is_none() {
        for bad in [
            "",
            "yesterday",
            "2026-13",
            "2026-02-30",
            "26-01-01",
            "0000",
            "2026-1-1",
            "2026-01-01-",
            "2026-01-01T",
            "2026-01-01T09:00:00",
            "2026-01-01T25:00:00Z",
            "+2026",
            "2026-01-01TZ",
            "9999-99-99T99:99:99Z",
            "2026-01-01Té:00Z",
        ] {
            assert_eq!(interval(bad), None, "{bad:?}");
        }
        // Where a day is wanted, a year is a slip.
        assert_eq!(Moment::parse("2026"), None);
    }
}
