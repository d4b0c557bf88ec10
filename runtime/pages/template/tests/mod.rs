//! Templates: what they write, what they refuse, and that no value becomes markup.

mod refused;
mod script;

use maud::html;
use plantao_actors::live::diff::{Item, Rendered, Series, Slot, TemplateId};
use proptest::prelude::*;

use super::{MismatchError, Template, TemplateError, Templates};

const NOW_S: i64 = 100_000;

fn template(
    id: u16,
    write: impl FnOnce(&super::Slots) -> maud::Markup,
) -> Result<Template, TemplateError> {
    Template::new(TemplateId(id), write)
}

fn tree(id: u16, slots: Vec<Slot>) -> Rendered {
    Rendered::new(TemplateId(id), slots)
}

/// A ward, a bed and a cell, small.
fn ward() -> Templates {
    let ward = template(0, |s| {
        html! { section data-source=(s.text(0)) { h1 { (s.text(1)) } ul { (s.list(2)) } } }
    });
    let bed = template(1, |s| {
        html! {
            li data-f class=(s.text(0)) {
                a href=(s.text(1)) title=(s.text(2)) { "→" }
                (s.part(3))
            }
        }
    });
    let cell = template(2, |s| {
        html! {
            div { b { (s.text(0)) } " " time { (s.age(1)) }
                svg viewBox="-60 -200 60 200" aria-label=(s.text(0)) {
                    g transform=(s.until_now()) { path d=(s.line(2)) {} }
                }
            }
        }
    });
    Templates::new([ward.unwrap(), bed.unwrap(), cell.unwrap()]).unwrap()
}

fn cell(value: &str, at: &str) -> Slot {
    let points = [
        (10, Some(98.0)),
        (15, Some(97.5)),
        (20, None),
        (25, Some(0.0)),
    ];
    let line = Slot::Series(Series::new(points));
    Slot::part(tree(2, vec![Slot::text(value), Slot::text(at), line]))
}

fn page(name: &str, key: &str, href: &str, value: &str) -> Rendered {
    let texts = [name, href, name].map(Slot::text);
    let mut bed = Vec::from(texts);
    bed.push(cell(value, "99988"));
    let list = Slot::List(vec![Item::new(key, tree(1, bed))]);
    tree(0, vec![Slot::text("live"), Slot::text(name), list])
}

#[test]
fn a_page_is_written_with_what_the_browser_needs_to_find_its_slots() {
    let html = ward()
        .html(&page("Ana", "b1", "/patients/7", "98"), NOW_S)
        .unwrap();
    let expected = concat!(
        r#"<section data-n="0" data-source="live" data-a="data-source:0">"#,
        r#"<h1 data-s="1">Ana</h1><ul data-l="2">"#,
        r#"<li data-n="1" data-k="b1" data-f class="Ana" data-a="class:0">"#,
        r#"<a href="/patients/7" title="Ana" data-a="href:1 title:2">→</a>"#,
        r#"<div data-n="2" data-p="3"><b data-s="0">98</b> "#,
        r#"<time data-t="1" data-m="99988">12 s</time>"#,
        r#"<svg viewBox="-60 -200 60 200" aria-label="98" data-a="aria-label:0">"#,
        r#"<g transform="translate(-100010 0)" data-x>"#,
        r#"<path d="M10 -98h0L15 -97.5M20 0M25 0h0" data-v="2"></path></g></svg></div></li>"#,
        "</ul></section>",
    );
    assert_eq!(html, expected);
}

#[test]
fn the_browser_gets_each_template_once_and_without_values() {
    let json = ward().statics_json().to_owned();
    assert!(!json.contains(['<', '\u{1}', '\u{2}']));
    let statics: serde_json::Value = serde_json::from_str(&json).unwrap();
    let expected = concat!(
        r#"<li data-n="1" data-f class="" data-a="class:0">"#,
        r#"<a href="" title="" data-a="href:1 title:2">→</a>"#,
        r#"<template data-p="3"></template></li>"#,
    );
    assert_eq!(statics["1"], expected);
}

#[test]
fn a_template_that_says_another_word_makes_another_version() {
    let version = |word: &str| {
        let one = template(0, |_| html! { p { (word) } }).unwrap();
        Templates::new([one]).unwrap().version().to_owned()
    };
    assert_eq!(version("Leito"), version("Leito"));
    assert_ne!(version("Leito"), version("Bed"));
}

