//! The markup of all pages in all languages, built once, and documents made of it.
//!
//! Pure: who may see what was decided before, and is in the tree.

use super::layout::{Document, Live, Viewer};
use super::lines::Epoch;
use super::template::{MismatchError, TemplateError, Templates};
use super::ward::{self, WardShape};
use super::words::Words;
use super::{patient, supervision};
use aws_lc_rs::digest::{SHA256, digest};
use maud::{PreEscaped, html};
use plantao_actors::live::diff::Slot;
use plantao_actors::live::{Shown, Subject};
use plantao_schema::access::Fields;
use plantao_schema::locale::Locale;
use plantao_schema::time::Timestamp;
use std::collections::BTreeMap;

/// Templates by page and language.
pub(super) struct Book {
    pub(super) epoch: Epoch,
    sets: BTreeMap<(Kind, Locale), Templates>,
    pub(super) version: String,
}

/// Which set of templates a page is drawn with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Ward(WardShape),
    Patient,
    Supervision,
}

impl Kind {
    const fn of(subject: &Subject, fields: Fields) -> Self {
        match subject {
            Subject::Ward(_) => Self::Ward(WardShape::of(fields)),
            Subject::Patient(_) => Self::Patient,
            Subject::Supervision => Self::Supervision,
        }
    }
}

impl Book {
    /// The book of pages that begin now.
    pub(super) fn new(now: Timestamp) -> Result<Self, TemplateError> {
        let epoch = Epoch::at(now);
        let sets = sets()?;
        let version = version(&sets, epoch);
        Ok(Self {
            epoch,
            sets,
            version,
        })
    }

    /// The document of a page that lives.
    ///
    /// # Errors
    /// [`MismatchError`] when the tree is not one of the page's templates: a fault of this program.
    pub(super) fn document(
        &self,
        subject: &Subject,
        fields: Fields,
        locale: Locale,
        shown: &Shown,
        viewer: &Viewer<'_>,
    ) -> Result<String, MismatchError> {
        let now_s = self.epoch.seconds(shown.now);
        let template = shown.rendered.template;
        let set = self.sets.get(&(Kind::of(subject, fields), locale));
        let set = set.ok_or(MismatchError::Unknown(template))?;
        let body = set.html(&shown.rendered, now_s)?;
        let words = Words::of(locale);
        let (topic, path, title) = match subject {
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
                data-lang=(locale.as_str()) data-now=(now_s) {
                (PreEscaped(body))
            }
        };
        // Every page's first slot says whether its values can be believed.
        let lost =
            matches!(shown.rendered.slots.first(), Some(Slot::Text(text)) if **text == *"lost");
        let document = Document {
            locale,
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
