//! The tree's markup: one row for each node.

use crate::pages::template::{Slots, Template, TemplateError, Templates};
use crate::pages::words::Words;
use maud::{Markup, html};
use plantao_actors::live::diff::TemplateId;
use plantao_schema::locale::Locale;

pub(super) const ROOT: TemplateId = TemplateId(0);
pub(super) const NODE: TemplateId = TemplateId(1);
pub(super) const MORE: TemplateId = TemplateId(2);

/// Columns of the table.
const COLUMNS: usize = 9;

/// The templates of the page in one language.
pub(in crate::pages) fn templates(locale: Locale) -> Result<Templates, TemplateError> {
    let words = Words::of(locale);
    Templates::new([
        Template::new(ROOT, |s| root(s, words))?,
        Template::new(NODE, node)?,
        Template::new(MORE, more)?,
    ])
}

/// Slots: source, note, rows.
fn root(s: &Slots, words: &Words) -> Markup {
    let right = [
        ("number", words.restarts),
        ("number c-budget", words.budget),
        ("number", words.mailbox),
        ("number", words.oldest),
        ("number", words.up_for),
    ];
    html! {
        div data-source=(s.text(0)) {
            div class="headline" { h1 { (words.supervision_heading) } p { (s.text(1)) } }
            div class="scroll" tabindex="0" role="region" aria-label=(words.supervision_heading) {
                table class="tree" {
                    caption class="sr" { (words.supervision_heading) }
                    thead {
                        tr {
                            th scope="col" class="c-actor" { (words.actor) }
                            th scope="col" class="c-kind" { (words.kind) }
                            th scope="col" class="c-state" { (words.state) }
                            @for (class, name) in right {
                                th scope="col" class=(class) { (name) }
                            }
                            th scope="col" { (words.last_exit) }
                        }
                    }
                    tbody { (s.list(2)) }
                }
            }
        }
    }
}

/// Slots: class, name, kind, state, restarts, class of the budget, budget, mailbox, oldest, since,
/// last exit, path.
fn node(s: &Slots) -> Markup {
    html! {
        tr class=(s.text(0)) {
            th scope="row" title=(s.text(11)) { span { (s.text(1)) } }
            td { (s.text(2)) }
            td class="state" { (s.text(3)) }
            td class="number" data-f="" { (s.text(4)) }
            td class=(s.text(5)) { (s.text(6)) }
            td class="number" { (s.text(7)) }
            td class="number" { (s.text(8)) }
            td class="number" { time { (s.age(9)) } }
            td { (s.text(10)) }
        }
    }
}

/// Children that are left out. Slots: class, text.
fn more(s: &Slots) -> Markup {
    html! {
        tr class=(s.text(0)) {
            td colspan=(COLUMNS) { span { (s.text(1)) } }
        }
    }
}
