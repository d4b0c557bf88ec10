//! `PagesOf`: opens the pages that live, and frames what they show as documents.

use super::book::Book;
use super::layout::Viewer;
use super::live_page::{LivePage, Sources};
use super::patient::PatientView;
use super::supervision::{SupervisionSource, SupervisionView};
use super::template::{MismatchError, TemplateError};
use super::ward::{WardShape, WardView};
use plantao_actors::clock::WallClock;
use plantao_actors::live::{PageError, Pages, Pulse, Shown, Subject, TopicKey};
use plantao_actors::patient::{RecordError, Records};
use plantao_actors::policy::Policy;
use plantao_actors::ward::{WardError, Wards};
use plantao_schema::access::Fields;
use std::sync::Arc;
use std::time::Duration;

/// How long opening a page may take before it is not available.
const OPEN_DEADLINE: Duration = Duration::from_secs(3);

/// What pages are made from.
pub struct PageParts {
    /// Patients.
    pub records: Records,
    /// Beds.
    pub wards: Wards,
    /// Consents.
    pub policy: Policy,
    /// Whether the database answers.
    pub pulse: Pulse,
    /// The supervision tree.
    pub supervision: Arc<dyn SupervisionSource>,
    /// What time it is.
    pub clock: WallClock,
}

/// The pages, and the markup they are filled into.
pub struct PagesOf {
    parts: PageParts,
    book: Book,
}

impl PagesOf {
    /// Pages made from these parts.
    ///
    /// # Errors
    /// [`TemplateError`] when markup is not what templates may be: a fault of this program, found
    /// at the start and not when somebody looks.
    pub fn new(parts: PageParts) -> Result<Self, TemplateError> {
        let book = Book::new(parts.clock.now())?;
        Ok(Self { parts, book })
    }

    /// Of everything a browser keeps while it shows a page: one that has another reloads.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.book.version
    }

    /// The document of a page that lives.
    ///
    /// # Errors
    /// [`MismatchError`] when the tree is not one of the page's templates: a fault of this program.
    pub fn document(
        &self,
        shown: &Shown,
        key: &TopicKey,
        viewer: &Viewer<'_>,
    ) -> Result<String, MismatchError> {
        let fields = key.grant.fields();
        self.book
            .document(&key.subject, fields, key.locale, shown, viewer)
    }

    fn sources(&self) -> Sources {
        Sources {
            records: self.parts.records.clone(),
            policy: self.parts.policy.clone(),
            pulse: self.parts.pulse.watch(),
        }
    }
}

impl Pages for PagesOf {
    type Page = LivePage;

    async fn open(&self, key: &TopicKey) -> Result<LivePage, PageError> {
        let opened = tokio::time::timeout(OPEN_DEADLINE, self.open_now(key)).await;
        opened.unwrap_or(Err(PageError::Unavailable))
    }
}

impl PagesOf {
    async fn open_now(&self, key: &TopicKey) -> Result<LivePage, PageError> {
        let grant = &key.grant;
        match &key.subject {
            Subject::Ward(ward) => {
                let beds = self.parts.wards.beds(grant, ward).await.map_err(of_ward)?;
                let view = WardView::new(
                    ward.clone(),
                    WardShape::of(grant.fields()),
                    key.locale,
                    self.book.epoch,
                );
                let (wards, grant, ward) = (self.parts.wards.clone(), grant.clone(), ward.clone());
                let open = move || {
                    let (wards, grant, ward) = (wards.clone(), grant.clone(), ward.clone());
                    async move { wards.beds(&grant, &ward).await }
                };
                Ok(LivePage::ward(self.sources(), key, view, beds, open).await)
            }
            Subject::Patient(patient) => {
                let first = self
                    .parts
                    .records
                    .watch(grant, patient)
                    .await
                    .map_err(of_record)?;
                let view = PatientView::new(grant.fields(), key.locale, self.book.epoch);
                Ok(LivePage::patient(self.sources(), key, patient.clone(), view, first).await)
            }
            Subject::Supervision if !grant.fields().contains(Fields::SUPERVISION) => {
                Err(PageError::NotFound)
            }
            Subject::Supervision => {
                let view = SupervisionView::new(key.locale, self.book.epoch);
                Ok(LivePage::supervision(
                    Arc::clone(&self.parts.supervision),
                    view,
                ))
            }
        }
    }
}

fn of_ward(error: WardError) -> PageError {
    match error {
        WardError::NotFound => PageError::NotFound,
        WardError::Overloaded | WardError::Full => PageError::Overloaded,
        _ => PageError::Unavailable,
    }
}

fn of_record(error: RecordError) -> PageError {
    match error {
        RecordError::NotFound | RecordError::PermitMismatch | RecordError::UnknownPatient => {
            PageError::NotFound
        }
        RecordError::Overloaded => PageError::Overloaded,
        _ => PageError::Unavailable,
    }
}
