//! The pages: HTML made on the server, complete at its first paint, and kept up to date by small
//! changes.
//!
//! [`PagesOf`] opens the pages that live (a ward, a patient, the supervision tree) and frames them
//! as documents; the log-in, the list of wards and refusals are documents that do not live. Every
//! text is in [`words`](self), every value passes one escaping ([`template`]), and what a viewer
//! may not see is not in a page at all.
//!
//! PHI: names, vital signs and emergency cards of patients, in memory and in what is sent.
//! - Purpose: care (LGPD Art. 11 II f). Legal basis: protection of health by professionals.
//! - Retention: while somebody looks; nothing is cached by the browser.
//! - Access: by view grant; each page is drawn for one grant and one language.
//! - Encryption: in transit by the front door's TLS.
//! - Audit: per viewer and patient, before a page or a frame leaves.

mod assets;
mod book;
mod card_notices;
mod cells;
mod follow;
mod headers;
mod layout;
mod lines;
mod live_page;
mod log_in;
mod pages_of;
mod patient;
mod refusal;
pub mod report;
mod score;
mod supervision;
pub mod template;
mod ward;
mod wards_list;
mod words;

#[cfg(test)]
mod tests;

pub use assets::{ASSET_CACHE_CONTROL, Asset, asset, asset_url};
pub use card_notices::{CardNotices, card_notices};
pub use headers::headers;
pub use layout::Viewer;
pub use live_page::LivePage;
pub use log_in::{log_in, log_in_by_link};
pub use pages_of::{PageParts, PagesOf};
pub use refusal::{Refused, refusal};
pub use supervision::SupervisionSource;
pub use wards_list::wards;
