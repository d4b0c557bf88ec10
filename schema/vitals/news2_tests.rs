//! Every edge of every band, as the charts of the Royal College of Physicians (2017) draw them.

use super::*;

/// A patient with nothing amiss, on air: scores 0.
const WELL: Inputs = Inputs {
    respiratory_rate: Some(16.0),
    spo2: Some(98.0),
    on_oxygen: Some(false),
    systolic: Some(120.0),
    heart_rate: Some(70.0),
    consciousness: Some(Acvpu::Alert),
    temperature: Some(36.8),
};

type Set = fn(&mut Inputs, f64);

fn edges(part: usize, set: Set, of: &Inputs, scale: Spo2Scale, bands: &[(f64, u8)]) {
    for (value, expected) in bands {
        let mut inputs = *of;
        set(&mut inputs, *value);
        let found = score(&inputs, scale).parts[part];
        assert_eq!(
            found,
            Some(*expected),
            "parameter {part} at {value}, {scale:?}"
        );
    }
}

#[test]
fn a_patient_with_nothing_amiss_scores_nothing() {
    let found = score(&WELL, Spo2Scale::One);
    assert_eq!(
        (found.total, found.risk, found.is_complete()),
        (0, Risk::Low, true)
    );
    assert_eq!(found.parts, [Some(0); PARAMETERS]);
}

#[test]
fn respiratory_rate_has_its_bands() {
    let bands = [
        (1.0, 3),
        (8.0, 3),
        (9.0, 1),
        (11.0, 1),
        (12.0, 0),
        (20.0, 0),
        (21.0, 2),
        (24.0, 2),
        (25.0, 3),
        (60.0, 3),
    ];
    edges(
        0,
        |i, v| i.respiratory_rate = Some(v),
        &WELL,
        Spo2Scale::One,
        &bands,
    );
}

#[test]
fn oxygen_saturation_has_its_bands_on_the_first_scale() {
    let bands = [
        (60.0, 3),
        (91.0, 3),
        (92.0, 2),
        (93.0, 2),
        (94.0, 1),
        (95.0, 1),
        (96.0, 0),
        (100.0, 0),
    ];
    edges(1, |i, v| i.spo2 = Some(v), &WELL, Spo2Scale::One, &bands);
    let on_oxygen = Inputs {
        on_oxygen: Some(true),
        ..WELL
    };
    edges(
        1,
        |i, v| i.spo2 = Some(v),
        &on_oxygen,
        Spo2Scale::One,
        &bands,
    );
    let unknown = Inputs {
        on_oxygen: None,
        ..WELL
    };
    edges(1, |i, v| i.spo2 = Some(v), &unknown, Spo2Scale::One, &bands);
}

#[test]
fn oxygen_saturation_has_its_bands_on_the_second_scale() {
    let low = [
        (60.0, 3),
        (83.0, 3),
        (84.0, 2),
        (85.0, 2),
        (86.0, 1),
        (87.0, 1),
        (88.0, 0),
        (92.0, 0),
    ];
    for on_oxygen in [Some(true), Some(false), None] {
        let of = Inputs { on_oxygen, ..WELL };
        edges(1, |i, v| i.spo2 = Some(v), &of, Spo2Scale::Two, &low);
    }
    let on_air = [(93.0, 0), (95.0, 0), (97.0, 0), (100.0, 0)];
    edges(1, |i, v| i.spo2 = Some(v), &WELL, Spo2Scale::Two, &on_air);
    let of = Inputs {
        on_oxygen: Some(true),
        ..WELL
    };
    let on_oxygen = [
        (93.0, 1),
        (94.0, 1),
        (95.0, 2),
        (96.0, 2),
        (97.0, 3),
        (100.0, 3),
    ];
    edges(1, |i, v| i.spo2 = Some(v), &of, Spo2Scale::Two, &on_oxygen);
}

#[test]
fn the_second_scale_leaves_a_high_saturation_open_where_oxygen_is_unknown() {
    let inputs = Inputs {
        on_oxygen: None,
        spo2: Some(93.0),
        ..WELL
    };
    let found = score(&inputs, Spo2Scale::Two);
    assert_eq!(
        (found.parts[1], found.parts[2], found.scored()),
        (None, None, 5)
    );
}

#[test]
fn oxygen_given_scores_two() {
    edges(
        2,
        |i, v| i.on_oxygen = Some(v > 0.0),
        &WELL,
        Spo2Scale::One,
        &[(0.0, 0), (2.0, 2)],
    );
}

#[test]
fn systolic_pressure_has_its_bands() {
    let bands = [
        (40.0, 3),
        (90.0, 3),
        (91.0, 2),
        (100.0, 2),
        (101.0, 1),
        (110.0, 1),
        (111.0, 0),
        (219.0, 0),
        (220.0, 3),
        (280.0, 3),
    ];
    edges(
        3,
        |i, v| i.systolic = Some(v),
        &WELL,
        Spo2Scale::One,
        &bands,
    );
}

