//! The chart against a naive one that keeps everything and sorts.

use super::*;
use crate::time::Timestamp;
use proptest::prelude::*;
use std::collections::BTreeMap;

const START: Timestamp = Timestamp::from_micros(1_763_800_000_000_000);

fn heart(minute: i64, value: f64) -> Reading {
    reading(VitalSign::HeartRate, minute, value)
}

fn reading(sign: VitalSign, minute: i64, value: f64) -> Reading {
    let at = START.plus_seconds(minute * 60);
    Reading { sign, value, at }
}

fn chart(readings: &[Reading]) -> Chart {
    let mut chart = Chart::new();
    for reading in readings {
        chart.take(*reading);
    }
    chart
}

fn values(chart: &Chart, sign: VitalSign) -> Vec<f64> {
    chart.points(sign).map(|one| one.value).collect()
}

#[test]
fn readings_find_their_place_and_say_what_became_of_them() {
    let mut chart = Chart::new();
    assert_eq!(chart.take(heart(10, 70.0)), Taken::New);
    assert_eq!(chart.take(heart(12, 72.0)), Taken::New);
    assert_eq!(chart.take(heart(11, 71.0)), Taken::Late);
    assert_eq!(chart.take(heart(11, 71.0)), Taken::Duplicate);
    assert_eq!(chart.take(heart(13, 0.0)), Taken::Artefact);
    assert_eq!(chart.take(heart(12 - 361, 70.0)), Taken::TooOld);
    assert_eq!(chart.take(heart(12 - 360, 69.0)), Taken::Late);
    assert_eq!(
        values(&chart, VitalSign::HeartRate),
        [69.0, 70.0, 71.0, 72.0]
    );
    assert_eq!(chart.latest(VitalSign::HeartRate), Some(&heart(12, 72.0)));
    assert_eq!(
        chart.last_artefact(VitalSign::HeartRate),
        Some(heart(13, 0.0).at)
    );
    assert_eq!(chart.latest(VitalSign::Spo2), None);
    assert_eq!(chart.points(VitalSign::Spo2).len(), 0);
}

#[test]
fn of_two_values_for_one_moment_the_graver_stays() {
    for (milder, graver) in [(70.0, 130.0), (70.0, 45.0), (70.0, 60.0), (80.0, 110.0)] {
        let (milder, graver) = (heart(1, milder), heart(1, graver));
        let mut one = chart(&[milder]);
        assert_eq!(one.take(graver), Taken::Late);
        let mut other = chart(&[graver]);
        assert_eq!(other.take(milder), Taken::Duplicate);
        assert_eq!(one, other);
    }
    let critical = chart(&[heart(1, 130.0), heart(1, 70.0)]);
    assert_eq!(critical.alarm(VitalSign::HeartRate), AlarmState::High);
}

#[test]
fn the_window_is_bounded_and_takes_nothing_older_than_a_full_one() {
    let mut chart = Chart::new();
    for second in 0..1_000 {
        let at = START.plus_seconds(second);
        let (sign, value) = (VitalSign::Spo2, 97.0);
        assert_eq!(chart.take(Reading { sign, value, at }), Taken::New);
    }
    assert_eq!(chart.points(VitalSign::Spo2).len(), WINDOW_READINGS);
    let oldest = chart.points(VitalSign::Spo2).next().unwrap().at;
    assert_eq!(oldest, START.plus_seconds(1_000 - 360));
    assert_eq!(chart.take(reading(VitalSign::Spo2, 0, 97.0)), Taken::Full);
}

#[test]
fn what_leaves_the_window_no_longer_holds_an_alarm() {
    let mut readings = vec![heart(0, 130.0)];
    readings.extend((1..360).map(|minute| heart(minute, 119.0)));
    let mut chart = chart(&readings);
    assert_eq!(
        chart.alarm(VitalSign::HeartRate),
        AlarmState::High,
        "within the hysteresis"
    );
    chart.take(heart(360, 119.0));
    assert_eq!(chart.alarm(VitalSign::HeartRate), AlarmState::Normal);
}

#[test]
fn a_late_reading_corrects_the_alarm() {
    let mut chart = chart(&[heart(0, 130.0), heart(2, 119.0)]);
    assert_eq!(chart.alarm(VitalSign::HeartRate), AlarmState::High);
    chart.take(heart(1, 100.0));
    assert_eq!(chart.alarm(VitalSign::HeartRate), AlarmState::Normal);
    assert_eq!(
        chart.limits(VitalSign::HeartRate),
        AlarmLimits::of(VitalSign::HeartRate)
    );
}

#[test]
fn an_artefact_changes_no_value_and_no_alarm() {
    let before = chart(&[heart(0, 130.0)]);
    let mut after = before.clone();
    after.take(heart(1, 0.0));
    assert_eq!(
        after.latest(VitalSign::HeartRate),
        before.latest(VitalSign::HeartRate)
    );
    assert_eq!(after.alarm(VitalSign::HeartRate), AlarmState::High);
    assert_eq!(
        after.last_artefact(VitalSign::HeartRate),
        Some(heart(1, 0.0).at)
    );
    after.take(heart(0, f64::NAN));
    assert_eq!(
        after.last_artefact(VitalSign::HeartRate),
        Some(heart(1, 0.0).at)
    );
}

