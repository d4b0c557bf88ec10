//! From a chart to what one sign's cell says: pure, and the same on every page.
//!
//! A value is never shown without what it is worth: its age, whether it is current, whether the
//! sensor has meanwhile sent something that cannot be true. PHI: vital signs pass through.

use super::words::{self, Words};
use plantao_schema::locale::Locale;
use plantao_schema::time::Timestamp;
use plantao_schema::vitals::{
    Acvpu, AlarmLimits, AlarmState, Chart, Freshness, Reading, VitalSign,
};

/// What a cell's value is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Worth {
    /// Current and within its limits.
    Normal,
    /// Current, above its limit.
    High,
    /// Current, below its limit.
    Low,
    /// The sensor's last word cannot be true; the value is the one before.
    Artefact,
    /// Too old to be taken as the present.
    Stale,
    /// There is none.
    Absent,
}

impl Worth {
    /// The class that a stylesheet knows it by.
    pub(super) const fn class(self) -> &'static str {
        match self {
            Self::Normal => "ok",
            Self::High => "hi",
            Self::Low => "lo",
            Self::Artefact => "art",
            Self::Stale => "stale",
            Self::Absent => "none",
        }
    }

    /// Whether somebody is called for.
    pub(super) const fn is_alarm(self) -> bool {
        matches!(self, Self::High | Self::Low)
    }
}

/// One sign of one patient at one moment, in the words of one language.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Cell {
    /// What the value is worth.
    pub(super) worth: Worth,
    /// The value; a dash when there is none.
    pub(super) value: String,
    /// Its unit, or the word that explains its letter.
    pub(super) unit: &'static str,
    /// When it was true.
    pub(super) at: Option<Timestamp>,
    /// What its worth is in a word; empty when there is nothing to say.
    pub(super) tag: &'static str,
    /// The limits of its alarm; empty when there are none.
    pub(super) limits: String,
}

/// What a chart has of a sign now.
pub(super) fn cell(chart: &Chart, sign: VitalSign, now: Timestamp, locale: Locale) -> Cell {
    let words = Words::of(locale);
    let worth = worth(chart, sign, now);
    let reading = chart.latest(sign).filter(|_| worth != Worth::Absent);
    let (value, unit) = reading.map_or(("–".to_owned(), ""), |reading| value(reading, locale));
    let tag = match worth {
        Worth::Normal => "",
        Worth::High | Worth::Low => alarm_word(sign, worth, words),
        Worth::Artefact => words.artefact,
        Worth::Stale => words.stale,
        Worth::Absent => words.no_reading,
    };
    Cell {
        worth,
        value,
        unit,
        at: reading.map(|reading| reading.at),
        tag,
        limits: limits(sign, &chart.limits(sign), locale),
    }
}

/// An alarm in a word; the level of consciousness is neither high nor low.
pub(super) const fn alarm_word(sign: VitalSign, worth: Worth, words: &Words) -> &'static str {
    match (sign, worth) {
        (VitalSign::Consciousness, _) => words.alarm_altered,
        (_, Worth::Low) => words.alarm_low,
        _ => words.alarm_high,
    }
}

/// What the newest reading of a sign is worth now.
pub(super) fn worth(chart: &Chart, sign: VitalSign, now: Timestamp) -> Worth {
    match chart.freshness(sign, now) {
        Freshness::Absent => return Worth::Absent,
        Freshness::Stale => return Worth::Stale,
        Freshness::Live => {}
    }
    let newest = chart.latest(sign).map(|reading| reading.at);
    match chart.alarm(sign) {
        // An alarm is not taken back by a sensor that came off.
        AlarmState::High => Worth::High,
        AlarmState::Low => Worth::Low,
        AlarmState::Normal if chart.last_artefact(sign) > newest => Worth::Artefact,
        AlarmState::Normal => Worth::Normal,
    }
}

/// A reading's value and unit as they are read at the bed.
pub(super) fn value(reading: &Reading, locale: Locale) -> (String, &'static str) {
    let sign = reading.sign;
    match sign {
        VitalSign::Consciousness => match Acvpu::of(reading.value) {
            Some(level) => {
                let (letter, word) = words::consciousness(level, locale);
                (letter.to_owned(), word)
            }
            None => ("–".to_owned(), ""),
        },
        VitalSign::SupplementalOxygen if reading.value <= 0.0 => {
            (Words::of(locale).room_air.to_owned(), "")
        }
        _ => {
            let unit = words::sign(sign, locale).unit;
            (number(reading.value, decimals(sign), locale), unit)
        }
    }
}

/// The limits of a sign's alarm: `50–120`, `≥ 90`, or nothing.
pub(super) fn limits(sign: VitalSign, limits: &AlarmLimits, locale: Locale) -> String {
    if sign == VitalSign::Consciousness {
        return String::new();
    }
    let text = |value| number(value, decimals(sign), locale);
    match (limits.low, limits.high) {
        (Some(low), Some(high)) => format!("{}–{}", text(low), text(high)),
        (Some(low), None) => format!("≥ {}", text(low)),
        (None, Some(high)) => format!("≤ {}", text(high)),
        (None, None) => String::new(),
    }
}

/// A number with so many decimals, rounded half away from zero, as the language writes it.
pub(super) fn number(value: f64, decimals: usize, locale: Locale) -> String {
    let scale = if decimals == 0 { 1.0 } else { 10.0 };
    // Adding zero turns a negative zero into a plain one.
    let rounded = (value * scale).round() / scale + 0.0;
    let text = format!("{rounded:.decimals$}");
    match locale {
        Locale::PtBr => text.replace('.', ","),
        Locale::En => text,
    }
}