#[test]
fn heart_rate_has_its_bands() {
    let bands = [
        (20.0, 3),
        (40.0, 3),
        (41.0, 1),
        (50.0, 1),
        (51.0, 0),
        (90.0, 0),
        (91.0, 1),
        (110.0, 1),
        (111.0, 2),
        (130.0, 2),
        (131.0, 3),
        (200.0, 3),
    ];
    edges(
        4,
        |i, v| i.heart_rate = Some(v),
        &WELL,
        Spo2Scale::One,
        &bands,
    );
}

#[test]
fn anything_but_alert_scores_three() {
    for level in Acvpu::ALL {
        let inputs = Inputs {
            consciousness: Some(*level),
            ..WELL
        };
        let expected = if *level == Acvpu::Alert { 0 } else { 3 };
        assert_eq!(
            score(&inputs, Spo2Scale::One).parts[5],
            Some(expected),
            "{level:?}"
        );
    }
}

#[test]
fn temperature_has_its_bands() {
    let bands = [
        (30.0, 3),
        (35.0, 3),
        (35.1, 1),
        (36.0, 1),
        (36.1, 0),
        (38.0, 0),
        (38.1, 1),
        (39.0, 1),
        (39.1, 2),
        (41.0, 2),
    ];
    edges(
        6,
        |i, v| i.temperature = Some(v),
        &WELL,
        Spo2Scale::One,
        &bands,
    );
}

#[test]
fn a_value_between_two_bands_is_rounded_first_halves_upwards() {
    edges(
        1,
        |i, v| i.spo2 = Some(v),
        &WELL,
        Spo2Scale::One,
        &[(95.49, 1), (95.5, 0)],
    );
    edges(
        4,
        |i, v| i.heart_rate = Some(v),
        &WELL,
        Spo2Scale::One,
        &[(90.4, 0), (90.5, 1)],
    );
    let tenths = [
        (38.04, 0),
        (38.05, 1),
        (39.04, 1),
        (39.05, 2),
        (35.04, 3),
        (35.05, 1),
    ];
    edges(
        6,
        |i, v| i.temperature = Some(v),
        &WELL,
        Spo2Scale::One,
        &tenths,
    );
}

#[test]
fn the_risk_follows_the_total_and_a_single_three() {
    // Heart rate and systolic pressure alone reach every total up to six.
    let at = |heart: f64, systolic: f64, rate: f64| {
        let inputs = Inputs {
            heart_rate: Some(heart),
            systolic: Some(systolic),
            respiratory_rate: Some(rate),
            ..WELL
        };
        let found = score(&inputs, Spo2Scale::One);
        (found.total, found.risk)
    };
    assert_eq!(at(100.0, 120.0, 16.0), (1, Risk::Low));
    assert_eq!(at(120.0, 95.0, 16.0), (4, Risk::Low));
    assert_eq!(at(140.0, 120.0, 16.0), (3, Risk::LowMedium));
    assert_eq!(at(140.0, 105.0, 16.0), (4, Risk::LowMedium));
    assert_eq!(at(120.0, 95.0, 10.0), (5, Risk::Medium));
    assert_eq!(at(140.0, 95.0, 16.0), (5, Risk::Medium));
    assert_eq!(at(120.0, 95.0, 22.0), (6, Risk::Medium));
    assert_eq!(at(140.0, 80.0, 16.0), (6, Risk::Medium));
    assert_eq!(at(140.0, 95.0, 22.0), (7, Risk::High));
}

#[test]
fn the_worst_patient_scores_twenty() {
    let worst = Inputs {
        respiratory_rate: Some(4.0),
        spo2: Some(70.0),
        on_oxygen: Some(true),
        systolic: Some(60.0),
        heart_rate: Some(150.0),
        consciousness: Some(Acvpu::Unresponsive),
        temperature: Some(34.0),
    };
    for scale in [Spo2Scale::One, Spo2Scale::Two] {
        let found = score(&worst, scale);
        assert_eq!((found.total, found.risk), (20, Risk::High));
    }
}

#[test]
fn a_missing_parameter_counts_nothing_and_leaves_the_score_incomplete() {
    let none = score(&Inputs::default(), Spo2Scale::One);
    assert_eq!((none.total, none.scored(), none.risk), (0, 0, Risk::Low));
    let alone = Inputs {
        heart_rate: Some(131.0),
        ..Inputs::default()
    };
    let alone = score(&alone, Spo2Scale::One);
    assert_eq!(
        (alone.total, alone.scored(), alone.risk),
        (3, 1, Risk::LowMedium)
    );
    let without = Inputs {
        temperature: None,
        ..WELL
    };
    let without = score(&without, Spo2Scale::One);
    assert_eq!((without.scored(), without.is_complete()), (6, false));
    assert_eq!(without.parts[6], None);
}

#[test]
fn what_is_no_number_is_missing() {
    for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let inputs = Inputs {
            spo2: Some(value),
            temperature: Some(value),
            ..WELL
        };
        let found = score(&inputs, Spo2Scale::One);
        assert_eq!(
            (found.parts[1], found.parts[6], found.total),
            (None, None, 0)
        );
    }
}
