//! One patient's bounded window of readings: a function of what was taken, not of when.
//!
//! Whatever order readings arrive in, the same ones give the same chart: that is what lets it be
//! rebuilt from the store after a restart. A correction of a record is not taken into a chart, and
//! neither is a deletion: whoever learns of one builds the chart anew from the records.

use super::news2::{self, Inputs, Score, Spo2Scale};
use super::{Acvpu, AlarmLimits, AlarmState, Freshness, Reading, VitalSign, is_plausible};
use crate::time::Timestamp;
use std::collections::VecDeque;
use std::sync::Arc;

/// Most readings kept of one sign: six hours of a reading a minute.
pub const WINDOW_READINGS: usize = 360;

/// How far back from the newest reading of a sign its others are kept, in milliseconds.
pub const WINDOW_MS: i64 = 6 * 3_600_000;

/// Signs there are.
const SIGNS: usize = VitalSign::ALL.len();

/// What became of a reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Taken {
    /// It is the newest of its sign.
    New,
    /// It was put in its place among newer ones, or in the place of a milder one of its moment.
    Late,
    /// The chart has it, or a graver one of the same moment.
    Duplicate,
    /// It lies further back than [`WINDOW_MS`] from the newest.
    TooOld,
    /// It cannot be true; its time is kept and its value is not.
    Artefact,
    /// The window is full of newer ones.
    Full,
}

/// The window over one patient's vital signs. Cloning it copies nine pointers.
#[derive(Clone, Debug, Default)]
pub struct Chart {
    tracks: [Arc<Track>; SIGNS],
}

/// One sign's part of the window.
#[derive(Clone, Debug, Default, PartialEq)]
struct Track {
    /// Oldest first, one for a moment, all plausible.
    readings: VecDeque<Reading>,
    /// The newest moment of an artefact.
    artefact: Option<Timestamp>,
    /// What the readings in order have led to.
    alarm: AlarmState,
}

impl Chart {
    /// An empty chart.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes a reading. Of two values for one moment the one nearer to an alarm stays.
    ///
    /// One with a time in the future would push everything true out of the window: whoever reads a
    /// clock leaves those out first ([`Reading::is_ahead_of`]).
    pub fn take(&mut self, reading: Reading) -> Taken {
        let Some(track) = self.tracks.get_mut(reading.sign.index()) else {
            return Taken::Full;
        };
        // Looked at before it is written to: a shared track is copied only for a change.
        if !is_plausible(reading.sign, reading.value) {
            if track.artefact < Some(reading.at) {
                Arc::make_mut(track).artefact = Some(reading.at);
            }
            return Taken::Artefact;
        }
        match track.place(&reading) {
            Place::None(why) => why,
            Place::At(index) => Arc::make_mut(track).insert(index, reading),
            Place::Instead(index) => Arc::make_mut(track).replace(index, reading),
        }
    }

    /// The newest plausible reading of a sign.
    #[must_use]
    pub fn latest(&self, sign: VitalSign) -> Option<&Reading> {
        self.track(sign)?.readings.back()
    }

    /// When the sign last had a value that cannot be true: newer than [`Chart::latest`], it says
    /// that the sensor is off and not only silent.
    #[must_use]
    pub fn last_artefact(&self, sign: VitalSign) -> Option<Timestamp> {
        self.track(sign)?.artefact
    }

    /// Whether the sign calls for somebody, by the readings of the window in order of time.
    #[must_use]
    pub fn alarm(&self, sign: VitalSign) -> AlarmState {
        self.track(sign)
            .map_or(AlarmState::Normal, |track| track.alarm)
    }

    /// The limits that the sign is judged by.
    #[must_use]
    pub fn limits(&self, sign: VitalSign) -> AlarmLimits {
        AlarmLimits::of(sign)
    }

    /// The readings of a sign, oldest first.
    pub fn points(&self, sign: VitalSign) -> impl ExactSizeIterator<Item = &Reading> {
        let none: &VecDeque<Reading> = &NONE;
        self.track(sign)
            .map_or(none, |track| &track.readings)
            .iter()
    }

    /// How old the newest reading of a sign is.
    #[must_use]
    pub fn freshness(&self, sign: VitalSign, now: Timestamp) -> Freshness {
        Freshness::of(
            sign,
            self.latest(sign).map(|reading| age_ms(reading.at, now)),
        )
    }

