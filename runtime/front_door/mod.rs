//! The front door: TLS, HTTP/1.1 and HTTP/2, and one function that a request reads down.
//!
//! It parses, authenticates, asks for a decision, routes into a mailbox, and replies. Nothing more:
//! what a request means is decided by the actor that owns the resource. [`serve`] is the path;
//! every other file is one of its steps.
//!
//! PHI passes through here in bodies and nowhere else: not in logs, metrics, paths or problem
//! texts. Purpose: declared per request (LGPD Art. 6 I); legal basis: by role and purpose in the
//! policy; retention: none; access: by permit; encryption: TLS 1.3; audit: an entry per decision,
//! durable before the reply.

mod addresses;
mod approach;
mod authenticate;
mod card;
mod connection;
mod handlers;
mod listener;
mod origin;
mod parse;
mod places;
mod problems;
mod rate;
mod refusals;
mod refused;
mod reply;
mod route;
mod serve;
mod services;

pub use approach::{Approach, Lane};
pub use listener::{DoorLimits, DoorParts, FrontDoor, child};
pub use places::Places;
pub use rate::SharedBucket;
pub use refusals::Refusals;
pub use services::{Services, TrailReaders};

pub(crate) use reply::Body;
