//! The frame around every page: head, navigation, banner, and the words for a reader without
//! JavaScript.
//!
//! A document is small and loads two files, so that its first paint is its last: nothing moves
//! when the script arrives. Titles and addresses name no patient: they are kept in histories.

use super::assets::{AssetName, url};
use super::words::{self, Words};
use maud::{DOCTYPE, Markup, PreEscaped, html};
use plantao_schema::access::Role;
use plantao_schema::locale::Locale;

/// Who looks at a page, for its head.
#[derive(Clone, Copy, Debug)]
pub struct Viewer<'a> {
    /// How it is called: a display name, or the credential's subject.
    pub name: &'a str,
    /// In which role it acts.
    pub role: &'a Role,
    /// Whether it may see the supervision tree.
    pub supervision: bool,
}

/// One document.
pub(super) struct Document<'a> {
    pub(super) locale: Locale,
    /// Names no patient.
    pub(super) title: &'a str,
    /// Its own address, for the choice of a language.
    pub(super) path: &'a str,
    /// Whoever is known to look at it.
    pub(super) viewer: Option<Viewer<'a>>,
    /// Whether it is lost from the beginning.
    pub(super) lost: bool,
    /// The main element.
    pub(super) main: Markup,
    /// For the script; nothing for a page that does not live.
    pub(super) live: Option<Live<'a>>,
}

/// What the script needs beside the main element.
pub(super) struct Live<'a> {
    pub(super) statics_json: &'a str,
}

impl Document<'_> {
    /// The document as a browser gets it.
    pub(super) fn render(&self) -> String {
        let words = Words::of(self.locale);
        let markup = html! {
            (DOCTYPE)
            html lang=(self.locale.as_str()) data-conn=[self.lost.then_some("lost")] {
                head {
                    meta charset="utf-8";
                    title { (self.title) " · Plantão" }
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    meta name="color-scheme" content="light dark";
                    meta name="robots" content="noindex";
                    link rel="stylesheet" href=(url(AssetName::Style));
                    link rel="icon" href="data:,";
                    @if self.live.is_some() {
                        script src=(url(AssetName::Script)) defer {}
                    }
                }
                body {
                    a class="skip" href=(if self.live.is_some() { "#live" } else { "#main" }) {
                        (words.skip)
                    }
                    (self.header(words))
                    @if self.live.is_some() {
                        p id="banner" role="status" aria-live="assertive"
                            data-text=(words.banner_lost) {
                            @if self.lost { (words.banner_lost) }
                        }
                        noscript { p class="notice" { (words.no_script) } }
                    }
                    (self.main)
                    @if let Some(live) = &self.live { (closing(live, words)) }
                }
            }
        };
        markup.into_string()
    }

    fn header(&self, words: &Words) -> Markup {
        let current = |path: &str| {
            let here = self.path == path || self.path.starts_with(&format!("{path}/"));
            here.then_some(if self.path == path { "page" } else { "true" })
        };
        html! {
            header class="top" {
                span class="brand" { "Plantão" }
                @if let Some(viewer) = &self.viewer {
                    nav aria-label=(words.navigation) {
                        ul {
                            li { a href="/wards" aria-current=[current("/wards")] {
                                (words.wards)
                            } }
                            @if viewer.supervision {
                                li { a href="/supervision" aria-current=[current("/supervision")] {
                                    (words.supervision)
                                } }
                            }
                        }
                    }
                    p class="who" {
                        span class="sr" { (words.signed_in_as) " " }
                        (viewer.name) " · " (words::role(viewer.role, self.locale))
                    }
                }
                (self.languages(words))
                @if self.viewer.is_some() {
                    form method="post" action="/logout" {
                        button class="plain" type="submit" { (words.log_out) }
                    }
                }
            }
        }
    }

    /// Each language in its own words, for whoever does not read the present one.
    fn languages(&self, words: &Words) -> Markup {
        html! {
            nav class="languages" aria-label=(words.language) {
                @for (locale, short, name) in
                    [(Locale::PtBr, "PT", "Português"), (Locale::En, "EN", "English")]
                {
                    a href={ (self.path) "?lang=" (locale.as_str()) } lang=(locale.as_str())
                        hreflang=(locale.as_str())
                        aria-current=[(locale == self.locale).then_some("true")] {
                        (short) span class="sr" { " " (name) }
                    }
                }
            }
        }
    }
}

/// What the script shows when the view is closed, and the templates it fills.
fn closing(live: &Live<'_>, words: &Words) -> Markup {
    html! {
        section id="closed" class="narrow" hidden data-title=(words.closed) {
            h1 { (words.closed) }
            p class="by-consent" { (words.closed_consent) }
            p class="by-policy" { (words.closed_text) }
            p { a class="button" href="/" { (words.back) } }
        }
        script type="application/json" id="statics" { (PreEscaped(live.statics_json)) }
    }
}

/// The main element of a page that does not live.
pub(super) fn plain_main(content: &Markup) -> Markup {
    html! { main id="main" tabindex="-1" { (content) } }
}