    /// NEWS2 on the usual oxygen scale; stale and absent readings do not count.
    #[must_use]
    pub fn news2(&self, now: Timestamp) -> Score {
        news2::score(&self.inputs(now), Spo2Scale::One)
    }

    /// What NEWS2 may know of the patient now: the live readings.
    #[must_use]
    pub fn inputs(&self, now: Timestamp) -> Inputs {
        let live = |sign| {
            let live = self.freshness(sign, now) == Freshness::Live;
            self.latest(sign)
                .filter(|_| live)
                .map(|reading| reading.value)
        };
        Inputs {
            respiratory_rate: live(VitalSign::RespiratoryRate),
            spo2: live(VitalSign::Spo2),
            on_oxygen: live(VitalSign::SupplementalOxygen).map(|litres| litres > 0.0),
            systolic: live(VitalSign::SystolicPressure),
            heart_rate: live(VitalSign::HeartRate),
            consciousness: live(VitalSign::Consciousness).and_then(Acvpu::of),
            temperature: live(VitalSign::Temperature),
        }
    }

    fn track(&self, sign: VitalSign) -> Option<&Track> {
        self.tracks.get(sign.index()).map(AsRef::as_ref)
    }
}

static NONE: VecDeque<Reading> = VecDeque::new();

impl PartialEq for Chart {
    fn eq(&self, other: &Self) -> bool {
        self.tracks == other.tracks
    }
}

fn age_ms(at: Timestamp, now: Timestamp) -> i64 {
    now.micros().saturating_sub(at.micros()) / 1_000
}

/// Where a reading belongs in a track.
enum Place {
    /// Before this index.
    At(usize),
    /// In the place of this one, which is milder.
    Instead(usize),
    /// Nowhere, and why.
    None(Taken),
}

impl Track {
    fn place(&self, reading: &Reading) -> Place {
        let newest = self.readings.back().map(|last| last.at);
        if newest.is_some_and(|newest| age_ms(reading.at, newest) > WINDOW_MS) {
            return Place::None(Taken::TooOld);
        }
        let index = self.readings.partition_point(|one| one.at < reading.at);
        match self.readings.get(index) {
            Some(same) if same.at == reading.at => {
                if graver(reading, same) {
                    Place::Instead(index)
                } else {
                    Place::None(Taken::Duplicate)
                }
            }
            _ if index == 0 && self.readings.len() >= WINDOW_READINGS => Place::None(Taken::Full),
            _ => Place::At(index),
        }
    }

    fn insert(&mut self, index: usize, reading: Reading) -> Taken {
        let newest = index == self.readings.len();
        self.readings.insert(index, reading);
        let dropped = self.trim();
        if newest && !dropped {
            self.alarm = self
                .alarm
                .next(&AlarmLimits::of(reading.sign), reading.value);
        } else {
            self.recompute();
        }
        if newest { Taken::New } else { Taken::Late }
    }

    fn replace(&mut self, index: usize, reading: Reading) -> Taken {
        if let Some(place) = self.readings.get_mut(index) {
            *place = reading;
        }
        self.recompute();
        Taken::Late
    }

    /// Drops what has left the window; whether anything had.
    fn trim(&mut self) -> bool {
        let before = self.readings.len();
        while self.readings.len() > WINDOW_READINGS || self.oldest_is_too_old() {
            self.readings.pop_front();
        }
        self.readings.len() < before
    }

    fn oldest_is_too_old(&self) -> bool {
        match (self.readings.front(), self.readings.back()) {
            (Some(oldest), Some(newest)) => age_ms(oldest.at, newest.at) > WINDOW_MS,
            _ => false,
        }
    }

    /// From the window alone, so that the order of arrival leaves no trace.
    fn recompute(&mut self) {
        self.alarm = self.readings.iter().fold(AlarmState::Normal, |state, one| {
            state.next(&AlarmLimits::of(one.sign), one.value)
        });
    }
}

/// Whether `one` is nearer to an alarm than `other`, or further in it. Total, so that it does not
/// matter which of the two came first.
fn graver(one: &Reading, other: &Reading) -> bool {
    let limits = AlarmLimits::of(one.sign);
    let (mine, theirs) = (limits.excess(one.value), limits.excess(other.value));
    let by_value = || one.value.total_cmp(&other.value);
    mine.total_cmp(&theirs).then_with(by_value).is_gt()
}
