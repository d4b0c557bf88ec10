//! Witnesses: machines of somebody else's that sign a checkpoint only when it continues the last
//! one they signed (C2SP tlog-witness and tlog-cosignature).
//!
//! What a witness has cosigned cannot be rewritten by whoever owns this host: another history of
//! the same length would need the witness to forget. Both sides are here: [`Witnesses`], the actor
//! that takes checkpoints to them, and [`Book`], what a witness itself decides.
//!
//! PHI: none; a witness sees names of logs, sizes and digests, all of them signed.

mod book;
mod cosignature;
mod request;
mod sender;

pub use book::{Book, BookError, Pages, WitnessRefusal};
pub use cosignature::{CosignerKey, WitnessKey, check_cosigned};
pub use request::AddCheckpoint;
pub use sender::{Witness, WitnessAnswer, WitnessClient, WitnessError, WitnessState, Witnesses};
