//! Where a browser's request comes from: a cookie travels with whatever page asks, so what it may
//! do is asked of the page.
//!
//! A cookie is believed for reading, and for anything else only from a page of this very site;
//! that, and not only the cookie's `SameSite`, is what keeps another site from opening a WebSocket
//! in its reader's name (cross-site WebSocket hijacking) or from logging somebody in.

use http::header::{HOST, ORIGIN};
use http::request::Parts;
use plantao_schema::problem::{Problem, ProblemCode};

/// What the `Origin` header says of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// No browser page, or one that only navigates.
    Absent,
    /// A page of this site.
    Same,
    /// Any other page, or one that hides where it is from.
    Other,
}

impl Origin {
    /// Reads it: equal to this site's scheme and authority as the client named it, or not.
    pub(super) fn of(head: &Parts) -> Self {
        let mut given = head.headers.get_all(ORIGIN).iter();
        let Some(origin) = given.next() else {
            return Self::Absent;
        };
        let named = head.headers.get(HOST).map(|host| host.as_bytes());
        let authority = head.uri.authority().map(|authority| authority.as_str());
        // HTTP/2 names it in the address, HTTP/1.1 in a header.
        let Some(site) = authority.map(str::as_bytes).or(named) else {
            return Self::Other;
        };
        let own = origin
            .as_bytes()
            .strip_prefix(b"https://")
            .is_some_and(|origin| origin.eq_ignore_ascii_case(site));
        if own && given.next().is_none() {
            Self::Same
        } else {
            Self::Other
        }
    }

    /// The refusal of a request from elsewhere.
    pub(super) fn refusal() -> Problem {
        let detail = "expected a request from a page of this very site";
        Problem::new(ProblemCode::Denied, detail).field("Origin")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::Request;

    fn origin(address: &str, headers: &[(&str, &str)]) -> Origin {
        let mut request = Request::builder().uri(address);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        Origin::of(&request.body(()).unwrap().into_parts().0)
    }

    #[test]
    fn only_the_very_same_scheme_host_and_port_are_the_same_origin() {
        let of = |value| origin("/live", &[("host", "h.example:8443"), ("origin", value)]);
        assert_eq!(of("https://h.example:8443"), Origin::Same);
        assert_eq!(of("https://H.example:8443"), Origin::Same);
        for other in [
            "http://h.example:8443",
            "https://h.example",
            "https://h.example:8443.evil.example",
            "https://evil.example",
            "null",
            "",
        ] {
            assert_eq!(of(other), Origin::Other, "{other}");
        }
        assert_eq!(origin("/live", &[("host", "h")]), Origin::Absent);
        assert_eq!(
            origin("https://h.example/x", &[("origin", "https://h.example")]),
            Origin::Same
        );
        let twice = [
            ("host", "h"),
            ("origin", "https://h"),
            ("origin", "https://h"),
        ];
        assert_eq!(origin("/live", &twice), Origin::Other);
    }
}
