//! `PagesOf`: opens the pages that live, and frames what they show as documents.

use super::layout::{Document, Live, Viewer};
use super::lines::Epoch;
use super::live_page::{LivePage, Sources};
use super::patient::{self, PatientView};
use super::supervision::{self, SupervisionSource, SupervisionView};
use super::template::{MismatchError, TemplateError, Templates};
use super::ward::{self, WardShape, WardView};
use super::words::Words;
use aws_lc_rs::digest::{SHA256, digest};
use maud::{PreEscaped, html};
use plantao_actors::clock::WallClock;
use plantao_actors::live::diff::Slot;
use plantao_actors::live::{PageError, Pages, Pulse, Shown, Subject, TopicKey};
use plantao_actors::patient::{RecordError, Records};
use plantao_actors::policy::Policy;
use plantao_actors::ward::{WardError, Wards};
use plantao_schema::access::Fields;
use plantao_schema::locale::Locale;
use std::collections::BTreeMap;
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
    epoch: Epoch,
    sets: BTreeMap<(Kind, Locale), Templates>,
    version: String,
}

/// Which set of templates a page is drawn with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Ward(WardShape),
    Patient,
    Supervision,
}

impl Kind {
    const fn of(key: &TopicKey) -> Self {
        match key.subject {
            Subject::Ward(_) => Self::Ward(WardShape::of(key.grant.fields())),
            Subject::Patient(_) => Self::Patient,
            Subject::Supervision => Self::Supervision,
        }
    }
}

impl PagesOf {
    /// Pages made from these parts.
    ///
    /// # Errors
    /// [`TemplateError`] when markup is not what templates may be: a fault of this program, found
    /// at the start and not when somebody looks.
    pub fn new(parts: PageParts) -> Result<Self, TemplateError> {
        let epoch = Epoch::at(parts.clock.now());
        let sets = sets()?;
        let version = version(&sets, epoch);
        Ok(Self {
            parts,
            epoch,
            sets,
            version,
        })
    }

    /// Of everything a browser keeps while it shows a page: one that has another reloads.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
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
        let now_s = self.epoch.seconds(shown.now);
        let template = shown.rendered.template;
        let set = self.sets.get(&(Kind::of(key), key.locale));
        let set = set.ok_or(MismatchError::Unknown(template))?;
        let body = set.html(&shown.rendered, now_s)?;
        let words = Words::of(key.locale);
        let (topic, path, title) = match &key.subject {
            Subject::Ward(ward) => (
                format!("ward/{ward}"),
                format!("/wards/{ward}"),
                format!("{} {ward}", words.ward),
            ),
            Subject::Patient(patient) => (
                format!("patient/{patient}"),
                format!("/patients/{patient}"),
                words.patient_heading.to_owned(),
            ),
            Subject::Supervision => (
                "supervision".to_owned(),
                "/supervision".to_owned(),
                words.supervision_heading.to_owned(),
            ),
        };
        let main = html! {
            main id="live" tabindex="-1" data-topic=(topic) data-epoch=(shown.epoch)
                data-seq=(shown.seq) data-version=(self.version)
                data-lang=(key.locale.as_str()) data-now=(now_s) {
                (PreEscaped(body))
            }
        };
        // Every page's first slot says whether its values can be believed.
        let lost =
            matches!(shown.rendered.slots.first(), Some(Slot::Text(text)) if **text == *"lost");
        let document = Document {
            locale: key.locale,
            title: &title,
            path: &path,
            viewer: Some(*viewer),
            lost,
            main,
            live: Some(Live {
                statics_json: set.statics_json(),
            }),
        };
        Ok(document.render())
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
                    self.epoch,
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
                let view = PatientView::new(grant.fields(), key.locale, self.epoch);
                Ok(LivePage::patient(self.sources(), key, patient.clone(), view, first).await)
            }
            Subject::Supervision if !grant.fields().contains(Fields::SUPERVISION) => {
                Err(PageError::NotFound)
            }
            Subject::Supervision => {
                let view = SupervisionView::new(key.locale, self.epoch);
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

fn sets() -> Result<BTreeMap<(Kind, Locale), Templates>, TemplateError> {
    let mut sets = BTreeMap::new();
    for &locale in Locale::ALL {
        for shape in WardShape::ALL {
            sets.insert((Kind::Ward(shape), locale), ward::templates(shape, locale)?);
        }
        sets.insert((Kind::Patient, locale), patient::templates(locale)?);
        sets.insert((Kind::Supervision, locale), supervision::templates(locale)?);
    }
    Ok(sets)
}

/// Also of the second that pages count from: a browser that counts from another one shows wrong
/// ages.
fn version(sets: &BTreeMap<(Kind, Locale), Templates>, epoch: Epoch) -> String {
    let mut all = epoch.unix().to_string();
    for templates in sets.values() {
        all.push(' ');
        all.push_str(templates.version());
    }
    let digest = digest(&SHA256, all.as_bytes());
    digest
        .as_ref()
        .iter()
        .take(8)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}
