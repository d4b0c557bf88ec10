//! How a transaction opens: with the names of its scope, in one message where that can be.
//!
//! The server answers each message of a flight with a write of its own, and each write wakes the
//! client: a message less is what a point read gains most by. Names that are plain words travel in
//! the text of that message. Refuses to quote: whatever else a name holds goes as a parameter, in a
//! message after BEGIN.

use super::Scope;
use deadpool_postgres::ClientWrapper;
use futures_util::future;
use plantao_schema::id::Tenant;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Error, Statement};

/// `true`: for this transaction only, so that nothing outlives it on a pooled connection.
pub(super) const DECLARE: &str = "SELECT set_config('plantao.tenant', $1, true), \
     set_config('plantao.principal', $2, true), set_config('plantao.purpose', $3, true)";

/// The names of a scope.
pub(super) struct Names<'a> {
    pub(super) tenant: &'a str,
    pub(super) principal: &'a str,
    pub(super) purpose: &'a str,
}

impl<'a> Names<'a> {
    pub(super) fn of(scope: &'a Scope) -> Self {
        Self {
            tenant: scope.tenant.as_str(),
            principal: &scope.principal,
            purpose: scope.purpose.as_str(),
        }
    }

    pub(super) fn params(&self) -> [&(dyn ToSql + Sync); 3] {
        [&self.tenant, &self.principal, &self.purpose]
    }
}

/// What opens a transaction.
pub(super) enum Opening<'a> {
    /// All of it as one text.
    Spoken(String),
    /// BEGIN, and [`DECLARE`] prepared with its parameters.
    Declared(&'static str, Statement, Names<'a>),
}

impl Opening<'_> {
    /// Sends it at its first poll.
    pub(super) async fn send(&self, client: &ClientWrapper) -> Result<(), Error> {
        match self {
            Self::Spoken(text) => client.batch_execute(text).await,
            Self::Declared(begin, declare, names) => {
                let params = names.params();
                let (begun, declared) = future::join(
                    client.batch_execute(begin),
                    client.execute(declare, &params),
                )
                .await;
                begun.and(declared.map(drop))
            }
        }
    }
}

/// BEGIN and the names as one text; nothing when a name is no plain word.
pub(super) fn spoken(begin: &str, names: &Names<'_>) -> Option<String> {
    let Names {
        tenant,
        principal,
        purpose,
    } = names;
    let words = [tenant, principal, purpose];
    let plain = words.iter().all(|name| name.bytes().all(is_plain));
    // LOCAL: for this transaction only, as above.
    plain.then(|| {
        format!(
            "{begin}; SET LOCAL plantao.tenant = '{tenant}'; \
             SET LOCAL plantao.principal = '{principal}'; SET LOCAL plantao.purpose = '{purpose}'"
        )
    })
}

/// BEGIN of a transaction that reads for several callers of one tenant and for none of them alone.
/// Nothing when a name could be a tenant's that is no plain word, which no tenant's is.
pub(super) fn of_tenant(tenant: &Tenant) -> Option<String> {
    let name = tenant.as_str();
    let plain = name.bytes().all(is_plain);
    plain.then(|| format!("BEGIN READ ONLY; SET LOCAL plantao.tenant = '{name}'"))
}

/// Means nothing but itself between quotes, in whatever way the server reads them.
const fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b':' | b'@')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(principal: &str) -> Option<String> {
        let names = Names {
            tenant: "norte-1",
            principal,
            purpose: "treatment",
        };
        spoken("BEGIN", &names)
    }

    #[test]
    fn plain_names_are_spoken_and_no_others() {
        let spoken = text("crm:123.456_sp@norte").unwrap();
        assert!(spoken.starts_with("BEGIN; SET LOCAL "), "{spoken}");
        assert_eq!(
            text(""),
            text("").filter(|text| text.contains("principal = ''"))
        );
        for byte in 0..=u8::MAX {
            let name = String::from_utf8_lossy(&[b'a', byte]).into_owned();
            let wanted = byte.is_ascii_alphanumeric() || b"-_.:@".contains(&byte);
            assert_eq!(text(&name).is_some(), wanted, "{name:?}");
        }
        for name in [
            "o'brien",
            "a\\",
            "a'; DROP TABLE x; --",
            "a\0b",
            "maçã",
            "$1",
            "a b",
        ] {
            assert_eq!(text(name), None, "{name:?}");
        }
    }
}
