//! The last frames of a topic, bounded in number and bytes, and the way from one place to the
//! newest.

use super::diff::Diff;
use super::page::Patients;
use bytes::Bytes;
use std::collections::VecDeque;
use std::sync::Arc;

/// Most frames kept: minutes of an ordinary ward, a few seconds of the busiest.
pub(super) const FRAMES_MAX: usize = 256;

/// Most bytes of frames kept for one topic. A viewer that missed more is better served whole.
pub(super) const BYTES_MAX: usize = 256 * 1024;

/// So many frames behind, a viewer is sent each of them; beyond it, one that stands for all: the
/// same values several times over help nobody who is late already.
pub(super) const STEPS_MAX: u64 = 8;

/// Bytes for the wire, the WebSocket header included. Clones share them.
#[derive(Clone, Debug)]
pub(super) struct Frame {
    /// The place that it leads to.
    pub(super) seq: u64,
    pub(super) bytes: Bytes,
    /// Whose data may be in it.
    pub(super) patients: Patients,
}

/// A frame with the change that it was written from.
#[derive(Clone, Debug)]
pub(super) struct Kept {
    pub(super) frame: Frame,
    pub(super) diff: Arc<Diff>,
}

/// How to get from a place to the newest.
#[derive(Debug)]
pub(super) enum Way {
    /// It is the newest.
    There,
    /// By this frame first.
    Step(Frame),
    /// By all of these, folded into one.
    Fold(Vec<Kept>),
    /// Not by frames.
    Lost,
}

/// The frames that led to the newest place.
#[derive(Debug)]
pub(super) struct Ring {
    newest: u64,
    bytes: usize,
    kept: VecDeque<Kept>,
}

impl Ring {
    /// A ring at a first place, to which no frame led.
    pub(super) const fn new(first: u64) -> Self {
        Self {
            newest: first,
            bytes: 0,
            kept: VecDeque::new(),
        }
    }

    /// The newest place.
    pub(super) const fn newest(&self) -> u64 {
        self.newest
    }

    /// Takes the frame that leads to the next place, whose number it has to have.
    pub(super) fn push(&mut self, kept: Kept) {
        self.newest = kept.frame.seq;
        self.bytes = self.bytes.saturating_add(kept.frame.bytes.len());
        self.kept.push_back(kept);
        while self.kept.len() > FRAMES_MAX || self.bytes > BYTES_MAX {
            let Some(oldest) = self.kept.pop_front() else {
                break;
            };
            self.bytes = self.bytes.saturating_sub(oldest.frame.bytes.len());
        }
    }

    /// The way from `from` to the newest place.
    pub(super) fn way(&self, from: u64) -> Way {
        let Some(behind) = self.newest.checked_sub(from) else {
            return Way::Lost;
        };
        if behind == 0 {
            return Way::There;
        }
        let missed = usize::try_from(behind).ok();
        let Some(start) = missed.and_then(|missed| self.kept.len().checked_sub(missed)) else {
            return Way::Lost;
        };
        if behind > STEPS_MAX {
            return Way::Fold(self.kept.range(start..).cloned().collect());
        }
        self.kept
            .get(start)
            .map_or(Way::Lost, |kept| Way::Step(kept.frame.clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn kept(seq: u64, bytes: usize) -> Kept {
        let frame = Frame {
            seq,
            bytes: Bytes::from(vec![0; bytes]),
            patients: Patients::default(),
        };
        Kept {
            frame,
            diff: Arc::default(),
        }
    }

    proptest! {
        /// Beside it the naive model: all frames ever, of which the ring has a suffix.
        #[test]
        fn a_way_is_the_frames_in_order_or_none(
            sizes in prop::collection::vec(1_usize..4_000, 0..700),
            from in 0_u64..720,
        ) {
            let mut ring = Ring::new(7);
            for (seq, bytes) in (8..).zip(&sizes) {
                ring.push(kept(seq, *bytes));
            }
            let newest = 7 + sizes.len() as u64;
            prop_assert_eq!(ring.newest(), newest);
            let behind = newest.checked_sub(from);
            let fits = |behind: u64| {
                let behind = behind as usize;
                behind <= FRAMES_MAX
                    && sizes.len() >= behind
                    && sizes.iter().rev().take(behind).sum::<usize>() <= BYTES_MAX
            };
            match ring.way(from) {
                Way::There => prop_assert_eq!(behind, Some(0)),
                Way::Step(frame) => {
                    prop_assert!(behind.is_some_and(|behind| behind <= STEPS_MAX));
                    prop_assert_eq!(frame.seq, from + 1);
                }
                Way::Fold(frames) => {
                    let seqs: Vec<u64> = frames.iter().map(|kept| kept.frame.seq).collect();
                    prop_assert_eq!(seqs, (from + 1..=newest).collect::<Vec<_>>());
                    prop_assert!(behind.is_some_and(|behind| behind > STEPS_MAX));
                }
                Way::Lost => prop_assert!(behind.is_none_or(|behind| !fits(behind))),
            }
        }
    }

    #[test]
    fn a_frame_larger_than_the_ring_leaves_it_empty() {
        let mut ring = Ring::new(1);
        ring.push(kept(2, 10));
        ring.push(kept(3, BYTES_MAX + 1));
        assert!(ring.kept.is_empty() && ring.bytes == 0);
        assert!(matches!(ring.way(2), Way::Lost));
        assert!(matches!(ring.way(3), Way::There));
    }
}
