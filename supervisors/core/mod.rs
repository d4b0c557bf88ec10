//! The rules of supervision, with no runtime in them: events go in, actions come out.
//!
//! Nothing here spawns, sends, waits or reads a clock, so every rule can be checked against a
//! naive model, and a run is repeated by repeating its events.

mod intensity;
mod policy;
mod strategy;

pub use intensity::Intensity;
pub use policy::{Restart, Shutdown};
pub use strategy::Strategy;

pub(crate) use intensity::Window;
