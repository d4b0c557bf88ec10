//! Units of measurement as records have them (UCUM), turned into the unit of each sign.
//!
//! A unit that is not known here gives no value: a number without its unit is not guessed at.

use super::VitalSign;

/// The canonical address of UCUM as a code system.
pub(super) const UCUM: &str = "http://unitsofmeasure.org";

/// What a number measures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dimension {
    /// To /min.
    Frequency,
    /// To %.
    Fraction,
    /// To mmHg.
    Pressure,
    /// To °C.
    Temperature,
    /// To L/min.
    Flow,
}

impl Dimension {
    /// What a sign measures; consciousness is no number.
    pub(super) const fn of(sign: VitalSign) -> Option<Self> {
        match sign {
            VitalSign::RespiratoryRate | VitalSign::HeartRate => Some(Self::Frequency),
            VitalSign::Spo2 => Some(Self::Fraction),
            VitalSign::SystolicPressure
            | VitalSign::DiastolicPressure
            | VitalSign::MeanPressure => Some(Self::Pressure),
            VitalSign::Temperature => Some(Self::Temperature),
            VitalSign::SupplementalOxygen => Some(Self::Flow),
            VitalSign::Consciousness => None,
        }
    }
}

/// `value` in the unit of its dimension. A value that had to be converted has two decimals: more
/// would be an artefact of the arithmetic.
pub(super) fn converted(value: f64, unit: &str, to: Dimension) -> Option<f64> {
    let (factor, offset) = conversion(plain(unit).as_str(), to)?;
    if (factor, offset) == (1.0, 0.0) {
        return Some(value);
    }
    Some(((value + offset) * factor * 100.0).round() / 100.0)
}

/// Factor and what is added before it. Beside UCUM codes stand the texts that records without codes
/// use.
fn conversion(unit: &str, to: Dimension) -> Option<(f64, f64)> {
    let found = match (to, unit) {
        (Dimension::Frequency, "/min" | "1/min" | "min-1" | "bpm" | "rpm" | "ipm")
        | (Dimension::Frequency, "beats/min" | "breaths/min" | "beats/minute" | "breaths/minute")
        | (Dimension::Fraction, "%")
        | (Dimension::Pressure, "mm[Hg]" | "mmHg")
        | (Dimension::Temperature, "Cel" | "°C" | "ºC" | "C")
        | (Dimension::Flow, "L/min" | "l/min") => (1.0, 0.0),
        (Dimension::Frequency, "/s" | "1/s" | "s-1" | "Hz") | (Dimension::Flow, "L/s" | "l/s") => {
            (60.0, 0.0)
        }
        (Dimension::Fraction, "1") => (100.0, 0.0),
        (Dimension::Pressure, "kPa") => (7.500_62, 0.0),
        (Dimension::Pressure, "Pa") => (0.007_500_62, 0.0),
        (Dimension::Pressure, "cm[H2O]" | "cmH2O") => (0.735_559, 0.0),
        (Dimension::Temperature, "[degF]" | "°F" | "ºF" | "F") => (1.0 / 1.8, -32.0),
        (Dimension::Temperature, "K") => (1.0, -273.15),
        (Dimension::Flow, "mL/min" | "ml/min") => (0.001, 0.0),
        _ => return None,
    };
    Some(found)
}

/// Without UCUM's annotations: `{beats}/min` is `/min`.
fn plain(unit: &str) -> String {
    let mut depth = 0_usize;
    let mut kept = String::new();
    for c in unit.trim().chars() {
        match c {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            c if depth == 0 => kept.push(c),
            _ => {}
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_converted_and_native_ones_left_alone() {
        for (value, unit, to, expected) in [
            (98.6, "[degF]", Dimension::Temperature, 37.0),
            (310.15, "K", Dimension::Temperature, 37.0),
            (36.66, "Cel", Dimension::Temperature, 36.66),
            (16.0, "kPa", Dimension::Pressure, 120.01),
            (1.0 / 3.0, "mm[Hg]", Dimension::Pressure, 1.0 / 3.0),
            (0.97, "1", Dimension::Fraction, 97.0),
            (72.0, "{beats}/min", Dimension::Frequency, 72.0),
            (1.5, "Hz", Dimension::Frequency, 90.0),
            (500.0, "mL/min", Dimension::Flow, 0.5),
        ] {
            let found = converted(value, unit, to).unwrap();
            assert_eq!(found.to_bits(), f64::to_bits(expected), "{unit}: {found}");
        }
    }

    #[test]
    fn a_unit_of_another_dimension_or_of_none_gives_nothing() {
        for (unit, to) in [
            ("kPa", Dimension::Temperature),
            ("%", Dimension::Frequency),
            ("", Dimension::Fraction),
            ("{beats}", Dimension::Frequency),
            ("}{", Dimension::Frequency),
            ("furlong", Dimension::Flow),
        ] {
            assert_eq!(converted(1.0, unit, to), None, "{unit}");
        }
    }
}
