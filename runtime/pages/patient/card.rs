//! The emergency card: what must not be given, what is being given, what the patient has.

use super::person;
use super::templates::nothing;
use crate::pages::template::{Slots, Template, TemplateError};
use crate::pages::words::Words;
use maud::{Markup, html};
use plantao_actors::live::diff::{Item, Rendered, Slot, TemplateId};
use plantao_schema::access::Fields;
use plantao_schema::emergency::{CardItem, EmergencyCard};
use plantao_schema::locale::Locale;
use std::sync::Arc;

const CARD: TemplateId = TemplateId(10);
const ALLERGIES: TemplateId = TemplateId(11);
const MEDICATION: TemplateId = TemplateId(12);
const CONDITIONS: TemplateId = TemplateId(13);
const ITEM: TemplateId = TemplateId(14);

pub(super) fn templates(words: &Words) -> Result<Vec<Template>, TemplateError> {
    Ok(vec![
        Template::new(CARD, |s| frame(s, words))?,
        Template::new(ALLERGIES, |s| list(s, words.allergies))?,
        Template::new(MEDICATION, |s| list(s, words.medication))?,
        Template::new(CONDITIONS, |s| list(s, words.conditions))?,
        Template::new(ITEM, item)?,
    ])
}

/// Slots: the three lists, warning.
fn frame(s: &Slots, words: &Words) -> Markup {
    html! {
        section class="card emergency" aria-labelledby="card" {
            h2 id="card" { (words.emergency_card) }
            p class="warning" { (s.text(3)) }
            div class="columns" { (s.part(0)) (s.part(1)) (s.part(2)) }
        }
    }
}

fn list(s: &Slots, title: &str) -> Markup {
    html! { div { h3 { (title) } ul { (s.list(0)) } } }
}

/// Slots: class, text, mark, detail.
fn item(s: &Slots) -> Markup {
    html! {
        li class=(s.text(0)) {
            b { (s.text(1)) } " " em { (s.text(2)) } " " small { (s.text(3)) }
        }
    }
}

/// The card as far as the fields go; nothing when they have nothing of it.
pub(super) fn part(
    card: &EmergencyCard,
    unreadable: usize,
    fields: Fields,
    locale: Locale,
) -> Option<Arc<Rendered>> {
    let words = Words::of(locale);
    let lists = [
        (
            Fields::ALLERGIES,
            ALLERGIES,
            &card.allergies,
            words.allergies_none,
        ),
        (
            Fields::MEDICATION,
            MEDICATION,
            &card.medication,
            words.medication_none,
        ),
        (
            Fields::CONDITIONS,
            CONDITIONS,
            &card.conditions,
            words.conditions_none,
        ),
    ];
    if lists.iter().all(|(field, ..)| !fields.contains(*field)) {
        return None;
    }
    let mut slots: Vec<Slot> = lists
        .into_iter()
        .map(
            |(field, template, items, none)| match fields.contains(field) {
                true => {
                    let items = if items.is_empty() {
                        vec![absent(none)]
                    } else {
                        drawn(items, locale)
                    };
                    Slot::part(Rendered::new(template, vec![Slot::List(items)]))
                }
                false => nothing(),
            },
        )
        .collect();
    let warning = if unreadable > 0 {
        words.card_incomplete
    } else {
        ""
    };
    slots.push(Slot::text(warning));
    Some(Arc::new(Rendered::new(CARD, slots)))
}

fn drawn(items: &[CardItem], locale: Locale) -> Vec<Item> {
    let words = Words::of(locale);
    let lines = items.iter().enumerate().map(|(place, item)| {
        let since = item.since.as_deref();
        let since = since.map(|date| format!("{} {}", words.since, person::date(date, locale)));
        let rest: Vec<&str> = [item.detail.as_deref(), since.as_deref()]
            .into_iter()
            .flatten()
            .collect();
        let (class, mark) = match item.critical {
            true => ("critical", words.critical),
            false => ("", ""),
        };
        let texts = [class, &item.text, mark, &rest.join(" · ")];
        let slots = texts.into_iter().map(Slot::text).collect();
        Item::new(place.to_string(), Rendered::new(ITEM, slots))
    });
    lines.collect()
}

fn absent(text: &str) -> Item {
    let slots = ["absent", text, "", ""]
        .into_iter()
        .map(Slot::text)
        .collect();
    Item::new("none", Rendered::new(ITEM, slots))
}
