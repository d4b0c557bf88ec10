//! From a chart to lines: which readings a sparkline or a trend keeps, and where it is broken.
//!
//! A line only grows at its end, so that a new reading is a few bytes to a viewer; and a gap in the
//! readings is a gap in the line, never a stroke across it.

use plantao_actors::live::diff::{POINTS_MAX, Series};
use plantao_schema::time::Timestamp;
use plantao_schema::vitals::{Chart, Freshness, VitalSign, WINDOW_READINGS};

/// The spans a page may show, seconds: the smallest that holds everything is taken, so that an
/// hour's readings are not a sliver at the edge of six.
const SPANS_S: [i64; 3] = [900, 3_600, 21_600];

/// Points of a sparkline: it is 90 pixels wide.
const SPARK_POINTS: i64 = 40;

/// The seconds that a page counts from, by the Unix epoch. Small numbers are short to send and
/// exact to draw; the same for all who started in one week, so that a restart changes nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Epoch(i64);

impl Epoch {
    const WEEK_S: i64 = 604_800;
    /// The oldest reading ever shown.
    const KEPT_S: i64 = 86_400;

    /// For pages that begin now.
    pub(super) const fn at(now: Timestamp) -> Self {
        let earliest = now.seconds() - Self::KEPT_S;
        Self(earliest - earliest.rem_euclid(Self::WEEK_S))
    }

    /// Seconds from the epoch to a moment.
    pub(super) const fn seconds(self, moment: Timestamp) -> i64 {
        moment.seconds().saturating_sub(self.0)
    }

    /// The epoch itself, seconds since the Unix epoch: part of a page's version.
    pub(super) const fn unix(self) -> i64 {
        self.0
    }
}

/// How far back a page looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Span(i64);

impl Span {
    /// The smallest.
    pub(super) const SHORTEST: Self = Self(SPANS_S[0]);

    /// The smallest that holds all readings of a chart.
    pub(super) fn of(chart: &Chart, now: Timestamp) -> Self {
        let drawn = VitalSign::ALL.iter().filter(|sign| range(**sign).is_some());
        let oldest = drawn.filter_map(|sign| chart.points(*sign).next());
        let oldest = oldest.map(|reading| reading.at.seconds()).min();
        let age_s = oldest.map_or(0, |oldest| now.seconds() - oldest);
        let [shortest, .., longest] = SPANS_S;
        let holding = SPANS_S.into_iter().find(|span| *span >= age_s);
        debug_assert!(shortest <= longest);
        Self(holding.unwrap_or(longest))
    }

    /// In seconds.
    pub(super) const fn seconds(self) -> i64 {
        self.0
    }

    /// As people say it: `15 min`, `6 h`. The same in both languages.
    pub(super) fn text(self) -> String {
        if self.0 < 3_600 {
            format!("{} min", self.0 / 60)
        } else {
            format!("{} h", self.0 / 3_600)
        }
    }
}

/// The values between which a sign is drawn; nothing for one that is set
/// and not measured.
pub(super) const fn range(sign: VitalSign) -> Option<(i32, i32)> {
    match sign {
        VitalSign::RespiratoryRate => Some((0, 40)),
        VitalSign::Spo2 => Some((70, 100)),
        VitalSign::SystolicPressure => Some((40, 220)),
        VitalSign::DiastolicPressure => Some((20, 140)),
        VitalSign::MeanPressure => Some((20, 160)),
        VitalSign::HeartRate => Some((20, 200)),
        VitalSign::Temperature => Some((33, 42)),
        VitalSign::Consciousness | VitalSign::SupplementalOxygen => None,
    }
}

/// The values between which a sign is drawn small: narrower, so that a change is seen in eleven
/// pixels; what lies beyond runs along the edge.
pub(super) const fn small_range(sign: VitalSign) -> Option<(i32, i32)> {
    match sign {
        VitalSign::RespiratoryRate => Some((4, 36)),
        VitalSign::Spo2 => Some((82, 101)),
        VitalSign::SystolicPressure => Some((70, 180)),
        VitalSign::DiastolicPressure => Some((35, 110)),
        VitalSign::MeanPressure => Some((45, 130)),
        VitalSign::HeartRate => Some((40, 150)),
        VitalSign::Temperature => Some((34, 40)),
        VitalSign::Consciousness | VitalSign::SupplementalOxygen => None,
    }
}

/// The `viewBox` in which a line of this span and these values stands: x in seconds up to now, y
/// the negated value.
pub(super) fn view_box(span: Span, (low, high): (i32, i32)) -> String {
    let seconds = span.seconds();
    format!("-{seconds} {} {seconds} {}", -high, high - low)
}

/// A sparkline: the first reading of each fortieth of the span.
pub(super) fn sparkline(chart: &Chart, sign: VitalSign, span: Span, epoch: Epoch) -> Series {
    let bucket_s = span.seconds() / SPARK_POINTS;
    line(chart, sign, small_range(sign), span, epoch, bucket_s)
}

/// A trend: every reading.
pub(super) fn trend(chart: &Chart, sign: VitalSign, span: Span, epoch: Epoch) -> Series {
    line(chart, sign, range(sign), span, epoch, 1)
}

