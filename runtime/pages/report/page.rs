//! The report as a page: one file with its own style, nothing to load, made to be printed.

use super::text::closing;
use super::words::Words;
use super::{Told, span};
use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use http::header::{self, HeaderName};
use maud::{DOCTYPE, Markup, PreEscaped, html};
use plantao_schema::audit::report::{Day, Line, Manner};

const STYLE: &str = include_str!("report.css");

/// The whole page.
#[must_use]
pub fn page(told: &Told) -> String {
    let words = told.words();
    let markup = html! {
        (DOCTYPE)
        html lang=(told.locale.as_str()) {
            head {
                meta charset="utf-8";
                title { (words.title) " · Plantão" }
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light";
                meta name="robots" content="noindex";
                link rel="icon" href="data:,";
                style { (PreEscaped(STYLE)) }
            }
            body {
                main {
                    h1 { (words.title) }
                    p class="intro" { (words.intro) }
                    dl class="facts" {
                        @for (name, value) in told.facts() {
                            div { dt { (name) } dd { (value) } }
                        }
                    }
                    (counts(told, words))
                    @if told.is_cut { p class="note" { (words.cut) } }
                    @if told.report.days.is_empty() { p class="note" { (words.none) } }
                    @for one in &told.report.days { (day(told, words, one)) }
                    (end(told, words))
                }
            }
        }
    };
    markup.into_string()
}

/// The headers it leaves with: it may do nothing but be shown, in its own style.
#[must_use]
pub fn headers() -> Vec<(HeaderName, String)> {
    let style = BASE64_STANDARD.encode(digest(&SHA256, STYLE.as_bytes()));
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{style}'; img-src data:; form-action 'none'; \
         base-uri 'none'; frame-ancestors 'none'"
    );
    let name = HeaderName::from_static;
    vec![
        (header::CONTENT_SECURITY_POLICY, policy),
        (header::REFERRER_POLICY, "no-referrer".to_owned()),
        (name("cross-origin-opener-policy"), "same-origin".to_owned()),
        (
            name("cross-origin-resource-policy"),
            "same-origin".to_owned(),
        ),
    ]
}

fn counts(told: &Told, words: &Words) -> Markup {
    html! {
        section aria-labelledby="summary" {
            h2 id="summary" { (words.summary) }
            ul class="counts" {
                @for (count, of) in told.counts() {
                    li { strong { (count) } " " (of) }
                }
            }
        }
    }
}

fn day(told: &Told, words: &Words, day: &Day) -> Markup {
    let id = format!("day-{}", day.number);
    html! {
        section class="day" aria-labelledby=(id) {
            h2 id=(id) { (told.day(day.number)) }
            // On a narrow screen the style takes the table's form away; the roles keep its meaning.
            table role="table" aria-labelledby=(id) {
                thead role="rowgroup" {
                    tr role="row" {
                        @for heading in
                            [words.time, words.who, words.what, words.why, words.result]
                        {
                            th scope="col" role="columnheader" { (heading) }
                        }
                    }
                }
                tbody role="rowgroup" { @for line in &day.lines { (row(told, words, line)) } }
            }
        }
    }
}

fn row(told: &Told, words: &Words, line: &Line) -> Markup {
    let access = &line.access;
    let class = match access.manner {
        Manner::Emergency => Some("emergency"),
        Manner::Refused => Some("refused"),
        _ => None,
    };
    html! {
        tr class=[class] role="row" {
            td class="time" role="cell" data-name=(words.time) { (span(line)) }
            td role="cell" data-name=(words.who) {
                (told.role(access)) " " span class="code" { (access.principal) }
            }
            td role="cell" data-name=(words.what) { (told.deed(line)) }
            td role="cell" data-name=(words.why) { (told.purpose(access)) }
            td role="cell" data-name=(words.result) {
                div {
                    span class="manner" { (Told::manner(words, access.manner)) }
                    @if let Some(reason) = &access.reason {
                        p class="reason" { (words.reason) ": " q { (reason) } }
                    }
                }
            }
        }
    }
}

fn end(told: &Told, words: &Words) -> Markup {
    html! {
        @for (heading, paragraphs) in closing(told) {
            section class="end" {
                h2 { (heading) }
                @if let [only] = paragraphs.as_slice() {
                    p { (only) }
                } @else {
                    ul { @for paragraph in paragraphs { li { (paragraph) } } }
                }
            }
        }
        @if let Some(contact) = &told.contact {
            section class="end" {
                h2 { (words.contact) }
                p class="contact" { (contact) }
            }
        }
    }
}
