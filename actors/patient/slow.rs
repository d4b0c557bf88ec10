//! Which slow signs an Observation holds: what finds an old reading that still counts.
//!
//! A chart is rebuilt from the newest records, and a monitor fills those within the hour. What is
//! charted by hand or by a cuff counts for longer: a level of consciousness for twelve hours, and
//! without it an early warning score falls while the patient is no better. So each Observation is
//! stored with a mask of the slow signs in it, and [`super::RecordStore::recent`] looks them up
//! beyond the newest records.
//!
//! PHI: the mask lies in clear beside the sealed body, whose code no query can read. It says that
//! a temperature was taken, never which: no more than the record's type and its time of storing,
//! which are clear too. Purpose and legal basis: care (LGPD Art. 11 II f); retention, access and
//! audit: those of the record it stands beside, in the same row.

use plantao_schema::fhir::{FhirType, Resource};
use plantao_schema::time::Timestamp;
use plantao_schema::vitals::{self, Freshness, Reading, VitalSign, WINDOW_READINGS};
use std::time::Duration;

/// The bits, as the column `slow_signs` has them. A new one needs a migration that fills it.
const TEMPERATURE: i16 = 1;
const CONSCIOUSNESS: i16 = 2;
const OXYGEN: i16 = 4;
const PRESSURE: i16 = 8;

/// Every mask that holds a sign. Looked up one by one, so that no sign that is sent each second
/// stands before another that is charted once a day.
pub(super) const MASKS: [i16; 15] = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15];

/// Most Observations looked up of each mask: the whole window of a sign, whose alarm depends on
/// all of it. Most patients have four masks; all of them make 5,400.
pub const OF_EACH: usize = WINDOW_READINGS;

/// How far back from the newest record they are looked up. The longest that a reading is shown
/// ([`Freshness`]), and its window before it: it was stored after it was true.
pub const KEPT: Duration = Duration::from_hours(30);

/// The mask of a record that is stored `at`: the signs of which it says something that can be true
/// and may be shown. An old history brought in later must not stand before what is true now.
#[must_use]
pub fn signs(resource: &Resource, at: Timestamp) -> i16 {
    if resource.kind != FhirType::Observation {
        return 0;
    }
    let readings = vitals::readings(&resource.body);
    let shown = readings.iter().filter(|reading| may_be_shown(reading, at));
    shown.fold(0, |mask, reading| mask | bit(reading.sign))
}

fn may_be_shown(reading: &Reading, at: Timestamp) -> bool {
    let age_ms = at.micros().saturating_sub(reading.at.micros()) / 1_000;
    vitals::is_plausible(reading.sign, reading.value)
        && Freshness::of(reading.sign, Some(age_ms)) != Freshness::Absent
}

const fn bit(sign: VitalSign) -> i16 {
    match sign {
        VitalSign::Temperature => TEMPERATURE,
        VitalSign::Consciousness => CONSCIOUSNESS,
        VitalSign::SupplementalOxygen => OXYGEN,
        // A cuff's counts for twenty minutes, which a monitor that sends each sign by itself
        // fills in eleven.
        VitalSign::SystolicPressure | VitalSign::DiastolicPressure | VitalSign::MeanPressure => {
            PRESSURE
        }
        VitalSign::RespiratoryRate | VitalSign::Spo2 | VitalSign::HeartRate => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use plantao_schema::fhir;
    use plantao_schema::id::PatientId;

    const AT: Timestamp = Timestamp::from_micros(1_763_800_000_000_000);

    fn mask(readings: &[(VitalSign, f64, i64)], status: &str) -> i16 {
        let patient = PatientId::parse("p").unwrap();
        let reading = |&(sign, value, age_s): &(VitalSign, f64, i64)| {
            let at = AT.plus_seconds(-age_s);
            Reading { sign, value, at }
        };
        let readings: Vec<Reading> = readings.iter().map(reading).collect();
        let mut body = vitals::observation(&patient, "o", &readings);
        body["status"] = status.into();
        signs(&fhir::parse_resource(body).unwrap(), AT)
    }

    #[test]
    fn a_mask_names_the_slow_signs_of_a_panel_and_no_others() {
        let panel = [
            (VitalSign::HeartRate, 80.0, 0),
            (VitalSign::Temperature, 39.4, 0),
            (VitalSign::SystolicPressure, 120.0, 0),
            (VitalSign::DiastolicPressure, 80.0, 0),
        ];
        assert_eq!(mask(&panel, "final"), TEMPERATURE | PRESSURE);
        assert_eq!(mask(&[(VitalSign::HeartRate, 80.0, 0)], "final"), 0);
        let level = [(VitalSign::Consciousness, 2.0, 0)];
        assert_eq!(mask(&level, "final"), CONSCIOUSNESS);
        let air = [(VitalSign::SupplementalOxygen, 0.0, 0)];
        assert_eq!(mask(&air, "final"), OXYGEN);
    }

    #[test]
    fn what_will_not_be_shown_has_no_mask() {
        let hour_s = 3_600;
        let warm = |value, age_s| [(VitalSign::Temperature, value, age_s)];
        assert_eq!(mask(&warm(39.4, 23 * hour_s), "final"), TEMPERATURE);
        assert_eq!(mask(&warm(39.4, 25 * hour_s), "final"), 0);
        assert_eq!(mask(&warm(19.0, 0), "final"), 0, "on the table");
        assert_eq!(mask(&warm(39.4, 0), "entered-in-error"), 0);
    }

    #[test]
    fn every_sign_that_counts_for_longer_than_a_monitors_is_in_a_mask() {
        let monitored_ms = 3 * 60_000;
        let all = VitalSign::ALL.iter();
        let slow =
            all.filter(|sign| Freshness::of(**sign, Some(monitored_ms + 1)) == Freshness::Live);
        let masks: Vec<i16> = slow.map(|sign| bit(*sign)).collect();
        assert!(masks.iter().all(|mask| *mask != 0), "{masks:?}");
        let union = masks.iter().fold(0, |one, other| one | other);
        assert_eq!(MASKS.last(), Some(&union));
    }
}
