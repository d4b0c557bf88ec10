//! Witnesses of the audit trail over HTTP: the way to one, and one to be run (`plantao witness`).

mod client;
mod server;

pub use client::{HttpWitness, WitnessAddressError, witness};
pub(crate) use server::{Serving, serve};
