//! The signs, one reading of one of them, and what can be true of it.

use super::CLOCK_SKEW_MS;
use crate::time::Timestamp;

/// What is measured or charted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum VitalSign {
    /// Breaths, /min.
    RespiratoryRate,
    /// Oxygen saturation, %.
    Spo2,
    /// Systolic blood pressure, mmHg.
    SystolicPressure,
    /// Diastolic blood pressure, mmHg.
    DiastolicPressure,
    /// Mean blood pressure, mmHg.
    MeanPressure,
    /// Heart rate, /min.
    HeartRate,
    /// Body temperature, °C.
    Temperature,
    /// Level of consciousness: [`Acvpu`] as a number.
    Consciousness,
    /// Oxygen given, L/min; 0 is air.
    SupplementalOxygen,
}

impl VitalSign {
    /// Every sign, in the order in which a page shows them.
    pub const ALL: &'static [Self] = &[
        Self::RespiratoryRate,
        Self::Spo2,
        Self::SystolicPressure,
        Self::DiastolicPressure,
        Self::MeanPressure,
        Self::HeartRate,
        Self::Temperature,
        Self::Consciousness,
        Self::SupplementalOxygen,
    ];

    /// Its name in addresses, keys and metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::RespiratoryRate => "respiratory_rate",
            Self::Spo2 => "spo2",
            Self::SystolicPressure => "systolic_pressure",
            Self::DiastolicPressure => "diastolic_pressure",
            Self::MeanPressure => "mean_pressure",
            Self::HeartRate => "heart_rate",
            Self::Temperature => "temperature",
            Self::Consciousness => "consciousness",
            Self::SupplementalOxygen => "supplemental_oxygen",
        }
    }

    /// Its LOINC code: the one the vital signs profiles of R4 ask for, where they know the sign.
    #[must_use]
    pub const fn loinc(self) -> &'static str {
        match self {
            Self::RespiratoryRate => "9279-1",
            Self::Spo2 => "2708-6",
            Self::SystolicPressure => "8480-6",
            Self::DiastolicPressure => "8462-4",
            Self::MeanPressure => "8478-0",
            Self::HeartRate => "8867-4",
            Self::Temperature => "8310-5",
            Self::Consciousness => "67775-7",
            Self::SupplementalOxygen => "3151-8",
        }
    }

    /// The unit of its values, as a UCUM code. Consciousness has none: `1`.
    #[must_use]
    pub const fn ucum(self) -> &'static str {
        match self {
            Self::RespiratoryRate | Self::HeartRate => "/min",
            Self::Spo2 => "%",
            Self::SystolicPressure | Self::DiastolicPressure | Self::MeanPressure => "mm[Hg]",
            Self::Temperature => "Cel",
            Self::Consciousness => "1",
            Self::SupplementalOxygen => "L/min",
        }
    }

    /// Its place in [`VitalSign::ALL`].
    pub(super) const fn index(self) -> usize {
        self as usize
    }
}

/// Level of consciousness as NEWS2 has it, from best to worst.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Acvpu {
    /// Awake and aware.
    Alert,
    /// New confusion, disorientation or agitation.
    Confusion,
    /// Responds to voice.
    Voice,
    /// Responds to pain.
    Pain,
    /// Responds to nothing.
    Unresponsive,
}

impl Acvpu {
    /// Every level, from best to worst.
    pub const ALL: &'static [Self] = &[
        Self::Alert,
        Self::Confusion,
        Self::Voice,
        Self::Pain,
        Self::Unresponsive,
    ];

    /// Its letter on the chart.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Alert => "A",
            Self::Confusion => "C",
            Self::Voice => "V",
            Self::Pain => "P",
            Self::Unresponsive => "U",
        }
    }

    /// The value of a [`Reading`] of it: 0 to 4.
    #[must_use]
    pub fn value(self) -> f64 {
        f64::from(self as u8)
    }

    /// The level a reading's value stands for.
    #[must_use]
    pub fn of(value: f64) -> Option<Self> {
        Self::ALL
            .iter()
            .find(|level| level.value().to_bits() == value.to_bits())
            .copied()
    }
}

