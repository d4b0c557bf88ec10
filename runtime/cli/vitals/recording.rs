//! A monitor's recording: CSV with one row a minute, read whole and checked before it is used.
//!
//! An error names the line and the column, never what stands there: it may be a patient's.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;

use csv::{ErrorKind, ReaderBuilder, StringRecord, Trim};
use plantao_schema::vitals::VitalSign;

/// Two years of minutes.
const ROWS_MAX: usize = 1_051_200;
/// The letters of ACVPU, in the order in which they are numbered.
const ACVPU: &str = "ACVPU";

/// What was recorded, in the order of its minutes.
#[derive(Debug)]
pub(super) struct Recording {
    pub(super) rows: Vec<Row>,
    /// Columns that nobody here understands.
    pub(super) unknown: Vec<String>,
}

/// One minute. A sign that was not measured is not in it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Row {
    pub(super) minute: u32,
    pub(super) signs: Vec<(VitalSign, f64)>,
}

/// Why a file is not a recording.
#[derive(Debug, PartialEq, thiserror::Error)]
pub(super) enum RecordingError {
    /// The header has no `minute`.
    #[error("line 1: no column `minute`")]
    NoMinute,
    /// The header has no column of a vital sign.
    #[error("line 1: no column of a vital sign, such as `HR`")]
    NoSign,
    /// The header has a column twice.
    #[error("line 1, column `{column}`: it is there twice")]
    Twice {
        /// Which.
        column: String,
    },
    /// There is a header and nothing else.
    #[error("there are no rows")]
    Empty,
    /// There is no end to it.
    #[error("line {line}: more than {ROWS_MAX} rows")]
    TooLong {
        /// Where it went on.
        line: u64,
    },
    /// A line is not CSV, or has more or fewer cells than the header.
    #[error("line {line}: {reason}")]
    Line {
        /// Counted from 1, the header included.
        line: u64,
        /// What is wrong.
        reason: String,
    },
    /// A cell does not hold what its column promises.
    #[error("line {line}, column `{column}`: {expected}")]
    Cell {
        /// Counted from 1, the header included.
        line: u64,
        /// Which.
        column: String,
        /// What should be there.
        expected: &'static str,
    },
}

/// What a column holds. Two sensors may measure one sign: the better one is of rank 0.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Column {
    Minute,
    Number(VitalSign, u8),
    Letter,
    Unknown,
}

impl Recording {
    pub(super) fn read(source: impl Read) -> Result<Self, RecordingError> {
        let mut reader = ReaderBuilder::new().trim(Trim::All).from_reader(source);
        let header = reader.headers().map_err(malformed)?.clone();
        let columns = columns(&header)?;
        let mut rows: Vec<Row> = Vec::new();
        for record in reader.records() {
            let record = record.map_err(malformed)?;
            let line = record.position().map_or(0, csv::Position::line);
            if rows.len() >= ROWS_MAX {
                return Err(RecordingError::TooLong { line });
            }
            let row = row(&record, &header, &columns, line)?;
            if rows.last().is_some_and(|last| row.minute <= last.minute) {
                return Err(RecordingError::Cell {
                    line,
                    column: "minute".into(),
                    expected: "expected a minute after that of the line before",
                });
            }
            rows.push(row);
        }
        if rows.is_empty() {
            return Err(RecordingError::Empty);
        }
        let unknown = header.iter().zip(&columns);
        let unknown = unknown.filter(|(_, column)| **column == Column::Unknown);
        Ok(Self {
            unknown: unknown.map(|(name, _)| name.to_owned()).collect(),
            rows,
        })
    }
}

