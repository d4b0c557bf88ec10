//! What ends because a supervisor above it was killed.
//!
//! Incarnations are numbered, so that those of before and after a kill are told apart even where
//! they overlap, as they may in OTP.

use std::collections::BTreeSet;

use crate::trace::Event;

/// The supervisors that were killed.
pub(crate) fn killed(events: &[Event]) -> BTreeSet<String> {
    let killed = events.iter().filter_map(|event| match event {
        Event::Down { path, reason, .. } if reason == "killed" => Some(path.clone()),
        _ => None,
    });
    killed.collect()
}

/// Where a supervisor was killed below which is what ends at `place`: the first end of that
/// supervisor after it came up was a kill of its own, not one that it was torn along by.
pub(crate) fn killer(events: &[Event], place: usize) -> Option<usize> {
    let event = events.get(place)?;
    let since = came_up(events, event).map_or(0, |up| up + 1);
    let mut above = event.path();
    while let Some((parent, _)) = above.rsplit_once('/') {
        above = parent;
        let own_end = (since..events.len()).find_map(|end| match events.get(end)? {
            Event::Down { path, reason, .. } if path == above && killer(events, end).is_none() => {
                Some((end, reason))
            }
            _ => None,
        });
        if let Some((end, reason)) = own_end
            && reason == "killed"
        {
            return Some(end);
        }
    }
    None
}

/// Whether something ends after the supervisor that was killed above it.
pub(crate) fn outlives(events: &[Event]) -> bool {
    events.iter().enumerate().any(|(place, event)| {
        let is_end = matches!(event, Event::Stop { .. } | Event::Down { .. });
        is_end && killer(events, place).is_some_and(|end| end < place)
    })
}

/// Where in this step that came up which ends, unless it was up before.
fn came_up(events: &[Event], end: &Event) -> Option<usize> {
    events.iter().position(|event| match (event, end) {
        (
            Event::Start { path, number, .. },
            Event::Stop {
                path: ended,
                number: last,
                ..
            },
        )
        | (
            Event::Up { path, number },
            Event::Down {
                path: ended,
                number: last,
                ..
            },
        ) => path == ended && number == last,
        _ => false,
    })
}