/// Every way out of a text or an attribute that we know of.
const ATTACKS: [&str; 9] = [
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>",
    "' onmouseover='alert(1)",
    "</h1></section></main><iframe>",
    "<!--",
    "&lt;b&gt; &quot; &#0;",
    "\u{1}s0\u{2}\u{1}l2\u{2}",
    "\0<\0script>",
    "]]>\u{2028}\u{202e}",
];

/// What a browser's parser reads as markup.
fn marks(html: &str) -> Vec<char> {
    html.chars()
        .filter(|letter| "<>\"'".contains(*letter))
        .collect()
}

#[test]
fn no_attack_becomes_markup() {
    let templates = ward();
    let harmless = templates
        .html(&page("Ana", "b1", "/x", "98"), NOW_S)
        .unwrap();
    for attack in ATTACKS {
        let attacked = page(attack, attack, attack, attack);
        let html = templates.html(&attacked, NOW_S).unwrap();
        assert_eq!(marks(&html), marks(&harmless), "{attack}");
        assert!(!html.contains(['\0', '\u{1}', '\u{2}']), "{attack}");
    }
}

proptest! {
    #[test]
    fn no_value_becomes_markup(name in any::<String>(), key in any::<String>()) {
        let templates = ward();
        let harmless = templates.html(&page("Ana", "b1", "/x", "98"), NOW_S).unwrap();
        let html = templates.html(&page(&name, &key, &name, &name), NOW_S).unwrap();
        prop_assert_eq!(marks(&html), marks(&harmless));
        let control = |letter: char| letter < ' ' && letter != '\n' && letter != '\t';
        prop_assert!(!html.contains(control));
    }
}

#[test]
fn a_link_leads_to_a_path_of_this_site_or_nowhere() {
    let templates = ward();
    let link = |href: &str| {
        let html = templates
            .html(&page("Ana", "b1", href, "98"), NOW_S)
            .unwrap();
        let (_, rest) = html.split_once("href=\"").unwrap();
        rest.split('"').next().unwrap().to_owned()
    };
    assert_eq!(link("/patients/7?q=a"), "/patients/7?q=a");
    assert_eq!(link("/"), "/");
    for elsewhere in [
        "javascript:alert(1)",
        "//evil.example",
        "/\\evil.example",
        "/\t/evil.example",
        "https://evil.example",
        "patients",
        "",
    ] {
        assert_eq!(link(elsewhere), "#", "{elsewhere}");
    }
}

#[test]
fn an_age_is_said_in_its_largest_whole_unit() {
    let one = template(0, |s| html! { time { (s.age(0)) } }).unwrap();
    let templates = Templates::new([one]).unwrap();
    let age = |moment: &str| {
        let html = templates.html(&tree(0, vec![Slot::text(moment)]), NOW_S);
        let html = html.unwrap();
        let (_, text) = html.rsplit_once("\">").unwrap();
        text.trim_end_matches("</time>").to_owned()
    };
    for (moment, said) in [
        ("100000", "0 s"),
        ("100001", "0 s"),
        ("99941", "59 s"),
        ("99940", "1 min"),
        ("96401", "59 min"),
        ("96400", "1 h"),
        ("13601", "23 h"),
        ("13600", "1 d"),
        ("-72800", "2 d"),
        ("", ""),
        ("—", "—"),
        ("+5", "+5"),
        ("1e3", "1e3"),
    ] {
        assert_eq!(age(moment), said, "{moment}");
    }
}

#[test]
fn a_tree_that_does_not_fit_is_not_shown() {
    let templates = ward();
    let shown = |tree: Rendered| templates.html(&tree, NOW_S);
    let unknown = TemplateId(7);
    assert_eq!(shown(tree(7, vec![])), Err(MismatchError::Unknown(unknown)));
    let template = TemplateId(2);
    let count = MismatchError::Count { template, slots: 1 };
    assert_eq!(shown(tree(2, vec![Slot::text("98")])), Err(count));
    let texts = vec![Slot::text("98"); 3];
    let kind = MismatchError::Kind { template, slot: 2 };
    assert_eq!(shown(tree(2, texts)), Err(kind));
}
