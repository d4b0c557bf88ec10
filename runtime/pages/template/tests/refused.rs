//! Templates that are not built: each would let a value out of its place, or leave one behind.

use maud::{Markup, PreEscaped, html};

use super::template;
use crate::pages::template::{Slots, TemplateError, Templates};

fn refusal(write: impl FnOnce(&Slots) -> Markup) -> &'static str {
    match template(0, write).unwrap_err() {
        TemplateError::Malformed { why, .. } | TemplateError::Misplaced { why, .. } => why,
        other => panic!("{other}"),
    }
}

#[test]
fn a_value_stands_in_no_attribute_that_runs_loads_or_styles() {
    let why = "no such value in this attribute";
    assert_eq!(refusal(|s| html! { p onclick=(s.text(0)) {} }), why);
    assert_eq!(refusal(|s| html! { p style=(s.text(0)) {} }), why);
    assert_eq!(refusal(|s| html! { img src=(s.text(0)); }), why);
    assert_eq!(refusal(|s| html! { p { form action=(s.text(0)) {} } }), why);
    assert_eq!(refusal(|s| html! { svg { path d=(s.text(0)) {} } }), why);
    assert_eq!(
        refusal(|s| html! { svg { path class=(s.line(0)) {} } }),
        why
    );
    assert_eq!(refusal(|s| html! { p title=(s.list(0)) {} }), why);
    assert_eq!(
        refusal(|s| html! { svg { image href=(s.text(0)) {} } }),
        why
    );
}

#[test]
fn a_value_shares_its_place_with_no_other_text() {
    let whole = "it must be the whole content of its element";
    assert_eq!(refusal(|s| html! { p { (s.text(0)) " bpm" } }), whole);
    assert_eq!(refusal(|s| html! { p { "HR " (s.text(0)) } }), whole);
    assert_eq!(refusal(|s| html! { p { (s.text(0)) (s.text(1)) } }), whole);
    assert_eq!(refusal(|s| html! { ul { li {} (s.list(0)) } }), whole);
    let value = "a slot must be the whole value of its attribute";
    assert_eq!(
        refusal(|s| html! { p class={ (s.text(0)) " x" } {} }),
        value
    );
    let among = "a control character, or a slot among other text";
    assert_eq!(
        refusal(|s| html! { p class={ "x " (s.text(0)) } {} }),
        among
    );
}

#[test]
fn elements_that_browsers_read_in_their_own_way_are_refused() {
    let why = "this element cannot stand here";
    assert_eq!(refusal(|_| html! { div { script { "1" } } }), why);
    assert_eq!(refusal(|_| html! { style { "p {}" } }), why);
    assert_eq!(refusal(|s| html! { div { textarea { (s.text(0)) } } }), why);
    assert_eq!(refusal(|s| html! { g { text { (s.text(0)) } } }), why);
    let list = "a list stands in no `svg`, in a `tbody` of a table";
    assert_eq!(refusal(|s| html! { table { (s.list(0)) } }), list);
    assert_eq!(refusal(|s| html! { svg { g { (s.list(0)) } } }), list);
    assert_eq!(
        refusal(|s| html! { svg { (s.part(0)) } }),
        "a part stands in no `svg`"
    );
}

#[test]
fn a_template_is_exactly_one_well_formed_element() {
    let one = "a template is exactly one element";
    assert_eq!(refusal(|_| html! { p {} p {} }), one);
    assert_eq!(refusal(|_| html! { p {} " " }), one);
    assert_eq!(refusal(|_| html! { "text" }), "a tag was expected");
    assert_eq!(refusal(|s| s.text(0)), "a tag was expected");
    assert_eq!(
        refusal(|_| html! { svg { path; } }),
        "another element is open"
    );
    let raw = |text: &'static str| move |_: &Slots| PreEscaped(text.to_owned());
    assert_eq!(refusal(raw("<p>")), "an element is not closed");
    assert_eq!(refusal(raw("<p><!-- --></p>")), "a name was expected");
    assert_eq!(
        refusal(raw("<p a='x'></p>")),
        "an attribute or the end of the tag was expected"
    );
    let control = "a control character, or a slot among other text";
    assert_eq!(refusal(raw("<p>\u{2}</p>")), control);
    assert_eq!(refusal(raw("<p>\u{1}</p>")), "a control character");
    assert_eq!(refusal(raw("<p>\0</p>")), control);
}

#[test]
fn what_the_splitter_writes_is_its_own() {
    let why = "this attribute is written by the splitter";
    assert_eq!(refusal(|s| html! { p data-s="0" { (s.text(0)) } }), why);
    assert_eq!(refusal(|_| html! { p data-k="a" {} }), why);
}

#[test]
fn only_a_text_may_stand_twice() {
    assert!(template(0, |s| html! { p title=(s.text(0)) { (s.text(0)) } }).is_ok());
    let why = "it stands somewhere else already, and only a text may stand twice";
    let two_lines = refusal(|s| html! { svg { path d=(s.line(0)) {} path d=(s.line(0)) {} } });
    assert_eq!(two_lines, why);
    assert_eq!(
        refusal(|s| html! { p title=(s.text(0)) { (s.part(0)) } }),
        why
    );
}

#[test]
fn no_slot_is_left_out() {
    let id = plantao_actors::live::diff::TemplateId(0);
    let missing = template(0, |s| html! { p title=(s.text(2)) { (s.text(0)) } });
    let expected = TemplateError::Missing {
        template: id,
        slot: 1,
    };
    assert_eq!(missing.unwrap_err(), expected);
}

#[test]
fn two_templates_of_one_identifier_are_refused() {
    let one = || template(0, |_| html! { p {} }).unwrap();
    let refused = Templates::new([one(), one()]).unwrap_err();
    let id = plantao_actors::live::diff::TemplateId(0);
    assert_eq!(refused, TemplateError::SameId { template: id });
}