const fn decimals(sign: VitalSign) -> usize {
    match sign {
        VitalSign::Temperature => 1,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NOW: Timestamp = Timestamp::from_micros(1_790_000_000_000_000);

    fn chart(sign: VitalSign, readings: &[(i64, f64)]) -> Chart {
        let mut chart = Chart::new();
        for &(ago_s, value) in readings {
            chart.take(Reading {
                sign,
                value,
                at: NOW.plus_seconds(-ago_s),
            });
        }
        chart
    }

    fn shown(sign: VitalSign, readings: &[(i64, f64)]) -> Cell {
        cell(&chart(sign, readings), sign, NOW, Locale::PtBr)
    }

    #[test]
    fn a_current_value_within_its_limits_has_no_tag() {
        let cell = shown(VitalSign::HeartRate, &[(5, 71.6)]);
        assert_eq!(
            (cell.value.as_str(), cell.unit, cell.tag),
            ("72", "bpm", "")
        );
        assert_eq!(
            (cell.worth, cell.limits.as_str()),
            (Worth::Normal, "50–120")
        );
        assert_eq!(cell.at, Some(NOW.plus_seconds(-5)));
    }

    #[test]
    fn alarms_staleness_and_absence_are_said_in_words() {
        assert_eq!(shown(VitalSign::HeartRate, &[(5, 140.0)]).tag, "alta");
        assert_eq!(shown(VitalSign::Spo2, &[(5, 84.0)]).tag, "baixa");
        assert_eq!(shown(VitalSign::Consciousness, &[(5, 2.0)]).tag, "alterada");
        assert_eq!(
            shown(VitalSign::HeartRate, &[(600, 140.0)]).tag,
            "desatualizado"
        );
        let none = shown(VitalSign::HeartRate, &[]);
        assert_eq!(
            (none.value.as_str(), none.tag, none.at),
            ("–", "sem leitura", None)
        );
    }

    #[test]
    fn a_detached_sensor_is_seen_beside_the_value_before_it() {
        let cell = shown(VitalSign::HeartRate, &[(60, 72.0), (5, 0.0)]);
        assert_eq!((cell.value.as_str(), cell.worth), ("72", Worth::Artefact));
        assert_eq!(cell.tag, "artefato");
        let back = shown(VitalSign::HeartRate, &[(60, 72.0), (30, 0.0), (5, 73.0)]);
        assert_eq!((back.value.as_str(), back.worth), ("73", Worth::Normal));
        let alarm = shown(VitalSign::HeartRate, &[(60, 150.0), (5, 0.0)]);
        assert_eq!(alarm.worth, Worth::High, "an alarm outlasts the sensor");
    }

    #[test]
    fn each_language_writes_decimals_its_way() {
        assert_eq!(number(36.84, 1, Locale::PtBr), "36,8");
        assert_eq!(number(36.84, 1, Locale::En), "36.8");
        assert_eq!(number(-0.2, 0, Locale::En), "0");
        assert_eq!(number(12.5, 0, Locale::En), "13");
    }

    #[test]
    fn oxygen_and_consciousness_are_words() {
        let air = shown(VitalSign::SupplementalOxygen, &[(5, 0.0)]);
        assert_eq!((air.value.as_str(), air.unit), ("ar", ""));
        let flow = shown(VitalSign::SupplementalOxygen, &[(5, 2.0)]);
        assert_eq!((flow.value.as_str(), flow.unit), ("2", "L/min"));
        let alert = shown(VitalSign::Consciousness, &[(5, 0.0)]);
        assert_eq!((alert.value.as_str(), alert.unit), ("A", "alerta"));
    }

    proptest! {
        #[test]
        fn a_cell_shows_a_value_exactly_when_it_says_so(
            sign in proptest::sample::select(VitalSign::ALL),
            readings in proptest::collection::vec((0_i64..100_000, -10.0_f64..300.0), 0..40),
            english in any::<bool>(),
        ) {
            let locale = if english { Locale::En } else { Locale::PtBr };
            let chart = chart(sign, &readings);
            let cell = cell(&chart, sign, NOW, locale);
            prop_assert_eq!(cell.worth == Worth::Absent, cell.at.is_none());
            prop_assert_eq!(cell.tag.is_empty(), cell.worth == Worth::Normal);
            prop_assert!(!cell.value.is_empty() && cell.value.chars().count() <= 5);
            if cell.at.is_none() {
                prop_assert_eq!(cell.value.as_str(), "–");
            }
            // Nothing that is not current may call for somebody, or look as if it were well.
            let live = chart.freshness(sign, NOW) == Freshness::Live;
            prop_assert!(live || matches!(cell.worth, Worth::Stale | Worth::Absent));
        }

        #[test]
        fn a_number_reads_back_as_the_value_rounded(value in -500.0_f64..500.0) {
            for (decimals, step) in [(0, 0.5), (1, 0.05)] {
                let text = number(value, decimals, Locale::PtBr).replace(',', ".");
                let back: f64 = text.parse().unwrap();
                prop_assert!((back - value).abs() <= step + 1e-9, "{} for {}", text, value);
                prop_assert!(text != "-0" && text != "-0.0");
            }
        }
    }
}
