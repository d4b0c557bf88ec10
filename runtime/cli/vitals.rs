//! `plantao vitals replay`: a monitor's recording, sent as if it happened now.
//!
//! The whole file is read and checked before the first row is sent. Rows go out on time, not after
//! one another: a server that is away for a while is sent what it missed, in order, with the times
//! at which it was due.

use std::fs::File;
use std::io::{BufReader, IsTerminal, Read, Write};
use std::path::Path;
use std::pin::pin;
use std::time::Duration;

use futures_util::future::join_all;
use plantao_actors::clock::WallClock;
use plantao_schema::id::PatientId;
use tokio::time::{Instant, MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::arguments::{Replay, Vitals, VitalsCommand};
use super::context::Context;
use super::error::CliError;
use super::ward::place;
use feed::Replay as Feeds;
use recording::{Recording, RecordingError};
use schedule::Schedule;
use tally::Tally;

mod feed;
mod recording;
mod schedule;
mod tally;

/// Who writes observations in a demonstration.
const USUAL: &str = "enfermeiro";
/// Two years of minutes with all columns are smaller.
const FILE_MAX_BYTES: u64 = 128 * 1024 * 1024;
/// A line that is written over.
const PROGRESS_ON_TERMINAL: Duration = Duration::from_secs(1);
/// A line of a log.
const PROGRESS_ELSEWHERE: Duration = Duration::from_secs(10);

pub(super) async fn vitals(
    context: &Context,
    vitals: &Vitals,
    out: &mut impl Write,
) -> Result<(), CliError> {
    let VitalsCommand::Replay(replay) = &vitals.command;
    let patients = patients(replay)?;
    let recording = read(&replay.file)?;
    if !recording.unknown.is_empty() {
        let names = recording.unknown.join("`, `");
        note(&format!(
            "plantao: columns not understood, left out: `{names}`\n"
        ));
    }
    let Replay {
        from, speed, rows, ..
    } = *replay;
    let schedule = Schedule::new(&recording, from, speed, rows, replay.endless);
    let schedule = schedule.ok_or_else(|| CliError::Usage {
        text: format!("--from: the recording ends before minute {from}"),
    })?;
    if let Some(ward) = &replay.ward {
        let client = context.front_door(USUAL)?;
        for (bed, patient) in beds(replay).iter().zip(&patients) {
            place(&client, ward, bed, patient.as_str()).await?;
        }
    }
    let kept = context.front_door(USUAL)?.keep();
    let (tally, stop) = (Tally::default(), CancellationToken::new());
    let feeds = Feeds {
        kept: &kept,
        schedule,
        began: Instant::now(),
        began_at: WallClock::system().now(),
        run: run_name(),
        tally: &tally,
        stop: &stop,
    };
    let result = play(&feeds, &patients).await;
    writeln!(
        out,
        "{}",
        tally.summary(patients.len(), feeds.began.elapsed())
    )?;
    result
}

/// Runs every feed to its end. Ctrl-C lets rows on their way arrive, a second one does not.
async fn play(feeds: &Feeds<'_>, patients: &[PatientId]) -> Result<(), CliError> {
    let count = patients.len();
    let all = patients.iter().enumerate().map(async |(number, patient)| {
        let result = feeds.feed(patient, number, count).await;
        if result.is_err() {
            feeds.stop.cancel();
        }
        result
    });
    let mut all = pin!(join_all(all));
    let on_terminal = std::io::stderr().is_terminal();
    let mut clock = interval(if on_terminal {
        PROGRESS_ON_TERMINAL
    } else {
        PROGRESS_ELSEWHERE
    });
    clock.set_missed_tick_behavior(MissedTickBehavior::Skip);
    clock.tick().await;
    let results = loop {
        tokio::select! {
            biased;
            _ = tokio::signal::ctrl_c() => {
                if feeds.stop.is_cancelled() {
                    break Vec::new();
                }
                feeds.stop.cancel();
            }
            results = &mut all => break results,
            _ = clock.tick() => show(&feeds.tally.progress(), on_terminal),
        }
    };
    if on_terminal {
        note("\r\x1b[K");
    }
    results.into_iter().collect()
}

/// The beds that were named, or numbers from 01 on.
fn beds(replay: &Replay) -> Vec<String> {
    if replay.bed.is_empty() {
        let numbers = 1..=replay.patient.len();
        return numbers.map(|number| format!("{number:02}")).collect();
    }
    replay.bed.clone()
}

fn patients(replay: &Replay) -> Result<Vec<PatientId>, CliError> {
    let usage = |text: String| CliError::Usage { text };
    let given = replay.ward.is_some() && !replay.bed.is_empty();
    if given && replay.bed.len() != replay.patient.len() {
        let (patients, beds) = (replay.patient.len(), replay.bed.len());
        return Err(usage(format!(
            "--bed: {patients} patients need as many beds, {beds} are given"
        )));
    }
    let parse = |id: &String| PatientId::parse(id).map_err(|e| usage(format!("--patient: {e}")));
    replay.patient.iter().map(parse).collect()
}

fn read(path: &Path) -> Result<Recording, CliError> {
    let unreadable = |reason: String| CliError::Input {
        path: path.into(),
        reason,
    };
    let file = File::open(path).map_err(|error| unreadable(error.to_string()))?;
    let size = file.metadata().map_or(0, |metadata| metadata.len());
    if size > FILE_MAX_BYTES {
        return Err(unreadable(format!("larger than {FILE_MAX_BYTES} bytes")));
    }
    let source = BufReader::new(file.take(FILE_MAX_BYTES));
    Recording::read(source).map_err(|error: RecordingError| unreadable(error.to_string()))
}

/// Twelve random hexadecimal digits.
fn run_name() -> String {
    let mut name = Uuid::new_v4().simple().to_string();
    name.truncate(12);
    name
}

fn show(line: &str, on_terminal: bool) {
    if on_terminal {
        note(&format!("\r\x1b[K{line}"));
    } else {
        note(&format!("{line}\n"));
    }
}

/// To the standard error; a reader who left misses it.
fn note(text: &str) {
    let mut err = std::io::stderr();
    let _left = err.write_all(text.as_bytes()).and_then(|()| err.flush());
}
