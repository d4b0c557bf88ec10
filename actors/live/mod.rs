//! The live page: what it shows, kept up to date for everybody who looks at it.
//!
//! A `Topic` draws one page for all viewers who may see the same of it, and numbers what
//! changed ([`diff`]); a `Viewer` takes these frames to one WebSocket. Both are actors
//! that come and go, and [`Live`] is the way to them. Frames are written once and shared; a viewer
//! that cannot keep up gets one that stands for many, or the whole tree, and holds nobody up.
//!
//! What is shown was decided: a [`Seat`] is for a grant that the policy made, the view is decided
//! anew while it lasts, and each patient shown finds it in their trail before it is sent.
//!
//! PHI: trees of values, in memory.
//! - Purpose: care (LGPD Art. 11 II f). Legal basis: protection of health by professionals.
//! - Retention: while somebody looks, and a minute more.
//! - Access: viewers of one grant share one topic, and nobody else sees it.
//! - Encryption: in transit by the front door's TLS.
//! - Audit: each view from opening to end, each patient shown once per viewer and window.

mod close;
mod counts;
pub mod diff;
mod feed;
mod handle;
mod page;
mod pulse;
mod ring;
mod socket;
mod standing;
mod topic;
mod topics;
mod viewer;
mod viewers;
mod viewing;
mod wire_frame;

pub use close::CloseReason;
pub use counts::LiveCounts;
pub use feed::Shown;
pub use handle::{Live, LiveError, LiveLimits};
pub use page::{Page, PageError, Pages, Patients, Subject, TopicKey, View};
pub use pulse::Pulse;
pub use socket::RawSocket;
pub use standing::{Admission, DISCLOSURE_WINDOW};
pub use topics::IDLE_STOP;
pub use viewers::{Arrival, Seat, ViewerEnd};

#[cfg(test)]
mod tests;
