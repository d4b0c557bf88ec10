//! Plantão: a fault-tolerant runtime for hospital software.
//!
//! This rung composes and speaks to the world: it reads the configuration, declares the tree, opens
//! the doors and is the command line. What the hospital does is in `plantao_actors`, what it knows
//! in `plantao_schema`, how it stays up in `plantao_supervisors`.

pub mod admin;
pub mod cli;
pub mod config;
pub mod front_door;
pub mod identity;
pub mod net;
pub mod pages;
pub mod service;
pub mod state_dir;
pub mod telemetry;
pub mod tree;
pub mod witness;
