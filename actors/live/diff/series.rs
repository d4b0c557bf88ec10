//! The points of a line, and how a line grows at one end while it is forgotten at the other.

use std::sync::Arc;

use super::ApplyError;

/// A series keeps no more than its newest points: a line of a few hundred pixels shows no more.
pub const POINTS_MAX: usize = 512;

/// Values from here on are no measurement of a person; they are drawn as a gap.
const VALUE_MAX: f32 = 1_000_000.0;

/// Points of a line by time: seconds since the page's epoch, and a value or a gap.
///
/// Cut a sliding window against its newest point, not against the clock: time alone is then no
/// change, and an idle page sends nothing.
#[derive(Clone, Debug, Default)]
pub struct Series {
    points: Arc<[(i64, Option<f32>)]>,
}

impl Series {
    /// The series of these points. A point that is not later than the one before it is left out;
    /// values are rounded to hundredths; what is not finite, or a million and more, is a gap; of
    /// more than [`POINTS_MAX`] points the oldest are left out.
    pub fn new(points: impl IntoIterator<Item = (i64, Option<f32>)>) -> Self {
        let mut kept: Vec<(i64, Option<f32>)> = Vec::new();
        for (at, value) in points {
            if kept.last().is_none_or(|(last, _)| *last < at) {
                kept.push((at, value.and_then(hundredths)));
            }
        }
        let excess = kept.len().saturating_sub(POINTS_MAX);
        Self {
            points: kept.into_iter().skip(excess).collect(),
        }
    }

    /// Oldest first.
    pub fn points(&self) -> &[(i64, Option<f32>)] {
        &self.points
    }

    /// Seconds of the newest point, 0 when there is none.
    fn newest(&self) -> i64 {
        self.points.last().map_or(0, |(at, _)| *at)
    }
}

impl PartialEq for Series {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.points, &other.points) || self.points == other.points
    }
}

/// How a series becomes another one that begins with what is left of it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Growth {
    /// Points forgotten at the old end.
    pub(super) dropped: usize,
    /// Points that stay.
    kept: usize,
    /// Seconds of the newest point before.
    pub(super) since: i64,
    /// Points appended.
    pub(super) points: Vec<(i64, Option<f32>)>,
}

impl Growth {
    /// Nothing when `new` does not begin with an end of `old`.
    pub(super) fn between(old: &Series, new: &Series) -> Option<Self> {
        let dropped = match new.points.first() {
            Some(first) => old.points.iter().position(|point| point == first),
            None => None,
        };
        let dropped = dropped.or(old.points.is_empty().then_some(0))?;
        let left = old.points.get(dropped..)?;
        let points = new.points.strip_prefix(left)?.to_vec();
        Some(Self {
            dropped,
            kept: left.len(),
            since: old.newest(),
            points,
        })
    }

    pub(super) fn apply(&self, old: &Series) -> Result<Series, ApplyError> {
        if old.points.len() != self.dropped + self.kept || old.newest() != self.since {
            return Err(ApplyError::OtherSeries);
        }
        let left = old.points.iter().skip(self.dropped);
        Ok(Series {
            points: left.chain(&self.points).copied().collect(),
        })
    }

    /// Both as one; the whole series when nothing of the first stays.
    pub(super) fn then(mut self, later: Self) -> Result<Result<Self, Series>, ApplyError> {
        let newest = self.points.last().map_or(self.since, |(at, _)| *at);
        let length = self.kept + self.points.len();
        if length != later.dropped + later.kept || newest != later.since {
            return Err(ApplyError::OtherSeries);
        }
        let of_old = later.dropped.min(self.kept);
        let gone = self.points.len().min(later.dropped - of_old);
        self.points.drain(..gone);
        self.points.extend(later.points);
        self.dropped += of_old;
        self.kept -= of_old;
        if self.kept == 0 && self.dropped > 0 {
            let points = self.points.into();
            return Ok(Err(Series { points }));
        }
        Ok(Ok(self))
    }
}

fn hundredths(value: f32) -> Option<f32> {
    // Adding zero makes one zero of the two.
    (value.abs() < VALUE_MAX).then(|| (value * 100.0).round() / 100.0 + 0.0)
}
