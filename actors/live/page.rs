//! What a topic shows: the seam between live topics and whoever draws pages.

use super::diff::Rendered;
use crate::policy::ViewGrant;
use plantao_schema::id::{PatientId, WardId};
use plantao_schema::locale::Locale;
use plantao_schema::time::Timestamp;
use std::collections::BTreeSet;
use std::sync::Arc;

/// What is looked at, by whom as far as that makes a difference, and in which language. Viewers
/// with the same key see the same bytes, so everything that changes what they may see is in it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TopicKey {
    /// What the viewers may see.
    pub grant: ViewGrant,
    /// What they look at.
    pub subject: Subject,
    /// In which language.
    pub locale: Locale,
}

/// What is looked at.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Subject {
    /// The beds of a ward.
    Ward(WardId),
    /// One patient.
    Patient(PatientId),
    /// The supervision tree.
    Supervision,
}

impl Subject {
    /// Its kind, which names nobody.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Ward(_) => "ward",
            Self::Patient(_) => "patient",
            Self::Supervision => "supervision",
        }
    }
}

/// Patients whose data a view shows.
pub type Patients = Arc<BTreeSet<PatientId>>;

/// A page as it looks now.
#[derive(Clone, Debug)]
pub struct View {
    /// Its values.
    pub rendered: Rendered,
    /// Whose data these are: each of them finds the disclosure in their trail. Keep the same
    /// [`Arc`] for as long as the set is the same: viewers then compare it at no cost.
    pub patients: Patients,
}

/// One page being watched. Its topic owns it and drops it when nobody looks any more.
pub trait Page: Send + 'static {
    /// What it shows at `now`. Called after each change, and every second for what changes with
    /// time alone; so it has to be quick (a millisecond), and to share what did not change.
    fn render(&mut self, now: Timestamp) -> View;

    /// Waits until there may be something new to show. Must be cancel safe: it is dropped and
    /// called again.
    fn changed(&mut self) -> impl Future<Output = ()> + Send;
}

/// Opens pages.
pub trait Pages: Send + Sync + 'static {
    /// The pages it opens.
    type Page: Page;

    /// The page of a topic.
    ///
    /// # Errors
    /// [`PageError`]; within a few seconds, or the topic gives up.
    fn open(&self, key: &TopicKey) -> impl Future<Output = Result<Self::Page, PageError>> + Send;
}

/// Why there is no page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PageError {
    /// There is no such ward or patient, or it is not for this grant.
    #[error("there is no such page")]
    NotFound,
    /// What it would show cannot be read now.
    #[error("what the page shows is not available")]
    Unavailable,
    /// As many pages are open as may be.
    #[error("too many pages are open")]
    Overloaded,
}