fn column(name: &str) -> Column {
    let number = Column::Number;
    match name {
        "minute" => Column::Minute,
        "HR" => number(VitalSign::HeartRate, 0),
        "PULSE" => number(VitalSign::HeartRate, 1),
        "RESP" => number(VitalSign::RespiratoryRate, 0),
        "SpO2" => number(VitalSign::Spo2, 0),
        "ABPSys" => number(VitalSign::SystolicPressure, 0),
        "NBPSys" => number(VitalSign::SystolicPressure, 1),
        "ABPDias" => number(VitalSign::DiastolicPressure, 0),
        "NBPDias" => number(VitalSign::DiastolicPressure, 1),
        "ABPMean" => number(VitalSign::MeanPressure, 0),
        "NBPMean" => number(VitalSign::MeanPressure, 1),
        "TEMP" => number(VitalSign::Temperature, 0),
        "O2" => number(VitalSign::SupplementalOxygen, 0),
        "ACVPU" => Column::Letter,
        _ => Column::Unknown,
    }
}

fn columns(header: &StringRecord) -> Result<Vec<Column>, RecordingError> {
    let columns: Vec<Column> = header.iter().map(column).collect();
    let mut seen = BTreeSet::new();
    if let Some(column) = header.iter().find(|name| !seen.insert(*name)) {
        let column = column.to_owned();
        return Err(RecordingError::Twice { column });
    }
    if !columns.contains(&Column::Minute) {
        return Err(RecordingError::NoMinute);
    }
    let is_sign = |column: &Column| matches!(column, Column::Number(..) | Column::Letter);
    if !columns.iter().any(is_sign) {
        return Err(RecordingError::NoSign);
    }
    Ok(columns)
}

fn row(
    record: &StringRecord,
    header: &StringRecord,
    columns: &[Column],
    line: u64,
) -> Result<Row, RecordingError> {
    let mut minute = None;
    let mut measured: BTreeMap<VitalSign, Vec<(u8, f64)>> = BTreeMap::new();
    for ((cell, name), column) in record.iter().zip(header).zip(columns) {
        let wrong = |expected| RecordingError::Cell {
            line,
            column: name.to_owned(),
            expected,
        };
        match column {
            Column::Minute => {
                let number = cell.parse().map_err(|_| wrong("expected a whole number"));
                minute = Some(number?);
            }
            Column::Unknown => {}
            _ if cell.is_empty() => {}
            Column::Number(sign, rank) => {
                let value = cell.parse().ok().filter(|value: &f64| value.is_finite());
                let value = value.ok_or_else(|| wrong("expected a number, or nothing"))?;
                measured.entry(*sign).or_default().push((*rank, value));
            }
            Column::Letter => {
                let place = ACVPU.find(cell.to_ascii_uppercase().as_str());
                let place = place.filter(|_| cell.len() == 1);
                let place = place.and_then(|place| u8::try_from(place).ok());
                let place = place.ok_or_else(|| wrong("expected A, C, V, P, U or nothing"))?;
                let sign = VitalSign::Consciousness;
                measured
                    .entry(sign)
                    .or_default()
                    .push((0, f64::from(place)));
            }
        }
    }
    let signs = measured.into_iter();
    let signs = signs.filter_map(|(sign, values)| Some((sign, better(values)?)));
    Ok(Row {
        minute: minute.ok_or(RecordingError::NoMinute)?,
        signs: signs.collect(),
    })
}

/// Of two sensors the better one speaks; one that says zero does not silence the other.
fn better(mut values: Vec<(u8, f64)>) -> Option<f64> {
    values.sort_by_key(|(rank, _)| *rank);
    let spoken = values.iter().find(|(_, value)| *value != 0.0);
    spoken.or(values.first()).map(|(_, value)| *value)
}

fn malformed(error: csv::Error) -> RecordingError {
    let position = error.position().map_or(1, csv::Position::line);
    let reason = match error.into_kind() {
        ErrorKind::UnequalLengths {
            expected_len, len, ..
        } => format!("expected {expected_len} cells, as in the header, found {len}"),
        ErrorKind::Utf8 { .. } => "not UTF-8".into(),
        ErrorKind::Io(error) => error.kind().to_string(),
        _ => "not CSV".into(),
    };
    RecordingError::Line {
        line: position,
        reason,
    }
}

#[cfg(test)]
mod tests;
