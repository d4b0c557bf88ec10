//! The ways in: by password and authenticator, and by a one-time link.
//!
//! A refusal says that something was not right and never what: which accounts exist is nobody's
//! business. A link's page uses nothing up: programs that look ahead at links open pages, they do
//! not press buttons.

use super::layout::{Document, plain_main};
use super::words::Words;
use maud::html;
use plantao_schema::locale::Locale;
use plantao_schema::problem::{Problem, ProblemCode};

/// The form; `said` is why the last try was refused, `next` where to go afterwards. Its fields are
/// `name`, `password`, `code` and, where there is one, `next`.
#[must_use]
pub fn log_in(said: Option<&Problem>, next: Option<&str>, locale: Locale) -> String {
    let words = Words::of(locale);
    let content = html! {
        div class="narrow" {
            h1 { (words.log_in_heading) }
            @if let Some(problem) = said {
                p class="failure" role="alert" { (failure(problem, words)) }
            }
            form method="post" action="/login" {
                @if let Some(next) = next { input type="hidden" name="next" value=(next); }
                label for="name" { (words.account) }
                input id="name" name="name" autocomplete="username" autocapitalize="none"
                    spellcheck="false" maxlength="64" required;
                label for="password" { (words.password) }
                input id="password" name="password" type="password" maxlength="256"
                    autocomplete="current-password" required;
                label for="code" { (words.code) }
                input id="code" name="code" inputmode="numeric" autocomplete="one-time-code"
                    pattern="[0-9]{6}" maxlength="6" required;
                button class="button" type="submit" { (words.log_in) }
            }
        }
    };
    public(words.log_in, "/login", plain_main(&content), locale)
}

/// The page behind a one-time link: a button.
#[must_use]
pub fn log_in_by_link(code: &str, locale: Locale) -> String {
    let words = Words::of(locale);
    // Of the closed set that the address was checked for; anything else would be another address.
    let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    let code = if code.bytes().all(plain) { code } else { "" };
    let path = format!("/login/{code}");
    let content = html! {
        div class="narrow" {
            h1 { (words.log_in_heading) }
            p { (words.link_text) }
            form method="post" action=(path) {
                button class="button" type="submit" { (words.link_button) }
            }
        }
    };
    public(words.log_in, &path, plain_main(&content), locale)
}

fn failure(problem: &Problem, words: &Words) -> &'static str {
    match problem.code {
        ProblemCode::Overloaded => words.failed_often,
        code if code.status() >= 500 => words.failed_unavailable,
        _ => words.failed_credentials,
    }
}

fn public(title: &str, path: &str, main: maud::Markup, locale: Locale) -> String {
    let document = Document {
        locale,
        title,
        path,
        viewer: None,
        lost: false,
        main,
        live: None,
    };
    document.render()
}
