//! The transparency log: signed checkpoints over every chain, so that the past cannot be rewritten
//! once one of them has left the host.
//!
//! A sequencer reads committed rows, appends each to the Merkle log of its chain and signs what
//! that came to, once a second when there is something new. It works behind the commit: nobody
//! waits for it, and a crash leaves no hole, for what it had not read it reads next.
//!
//! What it does not give: whoever owns the host can rewrite what is younger than the last
//! checkpoint that was shipped off it, and sign that anew. Ship them often, to somebody else's
//! machine, or let a [`Witness`] of somebody else's cosign them.
//!
//! PHI: digests, sizes and times. Purpose and legal basis: accountability (LGPD Art. 6 X and 37;
//! 45 CFR 164.312(b)). Retention: that of the trail. Access: auditors of the same tenant, by
//! row-level security. Encryption: none is needed, for entries cannot be guessed from their hashes:
//! each holds a random key. Audit: reading is an entry, made by whoever reads.

mod keys;
mod reader;
mod restored;
mod sequencer;
mod ship;
mod store;
mod tiles;
mod unsigned;
mod witness;

pub use crate::signing::Algorithm;
pub use keys::{LogKeyError, LogKeys, NoteError, Occasion, PublicLogKeys, VerifierKey, check_note};
pub use reader::{Inclusion, InclusionError, LogHead};
pub use sequencer::{Sequencer, TransparencyLog};
pub use ship::{Shipping, ShippingError};
pub use store::{Growth, KeptCheckpoint, Link, LogSession};
pub use witness::{
    AddCheckpoint, Book, BookError, CosignerKey, Pages, Witness, WitnessAnswer, WitnessClient,
    WitnessError, WitnessKey, WitnessRefusal, WitnessState, Witnesses, check_cosigned,
};

pub(super) use store::PostgresLog;
