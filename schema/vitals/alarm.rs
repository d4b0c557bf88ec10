//! Alarm limits with hysteresis, so that a value that trembles on a limit rings once.

use super::VitalSign;

/// When a sign calls for somebody, in the unit of the sign.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AlarmLimits {
    /// Below it: too low.
    pub low: Option<f64>,
    /// Above it: too high.
    pub high: Option<f64>,
    /// How far inside the limit a value must come back before the alarm ends.
    pub hysteresis: f64,
}

impl AlarmLimits {
    /// The limits of an adult who has none of their own: the usual defaults of bedside monitors.
    #[must_use]
    pub const fn of(sign: VitalSign) -> Self {
        let (low, high, hysteresis) = match sign {
            VitalSign::RespiratoryRate => (Some(8.0), Some(30.0), 2.0),
            VitalSign::Spo2 => (Some(90.0), None, 2.0),
            VitalSign::SystolicPressure => (Some(90.0), Some(160.0), 5.0),
            VitalSign::DiastolicPressure => (Some(50.0), Some(90.0), 3.0),
            VitalSign::MeanPressure => (Some(65.0), Some(110.0), 3.0),
            VitalSign::HeartRate => (Some(50.0), Some(120.0), 3.0),
            VitalSign::Temperature => (Some(35.5), Some(38.5), 0.2),
            // Anything but alert.
            VitalSign::Consciousness => (None, Some(0.0), 0.0),
            VitalSign::SupplementalOxygen => (None, None, 0.0),
        };
        Self {
            low,
            high,
            hysteresis,
        }
    }

    /// How far outside the limits a value is; negative inside them, the more the farther.
    pub(super) fn excess(&self, value: f64) -> f64 {
        let below = self.low.map_or(f64::NEG_INFINITY, |low| low - value);
        let above = self.high.map_or(f64::NEG_INFINITY, |high| value - high);
        below.max(above)
    }
}

/// Whether a sign calls for somebody.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AlarmState {
    /// Within the limits.
    #[default]
    Normal,
    /// Too low.
    Low,
    /// Too high.
    High,
}

impl AlarmState {
    /// Its name in keys and styles.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Normal => "normal",
            Self::Low => "low",
            Self::High => "high",
        }
    }

    /// The state after one more value. A value on a limit is within it.
    #[must_use]
    pub fn next(self, limits: &AlarmLimits, value: f64) -> Self {
        let low = limits.low.is_some_and(|low| value < low);
        let high = limits.high.is_some_and(|high| value > high);
        let margin = limits.hysteresis;
        match self {
            _ if low => Self::Low,
            _ if high => Self::High,
            Self::Low if limits.low.is_some_and(|low| value < low + margin) => Self::Low,
            Self::High if limits.high.is_some_and(|high| value > high - margin) => Self::High,
            _ => Self::Normal,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const LIMITS: AlarmLimits = AlarmLimits {
        low: Some(90.0),
        high: Some(160.0),
        hysteresis: 5.0,
    };

    fn after(values: &[f64]) -> AlarmState {
        values.iter().fold(AlarmState::Normal, |state, value| {
            state.next(&LIMITS, *value)
        })
    }

    #[test]
    fn an_alarm_starts_beyond_the_limit_and_ends_well_inside_it() {
        assert_eq!(after(&[90.0]), AlarmState::Normal);
        assert_eq!(after(&[89.9]), AlarmState::Low);
        assert_eq!(after(&[89.9, 90.0]), AlarmState::Low);
        assert_eq!(after(&[89.9, 94.9]), AlarmState::Low);
        assert_eq!(after(&[89.9, 95.0]), AlarmState::Normal);
        assert_eq!(after(&[160.0]), AlarmState::Normal);
        assert_eq!(after(&[160.1]), AlarmState::High);
        assert_eq!(after(&[160.1, 155.1]), AlarmState::High);
        assert_eq!(after(&[160.1, 155.0]), AlarmState::Normal);
    }

    #[test]
    fn a_value_that_leaps_from_one_side_to_the_other_takes_the_alarm_along() {
        assert_eq!(after(&[80.0, 170.0]), AlarmState::High);
        assert_eq!(after(&[170.0, 80.0]), AlarmState::Low);
    }

    #[test]
    fn anything_but_alert_is_an_alarm_and_oxygen_is_none() {
        let consciousness = AlarmLimits::of(VitalSign::Consciousness);
        assert_eq!(
            AlarmState::Normal.next(&consciousness, 0.0),
            AlarmState::Normal
        );
        assert_eq!(
            AlarmState::Normal.next(&consciousness, 1.0),
            AlarmState::High
        );
        assert_eq!(
            AlarmState::High.next(&consciousness, 0.0),
            AlarmState::Normal
        );
        let oxygen = AlarmLimits::of(VitalSign::SupplementalOxygen);
        assert_eq!(AlarmState::Normal.next(&oxygen, 60.0), AlarmState::Normal);
    }

    /// The rule in other words: a value beyond a limit or well inside both decides by itself; one
    /// in the band of a limit lets an alarm of that limit go on and no other.
    fn model(values: &[f64]) -> AlarmState {
        let Some((last, before)) = values.split_last() else {
            return AlarmState::Normal;
        };
        let going_on = |state| {
            if model(before) == state {
                state
            } else {
                AlarmState::Normal
            }
        };
        match *last {
            v if v < 90.0 => AlarmState::Low,
            v if v < 95.0 => going_on(AlarmState::Low),
            v if v <= 155.0 => AlarmState::Normal,
            v if v <= 160.0 => going_on(AlarmState::High),
            _ => AlarmState::High,
        }
    }

    proptest! {
        #[test]
        fn hysteresis_agrees_with_looking_back(
            tenths in proptest::collection::vec(800_u16..1_700, 0..40),
        ) {
            let values: Vec<f64> = tenths.iter().map(|t| f64::from(*t) / 10.0).collect();
            prop_assert_eq!(after(&values), model(&values));
        }

        #[test]
        fn a_trembling_value_rings_once(
            tenths in proptest::collection::vec(0_u16..50, 1..60),
        ) {
            let mut state = AlarmState::Normal.next(&LIMITS, 89.0);
            for tenth in tenths {
                state = state.next(&LIMITS, 89.5 + f64::from(tenth) / 10.0);
                prop_assert_eq!(state, AlarmState::Low);
            }
        }
    }
}
