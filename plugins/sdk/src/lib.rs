//! What a plugin is written against: typed functions, a manifest, and a host it may ask.
//!
//! Owns the way from an ordinary function to a guest export of the Extism ABI, the manifest that
//! the module carries, and one type for each capability. Refuses to let a guest put input into an
//! error or a log line: a [`GuestError`] carries fixed text and positions only, a log line fixed
//! words and numbers, since the host writes both down. Exists so that an author writes one plain
//! function and no ABI, and tests it with `cargo test`, where [`testing::Host`] plays the host.
//!
//! Begin with [`plugin!`].

#[doc(hidden)]
pub mod answer;
mod capability;
mod error;
#[cfg_attr(target_family = "wasm", path = "host_wasm.rs")]
mod host;
mod log;
#[doc(hidden)]
pub mod manifest;
#[cfg(not(target_family = "wasm"))]
pub mod testing;

pub use answer::announce_output;
pub use capability::{Clock, Config, Log, Valuesets};
pub use error::GuestError;
pub use log::{Level, Value};