#[test]
fn only_live_readings_are_scored() {
    let now = START.plus_seconds(600);
    let mut chart = chart(&[
        reading(VitalSign::RespiratoryRate, 9, 25.0),
        reading(VitalSign::Spo2, 6, 85.0),
        reading(VitalSign::SystolicPressure, 0, 95.0),
        reading(VitalSign::Temperature, -600, 39.5),
        reading(VitalSign::Consciousness, -600, Acvpu::Voice.value()),
        reading(VitalSign::SupplementalOxygen, -600, 2.0),
        heart(10 + 24 * 60, 140.0),
    ]);
    assert_eq!(chart.freshness(VitalSign::Spo2, now), Freshness::Stale);
    assert_eq!(
        chart.freshness(VitalSign::MeanPressure, now),
        Freshness::Absent
    );
    let score = chart.news2(now);
    let parts = [Some(3), None, Some(2), Some(2), None, Some(3), Some(2)];
    assert_eq!(
        score.parts, parts,
        "a heart rate of tomorrow is not believed"
    );
    chart.take(reading(VitalSign::Spo2, 10, 85.0));
    assert_eq!(chart.news2(now).parts[1], Some(3));
    let tomorrow = START.plus_seconds(600 + 86_400);
    assert_eq!(
        chart.news2(tomorrow).scored(),
        1,
        "all but the heart rate are too old"
    );
}

#[test]
fn a_reading_ahead_of_the_clock_is_told_apart() {
    let one = heart(0, 70.0);
    assert!(!one.is_ahead_of(START));
    assert!(!one.is_ahead_of(START.plus_seconds(-60)));
    assert!(one.is_ahead_of(START.plus_seconds(-61)));
}

#[test]
fn a_clone_shares_what_does_not_change() {
    let mut chart = chart(&[heart(0, 70.0), reading(VitalSign::Spo2, 0, 97.0)]);
    let shown = chart.clone();
    let spo2 = std::ptr::from_ref(shown.latest(VitalSign::Spo2).unwrap());
    chart.take(heart(1, 71.0));
    assert_eq!(values(&shown, VitalSign::HeartRate), [70.0]);
    assert!(std::ptr::eq(spo2, chart.latest(VitalSign::Spo2).unwrap()));
    chart.take(heart(1, 71.0));
    assert_eq!(chart, chart.clone());
}

/// Keeps everything, sorts, and cuts at the end: what the window should hold of one sign.
fn model(readings: &[Reading], sign: VitalSign) -> (Vec<Reading>, AlarmState) {
    let limits = AlarmLimits::of(sign);
    let mut moments: BTreeMap<Timestamp, f64> = BTreeMap::new();
    for one in readings.iter().filter(|one| one.sign == sign) {
        if !is_plausible(sign, one.value) {
            continue;
        }
        let distance = |value: f64| {
            let low = limits.low.map_or(f64::MAX, |low| value - low);
            let high = limits.high.map_or(f64::MAX, |high| high - value);
            low.min(high)
        };
        let kept = moments.entry(one.at).or_insert(one.value);
        let (mine, theirs) = (distance(one.value), distance(*kept));
        if mine < theirs || (mine <= theirs && one.value > *kept) {
            *kept = one.value;
        }
    }
    let newest = moments.keys().next_back().copied();
    let window: Vec<Reading> = moments
        .into_iter()
        .filter(|(at, _)| newest.is_some_and(|n| n.micros() - at.micros() <= WINDOW_MS * 1_000))
        .map(|(at, value)| Reading { sign, value, at })
        .collect();
    let window = window[window.len().saturating_sub(WINDOW_READINGS)..].to_vec();
    let alarm = window.iter().fold(AlarmState::Normal, |state, one| {
        state.next(&limits, one.value)
    });
    (window, alarm)
}

fn any_reading(minutes: i64) -> impl Strategy<Value = Reading> {
    let sign = prop::sample::select(&VitalSign::ALL[4..]);
    // Few values, so that some meet at one moment; zeros, so that some are artefacts.
    let value = prop::sample::select(&[0.0, 45.0, 88.0, 91.0, 97.0, 118.0, 125.0][..]);
    (sign, 0..minutes, value).prop_map(|(sign, minute, value)| reading(sign, minute, value))
}

proptest! {
    #[test]
    fn any_order_of_arrival_gives_the_chart_of_the_naive_one(
        readings in proptest::collection::vec(any_reading(900), 0..200),
        shuffled in any::<prop::sample::Index>(),
    ) {
        let here = chart(&readings);
        let mut sorted = readings.clone();
        sorted.sort_by_key(|one| one.at);
        prop_assert_eq!(&here, &chart(&sorted));
        let mut turned = readings.clone();
        turned.rotate_left(shuffled.index(readings.len().max(1)).min(readings.len()));
        turned.reverse();
        prop_assert_eq!(&here, &chart(&turned));
        for &sign in VitalSign::ALL {
            let (window, alarm) = model(&readings, sign);
            prop_assert_eq!(here.points(sign).copied().collect::<Vec<_>>(), window);
            prop_assert_eq!(here.alarm(sign), alarm);
        }
    }

    #[test]
    fn a_window_that_overflows_is_still_the_naive_one(
        seconds in proptest::collection::vec((0_i64..3_000, 80_u8..130), 380..450),
    ) {
        let taken: Vec<Reading> = seconds
            .iter()
            .map(|&(second, value)| Reading {
                sign: VitalSign::HeartRate,
                value: f64::from(value),
                at: START.plus_seconds(second),
            })
            .collect();
        let here = chart(&taken);
        let (window, alarm) = model(&taken, VitalSign::HeartRate);
        prop_assert!(window.len() <= WINDOW_READINGS);
        let points: Vec<Reading> = here.points(VitalSign::HeartRate).copied().collect();
        prop_assert_eq!(points, window);
        prop_assert_eq!(here.alarm(VitalSign::HeartRate), alarm);
    }
}
