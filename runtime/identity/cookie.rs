//! The cookie that carries a page's session: the bearer token, where no script can read it.
//!
//! `__Host-` binds it to this host over TLS: no neighbour under the same domain can set it. Strict:
//! no other site's link or form sends it. Whoever believes it for more than showing a page still
//! compares the origin. Two cookies of the name are one too many, and neither is believed.

use http::header::COOKIE;
use http::{HeaderMap, HeaderValue};

/// Its name.
pub const NAME: &str = "__Host-plantao";

/// What it is restricted to, besides its name's own rules.
const ATTRIBUTES: &str = "Path=/; Secure; HttpOnly; SameSite=Strict";

/// Ends it in the browser.
const CLEARED: HeaderValue = HeaderValue::from_static(
    "__Host-plantao=; Max-Age=0; Path=/; Secure; HttpOnly; SameSite=Strict",
);

/// The token of a request's cookie, if there is exactly one and it looks like a token.
#[must_use]
pub fn read(headers: &HeaderMap) -> Option<String> {
    let mut tokens = headers
        .get_all(COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        // HTTP/2 may send each cookie in a header of its own.
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .filter(|(name, _)| *name == NAME)
        .map(|(_, token)| token);
    let token = tokens.next().filter(|token| is_token(token))?;
    tokens.next().is_none().then(|| token.to_owned())
}

/// `Set-Cookie` for a token that is good for `max_age_s` seconds; below zero it is over already.
/// What is no token clears the cookie instead.
#[must_use]
pub fn set(token: &str, max_age_s: i64) -> HeaderValue {
    let max_age_s = max_age_s.max(0);
    let line = format!("{NAME}={token}; Max-Age={max_age_s}; {ATTRIBUTES}");
    let value = is_token(token).then(|| HeaderValue::try_from(line).ok());
    let Some(mut value) = value.flatten() else {
        return clear();
    };
    // Kept out of logs and of HPACK's table.
    value.set_sensitive(true);
    value
}

/// `Set-Cookie` that ends the cookie.
#[must_use]
pub fn clear() -> HeaderValue {
    CLEARED
}

/// Three parts of base64url: nothing that could end the value or begin an attribute.
fn is_token(text: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    !text.is_empty() && text.bytes().all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(lines: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(COOKIE, HeaderValue::from_str(line).unwrap());
        }
        headers
    }

    fn read_of(lines: &[&str]) -> Option<String> {
        read(&headers(lines))
    }

    #[test]
    fn what_was_set_is_read_back_among_others_in_one_header_or_in_several() {
        let set = set("aaa.bbb-_.ccc", 900);
        let text = set.to_str().unwrap();
        assert_eq!(
            text,
            "__Host-plantao=aaa.bbb-_.ccc; Max-Age=900; Path=/; Secure; HttpOnly; SameSite=Strict"
        );
        assert!(set.is_sensitive());
        let pair = text.split(';').next().unwrap();
        let token = Some("aaa.bbb-_.ccc".to_owned());
        assert_eq!(read_of(&[pair]), token);
        assert_eq!(read_of(&[&format!("lang=pt; {pair}; other=1")]), token);
        assert_eq!(read_of(&["lang=pt", pair]), token);
    }

    #[test]
    fn no_cookie_two_cookies_and_what_is_no_token_are_nobody() {
        for lines in [
            &[][..],
            &["plantao=a.b.c"],
            &["__host-plantao=a.b.c"],
            &["__Host-plantao="],
            &["__Host-plantao"],
            &["__Host-plantao=a b"],
            &["__Host-plantao=\"a.b.c\""],
            &["__Host-plantao=a.b.c; __Host-plantao=a.b.c"],
            &["__Host-plantao=a.b.c", "__Host-plantao=d.e.f"],
            &["__Host-plantao=; __Host-plantao=a.b.c"],
        ] {
            assert_eq!(read_of(lines), None, "{lines:?}");
        }
    }

    #[test]
    fn what_is_no_token_cannot_add_an_attribute_and_clears() {
        for token in ["", "a.b.c; Domain=example.org", "a\r\nSet-Cookie: x=y", "ã"] {
            assert_eq!(set(token, 900), clear(), "{token:?}");
        }
        let cleared = clear();
        let text = cleared.to_str().unwrap();
        assert!(text.starts_with("__Host-plantao=; Max-Age=0; "), "{text}");
        assert!(text.ends_with(ATTRIBUTES), "{text}");
    }
}
