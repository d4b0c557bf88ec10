//! How old a reading may be and still be shown as true.

use super::VitalSign;

/// How far a reading may lie ahead of our clock: device clocks differ by seconds.
pub const CLOCK_SKEW_MS: i64 = 60_000;

const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;

/// What a reading's age makes of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Freshness {
    /// Shown as the value now, and scored.
    Live,
    /// Shown greyed with its age, and not scored.
    Stale,
    /// Not shown: there is none, or it is too old to mean anything.
    Absent,
}

impl Freshness {
    /// Its name in keys and styles.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Stale => "stale",
            Self::Absent => "absent",
        }
    }

    /// Judges the newest reading of a sign by its age in milliseconds; `None`: there is none. One
    /// that claims to be from the future, beyond [`CLOCK_SKEW_MS`], is not believed.
    #[must_use]
    pub const fn of(sign: VitalSign, age_ms: Option<i64>) -> Self {
        let (live_ms, kept_ms) = bounds(sign);
        match age_ms {
            None => Self::Absent,
            Some(age) if age > kept_ms => Self::Absent,
            Some(age) if age > live_ms || age < -CLOCK_SKEW_MS => Self::Stale,
            Some(_) => Self::Live,
        }
    }
}

/// Until when a sign is live, and until when it is shown at all.
const fn bounds(sign: VitalSign) -> (i64, i64) {
    match sign {
        // A monitor sends at least one a minute; one lost message is no loss of the sign.
        VitalSign::RespiratoryRate | VitalSign::Spo2 | VitalSign::HeartRate => {
            (3 * MINUTE_MS, 6 * HOUR_MS)
        }
        // A cuff measures every fifteen minutes.
        VitalSign::SystolicPressure | VitalSign::DiastolicPressure | VitalSign::MeanPressure => {
            (20 * MINUTE_MS, 6 * HOUR_MS)
        }
        // Charted by hand, once a shift at least: NEWS2's longest interval is twelve hours.
        VitalSign::Temperature | VitalSign::Consciousness | VitalSign::SupplementalOxygen => {
            (12 * HOUR_MS, 24 * HOUR_MS)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_monitored_sign_is_stale_after_three_minutes_and_gone_after_six_hours() {
        let of = |age_ms| Freshness::of(VitalSign::HeartRate, Some(age_ms));
        assert_eq!(of(0), Freshness::Live);
        assert_eq!(of(180_000), Freshness::Live);
        assert_eq!(of(180_001), Freshness::Stale);
        assert_eq!(of(6 * HOUR_MS), Freshness::Stale);
        assert_eq!(of(6 * HOUR_MS + 1), Freshness::Absent);
        assert_eq!(Freshness::of(VitalSign::HeartRate, None), Freshness::Absent);
    }

    #[test]
    fn what_is_charted_by_hand_stays_live_for_a_shift() {
        let of = |age_ms| Freshness::of(VitalSign::Temperature, Some(age_ms));
        assert_eq!(of(12 * HOUR_MS), Freshness::Live);
        assert_eq!(of(12 * HOUR_MS + 1), Freshness::Stale);
        assert_eq!(of(24 * HOUR_MS + 1), Freshness::Absent);
    }

    #[test]
    fn a_clock_a_little_ahead_is_forgiven_and_a_reading_from_tomorrow_is_not() {
        let of = |age_ms| Freshness::of(VitalSign::Spo2, Some(age_ms));
        assert_eq!(of(-CLOCK_SKEW_MS), Freshness::Live);
        assert_eq!(of(-CLOCK_SKEW_MS - 1), Freshness::Stale);
        assert_eq!(of(i64::MIN), Freshness::Stale);
    }
}
