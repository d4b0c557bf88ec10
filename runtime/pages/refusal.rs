//! A refusal as a page: what happened and what to do, in the reader's language.
//!
//! The problem's detail is left out: it is for programmers, and in English.

use super::layout::{Document, Viewer, plain_main};
use super::words::{Words, advice};
use maud::html;
use plantao_schema::locale::Locale;
use plantao_schema::problem::{Problem, ProblemCode};

/// What is said of the request.
#[derive(Clone, Copy, Debug)]
pub struct Refused<'a> {
    /// Why.
    pub problem: &'a Problem,
    /// The request's id, to quote to the help desk.
    pub request_id: &'a str,
    /// The address that was asked for.
    pub path: &'a str,
    /// Who asked, if that is known.
    pub viewer: Option<Viewer<'a>>,
}

/// The page of a refusal.
#[must_use]
pub fn refusal(refused: &Refused<'_>, locale: Locale) -> String {
    let words = Words::of(locale);
    let code = refused.problem.code;
    let told = advice(code, locale);
    let log_in = matches!(
        code,
        ProblemCode::Unauthenticated | ProblemCode::StepUpRequired
    );
    let content = html! {
        div class="narrow" {
            h1 { (told.title) }
            p { (told.text) }
            p {
                @if log_in {
                    a class="button" href={ "/login?next=" (own_path(refused.path)) } {
                        (words.log_in)
                    }
                } @else {
                    a class="button" href="/" { (words.back) }
                }
            }
            p class="fine" { (words.request) " " code { (refused.request_id) } }
        }
    };
    let document = Document {
        locale,
        title: told.title,
        path: own_path(refused.path),
        viewer: refused.viewer,
        lost: false,
        main: plain_main(&content),
        live: None,
    };
    document.render()
}

/// The path if it is one of this site without anything to be escaped, otherwise the first one.
fn own_path(path: &str) -> &str {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"/-_.~".contains(&b);
    if path.starts_with('/') && !path.starts_with("//") && path.bytes().all(plain) {
        path
    } else {
        "/"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_is_told_what_to_do_and_not_the_detail() {
        let problem = Problem::new(ProblemCode::Denied, "the role has no grant for this");
        let refused = Refused {
            problem: &problem,
            request_id: "r-1",
            path: "/wards/uti",
            viewer: None,
        };
        let page = refusal(&refused, Locale::PtBr);
        assert!(page.contains("Acesso negado") && page.contains("r-1"));
        assert!(!page.contains("no grant"));
    }

    #[test]
    fn whoever_is_not_known_is_sent_to_the_log_in_and_back() {
        let problem = Problem::new(ProblemCode::Unauthenticated, "x");
        let page = |path| {
            let refused = Refused {
                problem: &problem,
                request_id: "r",
                path,
                viewer: None,
            };
            refusal(&refused, Locale::En)
        };
        assert!(page("/wards/uti").contains("href=\"/login?next=/wards/uti\""));
        for elsewhere in ["//evil.example", "https://evil.example", "/a?b=c", "/a\"b"] {
            assert!(
                page(elsewhere).contains("href=\"/login?next=/\""),
                "{elsewhere}"
            );
        }
    }
}
