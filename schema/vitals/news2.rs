//! NEWS2, the National Early Warning Score of the Royal College of Physicians (December 2017).
//!
//! Seven parameters score 0 to 3 each (oxygen 0 or 2) and add up to at most 20. The bands are of
//! whole numbers (tenths for temperature): a value is rounded to that first, halves upwards. A
//! parameter that is missing counts 0 and makes the score incomplete: the true one is at least the
//! total. For adults; not for pregnancy or under sixteen.

use super::Acvpu;

/// Parameters of the score.
pub const PARAMETERS: usize = 7;

/// Which target of oxygen saturation the patient has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Spo2Scale {
    /// The usual one.
    #[default]
    One,
    /// 88-92 %: prescribed in hypercapnic respiratory failure, and only then.
    Two,
}

/// What is known of the patient now. `None`: nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Inputs {
    /// Breaths, /min.
    pub respiratory_rate: Option<f64>,
    /// Oxygen saturation, %.
    pub spo2: Option<f64>,
    /// Whether oxygen is being given.
    pub on_oxygen: Option<bool>,
    /// Systolic blood pressure, mmHg.
    pub systolic: Option<f64>,
    /// Heart rate, /min.
    pub heart_rate: Option<f64>,
    /// Level of consciousness.
    pub consciousness: Option<Acvpu>,
    /// Body temperature, °C.
    pub temperature: Option<f64>,
}

/// The clinical risk that a score stands for, from low to high.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Risk {
    /// 0-4 in all.
    Low,
    /// 0-4 in all, with 3 in one parameter: urgent ward-based response.
    LowMedium,
    /// 5-6 in all: threshold for urgent response.
    Medium,
    /// 7 or more: urgent or emergency response.
    High,
}

impl Risk {
    /// Its name in keys and styles.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::LowMedium => "low_medium",
            Self::Medium => "medium",
            Self::High => "high",
        }
    }
}

/// The score.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Score {
    /// The sum, 0-20; at least this where a parameter is missing.
    pub total: u8,
    /// Each parameter's share in the order of [`Inputs`]; `None` where it is missing.
    pub parts: [Option<u8>; PARAMETERS],
    /// What it stands for.
    pub risk: Risk,
}

impl Score {
    /// How many parameters were known.
    #[must_use]
    pub fn scored(&self) -> usize {
        self.parts.iter().flatten().count()
    }

    /// Whether all of them were.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.scored() == PARAMETERS
    }
}

/// Scores a patient. A value that is no number counts as missing.
#[must_use]
pub fn score(inputs: &Inputs, scale: Spo2Scale) -> Score {
    let parts = [
        whole(inputs.respiratory_rate).map(respiratory_rate),
        whole(inputs.spo2).and_then(|spo2| match scale {
            Spo2Scale::One => Some(spo2_scale_one(spo2)),
            Spo2Scale::Two => spo2_scale_two(spo2, inputs.on_oxygen),
        }),
        inputs.on_oxygen.map(|given| if given { 2 } else { 0 }),
        whole(inputs.systolic).map(systolic),
        whole(inputs.heart_rate).map(heart_rate),
        inputs.consciousness.map(consciousness),
        whole(inputs.temperature.map(|celsius| celsius * 10.0)).map(temperature),
    ];
    let known = || parts.iter().flatten().copied();
    let total = known().sum();
    let risk = match total {
        0..=4 if known().any(|part| part == 3) => Risk::LowMedium,
        0..=4 => Risk::Low,
        5..=6 => Risk::Medium,
        _ => Risk::High,
    };
    Score { total, parts, risk }
}

const fn respiratory_rate(per_minute: i32) -> u8 {
    match per_minute {
        ..=8 => 3,
        9..=11 => 1,
        12..=20 => 0,
        21..=24 => 2,
        25.. => 3,
    }
}

const fn spo2_scale_one(percent: i32) -> u8 {
    match percent {
        ..=91 => 3,
        92..=93 => 2,
        94..=95 => 1,
        96.. => 0,
    }
}

/// From 93 % on it matters whether oxygen is given: without it the saturation is the patient's own.
/// Where that is unknown, so is the share.
const fn spo2_scale_two(percent: i32, on_oxygen: Option<bool>) -> Option<u8> {
    match (percent, on_oxygen) {
        (..=83, _) => Some(3),
        (84..=85, _) => Some(2),
        (86..=87, _) => Some(1),
        (88..=92, _) | (93.., Some(false)) => Some(0),
        (93..=94, Some(true)) => Some(1),
        (95..=96, Some(true)) => Some(2),
        (97.., Some(true)) => Some(3),
        (93.., None) => None,
    }
}

const fn systolic(mmhg: i32) -> u8 {
    match mmhg {
        ..=90 => 3,
        91..=100 => 2,
        101..=110 => 1,
        111..=219 => 0,
        220.. => 3,
    }
}

const fn heart_rate(per_minute: i32) -> u8 {
    match per_minute {
        ..=40 => 3,
        41..=50 => 1,
        51..=90 => 0,
        91..=110 => 1,
        111..=130 => 2,
        131.. => 3,
    }
}

const fn consciousness(level: Acvpu) -> u8 {
    match level {
        Acvpu::Alert => 0,
        Acvpu::Confusion | Acvpu::Voice | Acvpu::Pain | Acvpu::Unresponsive => 3,
    }
}

const fn temperature(tenths: i32) -> u8 {
    match tenths {
        ..=350 => 3,
        351..=360 => 1,
        361..=380 => 0,
        381..=390 => 1,
        391.. => 2,
    }
}

/// To a whole number, halves upwards.
fn whole(value: Option<f64>) -> Option<i32> {
    let value = value.filter(|value| value.is_finite())?;
    // A sum of binary fractions such as 39.05 × 10 falls a hair short of its half.
    let rounded = (value + 0.5 + 1e-9).floor();
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a cast saturates, and the outer bands have no end"
    )]
    let rounded = rounded as i32;
    Some(rounded)
}

#[cfg(test)]
#[path = "news2_tests.rs"]
mod tests;
