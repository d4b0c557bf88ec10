//! The hospital's actors: one folder per concern, one file per actor.
//!
//! Each folder owns its mailbox, its queries and its errors, and shows the rest of the system one
//! handle. Nothing here decides where an actor sits in the tree or how often it may restart: that
//! is `runtime/tree.rs`. Nothing here parses HTTP: that is `runtime/front_door`.

pub mod aside;
pub mod audit;
pub mod backup;
pub mod clock;
pub mod consent;
pub mod database;
pub mod entropy;
pub mod live;
pub mod login;
pub mod patient;
pub mod plugin;
pub mod policy;
mod pump;
pub mod signing;
pub mod vault;
pub mod ward;