/// The line of the first reading in each `bucket_s` of time, back from the newest by the span.
fn line(
    chart: &Chart,
    sign: VitalSign,
    range: Option<(i32, i32)>,
    span: Span,
    epoch: Epoch,
    bucket_s: i64,
) -> Series {
    let Some((low, high)) = range else {
        return Series::default();
    };
    let bucket_of = |at: Timestamp| at.seconds().div_euclid(bucket_s.max(1));
    let from = first_whole_bucket(chart, sign, span, bucket_of);
    let mut points: Vec<(i64, Option<f32>)> = Vec::new();
    let mut before: Option<(Timestamp, i64)> = None;
    let recent = chart
        .points(sign)
        .skip_while(|reading| bucket_of(reading.at) < from);
    for reading in recent {
        let bucket = bucket_of(reading.at);
        let gap = before.filter(|(at, _)| is_gap(sign, *at, reading.at));
        if let Some((at, _)) = gap {
            points.push((epoch.seconds(at) + 1, None));
        }
        if gap.is_some() || before.is_none_or(|(_, last)| last != bucket) {
            let value = reading.value.clamp(f64::from(low), f64::from(high));
            #[expect(clippy::cast_possible_truncation, reason = "a vital sign fits a pixel")]
            points.push((epoch.seconds(reading.at), Some(value as f32)));
        }
        before = Some((reading.at, bucket));
    }
    debug_assert!(points.len() <= 2 * POINTS_MAX);
    Series::new(points)
}

/// The first bucket of the span whose readings are all there. The chart forgets its oldest, and a
/// bucket half forgotten would seem to begin with another reading than before.
fn first_whole_bucket(
    chart: &Chart,
    sign: VitalSign,
    span: Span,
    bucket_of: impl Fn(Timestamp) -> i64,
) -> i64 {
    let mut points = chart.points(sign);
    let full = points.len() >= WINDOW_READINGS;
    let (Some(oldest), Some(newest)) = (points.next(), chart.latest(sign)) else {
        return 0;
    };
    let since = newest.at.plus_seconds(-span.seconds());
    let in_span = bucket_of(since) + 1;
    let whole = bucket_of(oldest.at) + i64::from(full);
    in_span.max(whole).min(bucket_of(newest.at))
}

/// A sign that had become stale before its next reading was not being measured meanwhile.
fn is_gap(sign: VitalSign, from: Timestamp, to: Timestamp) -> bool {
    let apart_ms = to.micros().saturating_sub(from.micros()) / 1_000;
    Freshness::of(sign, Some(apart_ms)) != Freshness::Live
}

#[cfg(test)]
mod tests {
    use super::*;
    use plantao_schema::vitals::Reading;
    use proptest::prelude::*;

    const START: Timestamp = Timestamp::from_micros(1_790_000_000_000_000);
    const SIGN: VitalSign = VitalSign::HeartRate;

    fn chart(times_s: &[i64]) -> Chart {
        let mut chart = Chart::new();
        for &second in times_s {
            let at = START.plus_seconds(second);
            chart.take(Reading {
                sign: SIGN,
                value: 80.0,
                at,
            });
        }
        chart
    }

    #[test]
    fn an_hour_without_readings_is_a_gap_and_not_a_stroke() {
        let epoch = Epoch::at(START);
        let series = trend(&chart(&[0, 60, 3_660, 3_720]), SIGN, Span(21_600), epoch);
        let zero = epoch.seconds(START);
        let times: Vec<_> = series
            .points()
            .iter()
            .map(|(at, value)| (at - zero, value.is_some()))
            .collect();
        let expected = [
            (0, true),
            (60, true),
            (61, false),
            (3_660, true),
            (3_720, true),
        ];
        assert_eq!(times, expected);
    }

    #[test]
    fn the_span_is_the_smallest_that_holds_everything() {
        for (age_s, text) in [
            (0, "15 min"),
            (900, "15 min"),
            (901, "1 h"),
            (20_000, "6 h"),
        ] {
            let span = Span::of(&chart(&[0]), START.plus_seconds(age_s));
            assert_eq!(span.text(), text, "{age_s}");
        }
        assert_eq!(Span::of(&Chart::new(), START), Span::SHORTEST);
    }

    #[test]
    fn a_view_box_ends_now_and_at_the_highest_value() {
        assert_eq!(view_box(Span(900), (20, 200)), "-900 -200 900 180");
    }

    #[test]
    fn pages_count_from_the_same_second_all_week_and_never_far_back() {
        let epoch = Epoch::at(START);
        assert!((86_400..=691_200).contains(&epoch.seconds(START)));
        assert_eq!(epoch.unix() % 604_800, 0);
    }

    proptest! {
        #[test]
        fn a_line_only_grows_at_its_end(
            steps in prop_oneof![
                proptest::collection::vec(1_i64..400, 2..120),
                proptest::collection::vec(1_i64..20, 355..420),
            ],
            sparse in any::<bool>(),
            span in proptest::sample::select(SPANS_S.as_slice()),
        ) {
            let epoch = Epoch::at(START);
            let times: Vec<i64> = steps.iter().scan(0, |at, step| { *at += step; Some(*at) })
                .collect();
            let of = |times: &[i64]| {
                let chart = chart(times);
                let draw = if sparse { sparkline } else { trend };
                draw(&chart, SIGN, Span(span), epoch)
            };
            let (all, but_last) = (of(&times), of(&times[..times.len() - 1]));
            // What is left of the older line once both begin alike is a beginning of the newer.
            let first = all.points()[0];
            let from = but_last.points().iter().position(|point| *point == first);
            let rest = &but_last.points()[from.expect("the lines overlap")..];
            prop_assert!(all.points().starts_with(rest));
            prop_assert!(all.points().windows(2).all(|pair| pair[0].0 < pair[1].0));
        }
    }
}
