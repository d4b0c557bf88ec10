//! Which row goes when: pure, so that hours of replay are tested in microseconds.

use std::time::Duration;

use super::recording::{Recording, Row};

const MINUTE: Duration = Duration::from_secs(60);

/// The part of a recording that is played, and how.
#[derive(Clone, Copy)]
pub(super) struct Schedule<'a> {
    rows: &'a [Row],
    speed: f64,
    /// Rows for each patient; `None` is without end.
    limit: Option<u64>,
}

/// One row and when it is due, from the start of the replay.
#[derive(Clone, Copy, Debug)]
pub(super) struct Step<'a> {
    pub(super) number: u64,
    pub(super) row: &'a Row,
    pub(super) due: Duration,
}

impl<'a> Schedule<'a> {
    /// `None` when nothing of the recording is at or after `from`.
    pub(super) fn new(
        recording: &'a Recording,
        from: u32,
        speed: f64,
        rows: Option<u64>,
        endless: bool,
    ) -> Option<Self> {
        let first = recording.rows.partition_point(|row| row.minute < from);
        let played = recording.rows.get(first..)?;
        if played.is_empty() {
            return None;
        }
        let once = u64::try_from(played.len()).unwrap_or(u64::MAX);
        let limit = match (rows, endless) {
            (rows, true) => rows,
            (rows, false) => Some(rows.map_or(once, |rows| rows.min(once))),
        };
        Some(Self {
            rows: played,
            speed,
            limit,
        })
    }

    /// What patient `number` of `count` is sent: each starts elsewhere, going round at the end, and
    /// they are spread over the minute so that they do not all speak at once.
    pub(super) fn of(&self, number: usize, count: usize) -> impl Iterator<Item = Step<'a>> {
        let Self { rows, speed, limit } = *self;
        let start = rows.len() * number / count.max(1);
        let share = number as f64 / count.max(1) as f64;
        let mut minutes = 0.0;
        let mut before: Option<u32> = None;
        let round = rows.iter().cycle().skip(start);
        let steps = (0_u64..).zip(round).map(move |(number, row)| {
            // Going round is one minute on.
            minutes += before.map_or(0.0, |before| {
                f64::from(
                    row.minute
                        .checked_sub(before)
                        .filter(|m| *m > 0)
                        .unwrap_or(1),
                )
            });
            before = Some(row.minute);
            let due = MINUTE.mul_f64((minutes + share) / speed);
            Step { number, row, due }
        });
        steps.take_while(move |step| limit.is_none_or(|limit| step.number < limit))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recording() -> Recording {
        let text = "minute,HR\n0,1\n1,2\n5,3\n6,4\n";
        Recording::read(text.as_bytes()).unwrap()
    }

    fn told(schedule: &Schedule<'_>, number: usize, count: usize) -> Vec<(u32, u128)> {
        let steps = schedule.of(number, count).take(9);
        steps.map(|s| (s.row.minute, s.due.as_millis())).collect()
    }

    #[test]
    fn a_minute_takes_as_long_as_the_speed_says_and_gaps_last() {
        let recording = recording();
        let schedule = Schedule::new(&recording, 0, 60.0, None, false).unwrap();
        assert_eq!(
            told(&schedule, 0, 1),
            [(0, 0), (1, 1_000), (5, 5_000), (6, 6_000)]
        );
    }

    #[test]
    fn a_replay_starts_where_it_is_told_and_ends_with_its_rows() {
        let recording = recording();
        let schedule = Schedule::new(&recording, 2, 60.0, Some(1), false).unwrap();
        assert_eq!(told(&schedule, 0, 1), [(5, 0)]);
        let more = Schedule::new(&recording, 5, 60.0, Some(9), false).unwrap();
        assert_eq!(told(&more, 0, 1), [(5, 0), (6, 1_000)]);
        assert!(Schedule::new(&recording, 7, 60.0, None, true).is_none());
    }

    #[test]
    fn a_loop_goes_round_until_its_rows_are_sent() {
        let recording = recording();
        let endless = Schedule::new(&recording, 5, 60.0, None, true).unwrap();
        assert_eq!(told(&endless, 0, 1).len(), 9);
        let five = Schedule::new(&recording, 0, 60.0, Some(5), true).unwrap();
        let last = (0, 7_000);
        assert_eq!(told(&five, 0, 1).last(), Some(&last));
    }

    #[test]
    fn several_patients_start_elsewhere_and_speak_one_after_another() {
        let recording = recording();
        let schedule = Schedule::new(&recording, 0, 60.0, None, false).unwrap();
        let second = [(5, 500), (6, 1_500), (0, 2_500), (1, 3_500)];
        assert_eq!(told(&schedule, 1, 2), second);
    }
}
