//! The semantics of supervision, as sentences, against real actors on a paused clock.

mod dynamic;
mod handles;
mod intensity;
mod killing;
mod overlap;
mod snapshots;
mod starting;
mod stopping;
mod strategies;
mod support;
