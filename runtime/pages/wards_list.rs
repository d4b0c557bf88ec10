//! The list of wards: where a shift begins.

use super::layout::{Document, Viewer, plain_main};
use super::words::Words;
use maud::html;
use plantao_schema::id::WardId;
use plantao_schema::locale::Locale;

/// The page of the wards.
#[must_use]
pub fn wards(wards: &[WardId], viewer: &Viewer<'_>, locale: Locale) -> String {
    let words = Words::of(locale);
    let content = html! {
        h1 { (words.wards_heading) }
        @if wards.is_empty() {
            p { (words.wards_none) }
        } @else {
            ul class="wards" {
                @for ward in wards {
                    li { a href={ "/wards/" (ward) } { (words.ward) " " (ward) } }
                }
            }
        }
    };
    let document = Document {
        locale,
        title: words.wards,
        path: "/wards",
        viewer: Some(*viewer),
        lost: false,
        main: plain_main(&content),
        live: None,
    };
    document.render()
}
