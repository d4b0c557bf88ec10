//! The patient page's markup. What a viewer may not see is an empty part: it is not there.

use super::{card, vitals};
use crate::pages::template::{Slots, Template, TemplateError, Templates};
use crate::pages::words::Words;
use maud::{Markup, html};
use plantao_actors::live::diff::{Rendered, Slot, TemplateId};
use plantao_schema::locale::Locale;
use std::sync::Arc;

pub(super) const ROOT: TemplateId = TemplateId(0);
pub(super) const NOTHING: TemplateId = TemplateId(1);
pub(super) const NOTE: TemplateId = TemplateId(2);

/// The templates of a patient page in one language.
pub(in crate::pages) fn templates(locale: Locale) -> Result<Templates, TemplateError> {
    let words = Words::of(locale);
    let mut all = vec![
        Template::new(ROOT, root)?,
        Template::new(NOTHING, |_| html! { div hidden {} })?,
        Template::new(NOTE, |s| html! { p class="notice" { (s.text(0)) } })?,
    ];
    all.extend(card::templates(words)?);
    all.extend(vitals::templates(locale, words)?);
    Templates::new(all)
}

/// Nothing in the place of a part.
pub(super) fn nothing() -> Slot {
    Slot::part(Rendered::new(NOTHING, Vec::new()))
}

/// A sentence in the place of a part.
pub(super) fn note(text: &str) -> Arc<Rendered> {
    Arc::new(Rendered::new(NOTE, vec![Slot::text(text)]))
}

/// Slots: source, class, heading, person, warning, card, vitals.
fn root(s: &Slots) -> Markup {
    html! {
        div class=(s.text(1)) data-source=(s.text(0)) {
            div class="person" {
                h1 { (s.text(2)) }
                p { (s.text(3)) }
                p class="warning" role="status" { (s.text(4)) }
            }
            (s.part(5))
            (s.part(6))
        }
    }
}
