//! Templates of live pages: markup written once in maud, with slots for the values that change.
//!
//! A template is rendered when the process starts, with a mark in each slot, and split there. On
//! the server [`Templates::html`] puts the escaped values of a tree between the pieces; the browser
//! gets the pieces once ([`Templates::statics_json`]) and from then on only values, which it puts
//! in as texts and attributes, never as markup. A slot can therefore stand in few places, and
//! every other place is refused when the template is built:
//!
//! | in the template | what the slot is |
//! |---|---|
//! | `span { (s.text(0)) }` | the whole text of an element |
//! | `tr class=(s.text(1))` | a whole attribute: see [`ATTRIBUTES`] |
//! | `a href=(s.text(2))` | a path of this site; anything else becomes `#` |
//! | `time { (s.age(3)) }` | seconds since the page's epoch, shown as an age: `12 s`, `3 min` |
//! | `tbody { (s.list(4)) }` | the items of a list, as the whole content of an element |
//! | `tr { td { } (s.part(5)) }` | one element of another template, between others |
//! | `path d=(s.line(6)) {}` | a series, drawn: x in seconds, y the negated value |
//! | `g transform=(s.until_now()) {…}` | no slot: moves x so that 0 is now |
//!
//! A template is exactly one element. One text may stand in many places, any other slot in one;
//! slots count from 0 without a gap. What the browser needs to find the places again (attributes
//! `data-s`, `data-a`, `data-t`, `data-m`, `data-l`, `data-k`, `data-p`, `data-v`, `data-x`,
//! `data-n`) is written by this module; a template that writes one itself is refused.
//!
//! Lines are drawn in the page's own coordinates, so an `svg` around them wants a `viewBox` such as
//! `-21600 -200 21600 180` (six hours up to now, values from 20 to 200).
//!
//! PHI: values pass through; none is kept, and errors name the template and the slot alone.

mod error;
mod html;
mod markup;
mod places;
mod split;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use maud::{Markup, PreEscaped};
use plantao_actors::live::diff::{Rendered, TemplateId};

pub use error::{MismatchError, TemplateError};
pub use split::ATTRIBUTES;

use places::Kind;
use split::Piece;

/// What a page's script is built from; part of every version.
pub const SCRIPT: &str = include_str!("../assets/live.js");

/// One template, split at its slots.
#[derive(Debug, Clone)]
pub struct Template {
    id: TemplateId,
    pieces: Vec<Piece>,
    kinds: Vec<Kind>,
}

impl Template {
    /// The template that `write` writes.
    ///
    /// # Errors
    /// The markup is not one well-formed element, or a slot stands where no value may.
    pub fn new(
        id: TemplateId,
        write: impl FnOnce(&Slots) -> Markup,
    ) -> Result<Self, TemplateError> {
        let markup = write(&Slots(())).into_string();
        let (pieces, kinds) = split::split(id, &markup)?;
        Ok(Self { id, pieces, kinds })
    }
}

/// Marks the places of slots while a template is written.
#[derive(Debug)]
pub struct Slots(());

impl Slots {
    /// The whole text of an element, or the whole value of an attribute.
    pub fn text(&self, slot: usize) -> Markup {
        mark('s', slot)
    }

    /// The whole text of an element: the age of the moment in the slot (a text: whole seconds
    /// since the page's epoch; anything else is shown as it is).
    pub fn age(&self, slot: usize) -> Markup {
        mark('t', slot)
    }

    /// One element of another template, in this place.
    pub fn part(&self, slot: usize) -> Markup {
        mark('p', slot)
    }

    /// The items of a list, as the whole content of an element.
    pub fn list(&self, slot: usize) -> Markup {
        mark('l', slot)
    }

    /// The whole `d` of a path: the slot's series. A lone point is drawn as a dot when the path's
    /// line caps are round; a gap is left empty.
    pub fn line(&self, slot: usize) -> Markup {
        mark('v', slot)
    }

    /// The whole `transform` of a group: moves its lines so that now is at 0, in steps of ten
    /// seconds.
    pub fn until_now(&self) -> Markup {
        mark('x', 0)
    }
}

/// The templates of a page, by their identifiers.
#[derive(Debug, Clone)]
pub struct Templates {
    by_id: BTreeMap<TemplateId, Template>,
    statics_json: String,
    version: String,
}

impl Templates {
    /// These templates together.
    ///
    /// # Errors
    /// Two have one identifier.
    pub fn new(templates: impl IntoIterator<Item = Template>) -> Result<Self, TemplateError> {
        let mut by_id = BTreeMap::new();
        for template in templates {
            let id = template.id;
            if by_id.insert(id, template).is_some() {
                return Err(TemplateError::SameId { template: id });
            }
        }
        let statics_json = html::statics_json(&by_id);
        let version = html::version(&statics_json);
        Ok(Self {
            by_id,
            statics_json,
            version,
        })
    }

    /// The tree as markup, every value escaped. `now_s` is the present moment in seconds since the
    /// page's epoch: ages are shown from it.
    ///
    /// # Errors
    /// The tree is not one of these templates' trees: nothing of it is shown.
    pub fn html(&self, tree: &Rendered, now_s: i64) -> Result<String, MismatchError> {
        html::html(&self.by_id, tree, now_s)
    }

    /// What the browser needs to build elements itself: JSON for
    /// `<script type="application/json" id="statics">`, safe to stand there unescaped.
    pub fn statics_json(&self) -> &str {
        &self.statics_json
    }

    /// Of the templates, the script and the wire format: a browser that has another one reloads.
    pub fn version(&self) -> &str {
        &self.version
    }
}

fn mark(kind: char, slot: usize) -> Markup {
    PreEscaped(format!("{}{kind}{slot}{}", markup::MARK, markup::MARK_END))
}
