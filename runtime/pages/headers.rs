//! The headers every page leaves with: what a browser may load, send and tell others.
//!
//! Nothing is allowed that the pages do not use: no inline script or style, no frame, no address
//! of a patient in a referrer, no copy in a cache.

use http::header::{self, HeaderName};

/// What a page needs of the device: nothing.
const PERMISSIONS_POLICY: &str = "accelerometer=(), autoplay=(), camera=(), display-capture=(), \
                                  geolocation=(), gyroscope=(), hid=(), microphone=(), midi=(), \
                                  payment=(), serial=(), usb=()";
/// Longest host name taken into the policy: a name of the DNS and a port.
const HOST_MAX_BYTES: usize = 260;

/// Names and values, for a page asked for under `host` (its `Host` or `:authority`), which the
/// socket is opened to. A host that is no plain name and port is left out of the policy; browsers
/// take `'self'` for it.
#[must_use]
pub fn headers(host: Option<&str>) -> Vec<(HeaderName, String)> {
    let socket = host
        .filter(|host| is_plain(host))
        .map(|host| format!(" wss://{host}"))
        .unwrap_or_default();
    let policy = format!(
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'{socket}; \
         img-src 'self' data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; \
         require-trusted-types-for 'script'; trusted-types live"
    );
    let fixed = |value: &str| value.to_owned();
    vec![
        (header::CONTENT_SECURITY_POLICY, policy),
        // Nothing to other sites; to ours, since without it browsers hide the origin of forms.
        (header::REFERRER_POLICY, fixed("same-origin")),
        (
            HeaderName::from_static("permissions-policy"),
            fixed(PERMISSIONS_POLICY),
        ),
        (
            HeaderName::from_static("cross-origin-opener-policy"),
            fixed("same-origin"),
        ),
        (
            HeaderName::from_static("cross-origin-resource-policy"),
            fixed("same-origin"),
        ),
        (header::X_CONTENT_TYPE_OPTIONS, fixed("nosniff")),
        (header::CACHE_CONTROL, fixed("no-store")),
    ]
}

/// A separator in a host would end the directive and begin another one.
fn is_plain(host: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b':' | b'[' | b']');
    (1..=HOST_MAX_BYTES).contains(&host.len()) && host.bytes().all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(host: Option<&str>) -> String {
        headers(host).swap_remove(0).1
    }

    #[test]
    fn the_socket_is_allowed_to_the_pages_own_host_alone() {
        assert!(
            policy(Some("localhost:8443")).contains("connect-src 'self' wss://localhost:8443;")
        );
        assert!(policy(Some("[::1]:8443")).contains("wss://[::1]:8443;"));
    }

    #[test]
    fn a_host_cannot_write_a_directive() {
        for host in ["a; script-src *", "a b", "a,b", "", "á", &"a".repeat(261)] {
            assert!(
                policy(Some(host)).contains("connect-src 'self';"),
                "{host:?}"
            );
        }
        assert!(policy(None).contains("connect-src 'self';"));
    }

    #[test]
    fn nothing_inline_runs_and_nobody_frames_the_page() {
        let policy = policy(None);
        assert!(policy.starts_with("default-src 'none'; "));
        assert!(!policy.contains("unsafe") && policy.contains("frame-ancestors 'none'"));
    }
}
