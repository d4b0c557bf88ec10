//! Log-in: how a person gets a session, and how a session ends before its time.
//!
//! [`LogIns`] is the handle. Two ways lead in. A one-time link, offered by somebody who is already
//! authenticated and good for five minutes: its code is random, kept as a hash in one actor and
//! consumed by its first use. Or a name, a password (Argon2id) and a time-based code (RFC 6238),
//! each code taken once. A refusal never says which of them was wrong, nor whether there is such an
//! account, by its text or by its time. Guessing meets, in this order: a bound per address, two
//! hashes at a time with a bounded queue, and five tries per account.
//!
//! What this does not do: whoever knows an account's name can keep it locked. Its owner still has
//! the one-time link.
//!
//! Personal data, of staff and no patient: pseudonyms, roles, hashes of passwords, sealed secrets.
//! - Purpose: security of processing (LGPD Art. 46; 45 CFR 164.312(d)). Legal basis: legitimate
//!   interest (Art. 7 IX) and legal obligation (Art. 7 II).
//! - Retention: accounts until they are removed; ended sessions until their credential's time is
//!   over; addresses five minutes, in memory.
//! - Access: this folder; tenant by row-level security. Encryption: secrets of codes are sealed
//!   under the tenant's key; passwords are hashed. Neither is ever printed.
//! - Audit: new accounts and ended sessions complete their entry in their own transaction; log-ins
//!   are their caller's entries, and so is each lock that [`LogIns::locked`] tells of.

mod account;
mod codes;
mod desk;
mod error;
mod identity;
mod locks;
mod log_ins;
mod passwords;
mod peers;
mod second_factor;
mod sessions;
mod store;

pub use account::{Account, NewAccount};
pub use codes::{CODE_LIFETIME, OneTimeCode};
pub use error::LogInError;
pub use identity::{Attempt, Identity};
pub use locks::AccountLocked;
pub use log_ins::LogIns;
pub use passwords::{PASSWORD_MAX_BYTES, PASSWORD_MIN_CHARS};
pub use second_factor::Provisioning;
pub use store::{Asked, Ending, LogInStore, PostgresLogIns};

#[cfg(test)]
mod tests;