/// One value of one sign at one moment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Reading {
    /// What was measured.
    pub sign: VitalSign,
    /// In the unit of the sign ([`VitalSign::ucum`]).
    pub value: f64,
    /// When it was true of the patient, by the clock of whoever measured it.
    pub at: Timestamp,
}

impl Reading {
    /// Whether it claims a time that has not come yet, beyond what clocks differ by. Such a time is
    /// wrong, and with it the reading's place in a chart.
    #[must_use]
    pub const fn is_ahead_of(&self, now: Timestamp) -> bool {
        self.at.micros().saturating_sub(now.micros()) > CLOCK_SKEW_MS * 1_000
    }
}

/// Whether a value can be one of a living patient's.
///
/// The bounds are wide: they let every survivable value pass and catch what sensors say when they
/// are not on a patient. A detached probe reads 0, a flushed arterial line over 300, a thermometer
/// on the table the room. A zero may also be true (apnoea, arrest): the monitor at the bedside
/// raises that alarm, while here it is kept apart as an artefact with its time, never hidden as
/// the last good value gone quiet.
#[must_use]
pub fn is_plausible(sign: VitalSign, value: f64) -> bool {
    let (low, high) = match sign {
        VitalSign::RespiratoryRate => (1.0, 120.0),
        VitalSign::Spo2 => (20.0, 100.0),
        VitalSign::SystolicPressure => (20.0, 300.0),
        VitalSign::DiastolicPressure => (5.0, 250.0),
        VitalSign::MeanPressure => (10.0, 275.0),
        VitalSign::HeartRate => (10.0, 350.0),
        VitalSign::Temperature => (24.0, 45.0),
        VitalSign::Consciousness => return Acvpu::of(value).is_some(),
        VitalSign::SupplementalOxygen => (0.0, 100.0),
    };
    // A NaN is within no bounds.
    (low..=high).contains(&value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_detached_sensor_says_is_no_reading() {
        for &sign in VitalSign::ALL {
            for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -1.0, 1_000.0] {
                assert!(!is_plausible(sign, value), "{sign:?} {value}");
            }
            let zero_is_true = matches!(
                sign,
                VitalSign::Consciousness | VitalSign::SupplementalOxygen
            );
            assert_eq!(is_plausible(sign, 0.0), zero_is_true, "{sign:?}");
        }
        assert!(!is_plausible(VitalSign::Spo2, 100.1));
        assert!(!is_plausible(VitalSign::Temperature, 21.0));
        assert!(!is_plausible(VitalSign::Consciousness, 1.5));
    }

    #[test]
    fn what_people_have_survived_is_a_reading() {
        for (sign, value) in [
            (VitalSign::RespiratoryRate, 4.0),
            (VitalSign::Spo2, 45.0),
            (VitalSign::SystolicPressure, 45.0),
            (VitalSign::HeartRate, 250.0),
            (VitalSign::Temperature, 26.0),
            (VitalSign::Temperature, 42.5),
            (VitalSign::SupplementalOxygen, 60.0),
        ] {
            assert!(is_plausible(sign, value), "{sign:?} {value}");
        }
    }

    #[test]
    fn every_sign_has_its_place_and_a_name_and_a_code_of_its_own() {
        for (place, sign) in VitalSign::ALL.iter().enumerate() {
            assert_eq!(sign.index(), place);
            let same = |other: &&VitalSign| {
                other.as_str() == sign.as_str() || other.loinc() == sign.loinc()
            };
            assert_eq!(VitalSign::ALL.iter().filter(same).count(), 1);
        }
        for level in Acvpu::ALL {
            assert_eq!(Acvpu::of(level.value()), Some(*level));
        }
        assert_eq!(Acvpu::of(5.0), None);
    }
}
