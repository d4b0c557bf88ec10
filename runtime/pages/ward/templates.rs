//! The ward's markup: one table, with the columns that a viewer may see and no other.

use crate::pages::template::{Slots, Template, TemplateError, Templates};
use crate::pages::words::{self, Words};
use crate::pages::{lines, score};
use maud::{Markup, html};
use plantao_actors::live::diff::TemplateId;
use plantao_schema::access::Fields;
use plantao_schema::locale::Locale;
use plantao_schema::vitals::VitalSign;

pub(super) const ROOT: TemplateId = TemplateId(0);
pub(super) const ROW: TemplateId = TemplateId(1);
pub(super) const NOTE: TemplateId = TemplateId(2);
pub(super) const SCORE: TemplateId = TemplateId(3);

/// The template of a sign's cell.
pub(super) const fn cell(sign: VitalSign) -> TemplateId {
    TemplateId(10 + sign as u16)
}

/// Which columns there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(in crate::pages) struct WardShape {
    /// The patient's name.
    pub(in crate::pages) name: bool,
    /// NEWS2 and vital signs.
    pub(in crate::pages) vitals: bool,
}

impl WardShape {
    /// Every shape.
    pub(in crate::pages) const ALL: [Self; 4] = [
        Self {
            name: false,
            vitals: false,
        },
        Self {
            name: true,
            vitals: false,
        },
        Self {
            name: false,
            vitals: true,
        },
        Self {
            name: true,
            vitals: true,
        },
    ];

    /// What a viewer with these fields gets.
    pub(in crate::pages) const fn of(fields: Fields) -> Self {
        Self {
            name: fields.contains(Fields::NAME),
            vitals: fields.contains(Fields::VITALS),
        }
    }

    /// Whether nothing is known of a bed but that somebody lies in it.
    pub(super) const fn is_bare(self) -> bool {
        !self.name && !self.vitals
    }

    const fn columns(self) -> usize {
        let vitals = if self.vitals {
            1 + VitalSign::ALL.len()
        } else {
            0
        };
        1 + (self.name || self.is_bare()) as usize + vitals
    }
}

/// The templates of a ward page in one language.
pub(in crate::pages) fn templates(
    shape: WardShape,
    locale: Locale,
) -> Result<Templates, TemplateError> {
    let words = Words::of(locale);
    let mut all = vec![
        Template::new(ROOT, |s| root(s, shape, locale, words))?,
        Template::new(NOTE, |s| note(s, shape))?,
    ];
    if !shape.is_bare() {
        all.push(Template::new(ROW, |s| row(s, shape))?);
    }
    if shape.vitals {
        all.push(score::template(SCORE, 1)?);
        for &sign in VitalSign::ALL {
            all.push(Template::new(cell(sign), |s| sign_cell(s, sign))?);
        }
    }
    Templates::new(all)
}

/// Slots: source, ward, occupied, rows; with vitals: alarms, high scores, announcement, span.
fn root(s: &Slots, shape: WardShape, locale: Locale, words: &Words) -> Markup {
    let caption = if shape.vitals {
        words.ward_caption
    } else {
        words.ward_caption_plain
    };
    html! {
        div data-source=(s.text(0)) {
            div class="headline" {
                h1 { (words.ward) " " span { (s.text(1)) } }
                dl {
                    div { dt { (words.bed_occupied_many) } dd { (s.text(2)) } }
                    @if shape.vitals {
                        div { dt { (words.alarms) } dd { (s.text(4)) } }
                        div { dt { (words.high_scores) } dd { (s.text(5)) } }
                        div { dt { (words.trend) } dd { (s.text(7)) } }
                    }
                }
            }
            @if shape.vitals {
                p class="sr" role="status" aria-live="polite" { (s.text(6)) }
            }
            div class="scroll" tabindex="0" role="region" aria-label=(caption) {
                table class={ "grid" @if !shape.vitals { " plain-grid" } } {
                    caption class="sr" { (caption) }
                    thead {
                        tr {
                            th scope="col" class="c-bed" { (words.bed) }
                            @if shape.name {
                                th scope="col" class="c-name" { (words.patient) }
                            } @else if shape.is_bare() {
                                th scope="col" { (words.state) }
                            }
                            @if shape.vitals {
                                th scope="col" class="c-score" { (words.news2) }
                                @for &sign in VitalSign::ALL { (head(sign, locale)) }
                            }
                        }
                    }
                    tbody { (s.list(3)) }
                }
            }
        }
    }
}

fn head(sign: VitalSign, locale: Locale) -> Markup {
    let words = words::sign(sign, locale);
    let class = if lines::range(sign).is_none() {
        "c-word"
    } else {
        "c-sign"
    };
    html! {
        th scope="col" class=(class) {
            abbr title=(words.name) { (words.short) }
            @if !words.unit.is_empty() { " " span { (words.unit) } }
        }
    }
}

/// Slots: class, address, bed, state; with a name: name; with vitals: score and a cell each.
fn row(s: &Slots, shape: WardShape) -> Markup {
    let next = 4 + usize::from(shape.name);
    html! {
        tr class=(s.text(0)) {
            th scope="row" { a href=(s.text(1)) { (s.text(2)) } small { (s.text(3)) } }
            @if shape.name { td class="name" { span { (s.text(4)) } } }
            @if shape.vitals {
                (s.part(next))
                @for place in 1..=VitalSign::ALL.len() { (s.part(next + place)) }
            }
        }
    }
}

/// A bed without anything to show. Slots: class, bed, text.
fn note(s: &Slots, shape: WardShape) -> Markup {
    html! {
        tr class=(s.text(0)) {
            th scope="row" { (s.text(1)) }
            td colspan=(shape.columns() - 1) { (s.text(2)) }
        }
    }
}

/// Slots: value, moment, class, tag, limits, unit, and for a sign that is drawn: box and line.
fn sign_cell(s: &Slots, sign: VitalSign) -> Markup {
    let drawn = lines::range(sign).is_some();
    html! {
        td class=(s.text(2)) data-sign=(sign.as_str()) {
            div class="cell" {
                div class="first" { b { (s.text(0)) } " " i { (s.text(5)) } " " em { (s.text(3)) } }
                @if drawn {
                    svg class="spark" viewBox=(s.text(6)) preserveAspectRatio="none"
                        aria-hidden="true" {
                        g transform=(s.until_now()) { path d=(s.line(7)) {} }
                    }
                }
                div class="last" { time { (s.age(1)) } " " span { (s.text(4)) } }
            }
        }
    }
}
