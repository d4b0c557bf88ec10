//! The hospital from outside: the real binary, a real PostgreSQL, real plugins, real TLS.
//!
//! Every test runs a hospital of its own on free ports and a state directory of its own, and ends
//! by checking that it left no process behind. One binary, because linking is what takes long.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on should stop loudly"
)]

mod admin;
mod backup;
mod bad_input;
mod client;
mod connections;
mod crashes;
mod disk;
mod emergency;
mod encrypted;
mod external;
mod failover;
mod faults;
mod hospital;
mod keys;
mod live;
mod plaintext;
mod plugins;
mod readers;
mod records;
mod replicas;
mod server;
mod stage;
mod start;
mod torture;
mod trail;
mod viewer;
mod walk;
mod wire;
mod witness;
mod workshop;
mod writers;
