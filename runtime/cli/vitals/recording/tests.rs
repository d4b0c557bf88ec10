//! What is a recording and what is not.

use super::*;

fn read(text: &str) -> Result<Recording, RecordingError> {
    Recording::read(text.as_bytes())
}

fn cell(line: u64, column: &str, text: &str) {
    match read(text).unwrap_err() {
        RecordingError::Cell {
            line: found,
            column: name,
            ..
        } => assert_eq!((found, name.as_str()), (line, column), "{text}"),
        other => panic!("{text}: {other}"),
    }
}

#[test]
fn cells_are_signs_and_an_empty_one_was_not_measured() {
    let recording = read("minute,SpO2,HR\n0,97,61.5\n1,,0\n").unwrap();
    let signs = [(VitalSign::Spo2, 97.0), (VitalSign::HeartRate, 61.5)];
    assert_eq!(recording.rows[0].signs, signs);
    assert_eq!(recording.rows[1].signs, [(VitalSign::HeartRate, 0.0)]);
    assert_eq!(recording.rows[1].minute, 1);
    assert!(recording.unknown.is_empty());
}

#[test]
fn the_better_sensor_speaks_unless_it_says_zero() {
    let recording = read("minute,NBPSys,ABPSys\n0,120,118\n1,120,0\n2,,0\n3,120,\n").unwrap();
    let values: Vec<f64> = recording.rows.iter().map(|row| row.signs[0].1).collect();
    assert_eq!(values, [118.0, 120.0, 0.0, 120.0]);
}

#[test]
fn consciousness_is_a_letter_and_oxygen_a_flow() {
    let recording = read("minute,ACVPU,O2,TEMP\n0,A,0,36.5\n1,v,2,\n").unwrap();
    let sign = |row: usize, sign| {
        let signs = &recording.rows[row].signs;
        signs.iter().find(|(of, _)| *of == sign).map(|(_, v)| *v)
    };
    assert_eq!(sign(0, VitalSign::Consciousness), Some(0.0));
    assert_eq!(sign(1, VitalSign::Consciousness), Some(2.0));
    assert_eq!(sign(1, VitalSign::SupplementalOxygen), Some(2.0));
    assert_eq!(sign(0, VitalSign::Temperature), Some(36.5));
    for bad in ["X", "AC", "Á", "1"] {
        cell(2, "ACVPU", &format!("minute,ACVPU\n0,{bad}\n"));
    }
}

#[test]
fn a_column_that_nobody_knows_is_named() {
    let recording = read("minute,HR,CVP,PAPSys\n0,61,x,y\n").unwrap();
    assert_eq!(recording.unknown, ["CVP", "PAPSys"]);
}

#[test]
fn a_bad_cell_is_told_by_line_and_column_and_not_by_what_stands_there() {
    cell(3, "HR", "minute,HR\n0,61\n1,abc\n");
    cell(2, "HR", "minute,HR\n0,NaN\n");
    cell(2, "HR", "minute,HR\n0,1e999\n");
    cell(2, "minute", "minute,HR\n,61\n");
    cell(3, "minute", "minute,HR\n1,61\n1,62\n");
    cell(3, "minute", "minute,HR\n2,61\n1,62\n");
    let said = read("minute,HR\n0,secret\n").unwrap_err().to_string();
    assert_eq!(said, "line 2, column `HR`: expected a number, or nothing");
}

#[test]
fn a_file_that_is_no_recording_is_refused() {
    assert_eq!(read("HR\n1\n").unwrap_err(), RecordingError::NoMinute);
    assert_eq!(read("minute,x\n0,1\n").unwrap_err(), RecordingError::NoSign);
    assert_eq!(read("minute,HR\n").unwrap_err(), RecordingError::Empty);
    assert_eq!(read("").unwrap_err(), RecordingError::NoMinute);
    let twice = read("minute,HR,HR\n0,1,1\n").unwrap_err();
    assert!(matches!(twice, RecordingError::Twice { .. }), "{twice}");
    let short = read("minute,HR\n0,61\n1\n").unwrap_err();
    assert!(
        matches!(short, RecordingError::Line { line: 3, .. }),
        "{short:?}"
    );
    let binary = Recording::read(&b"minute,HR\n0,\xff\n"[..]).unwrap_err();
    assert!(
        matches!(binary, RecordingError::Line { line: 2, .. }),
        "{binary:?}"
    );
}

#[test]
fn the_demonstrations_recording_is_one() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/config/demo/sinais.csv");
    let recording = Recording::read(std::fs::File::open(path).unwrap()).unwrap();
    assert_eq!(recording.rows.len(), 120);
    assert!(recording.unknown.is_empty(), "{:?}", recording.unknown);
    let gaps = recording.rows.iter().filter(|row| row.signs.len() < 9);
    assert!(gaps.count() > 5, "a recording without gaps teaches nothing");
}
