//! Who is who: bearer tokens for principals, the cookie that carries one, certificates for this
//! server.
//!
//! Refused: any signature algorithm but EdDSA, any TLS but 1.3, and a process-wide default of
//! either. A demonstration token is a token like any other and says so in a claim; it is made only
//! under `--demo` and verified only there.

mod certificates;
mod claims;
pub mod cookie;
mod keys;
mod tls;
mod tokens;

pub use self::certificates::{CertificateError, development_certificate};
pub use self::claims::Claims;
pub use self::keys::{KeyError, SigningKey};
pub use self::tls::{TlsError, client_config, server_config};
pub use self::tokens::{IssueError, TokenError, TokenIssuer, TokenVerifier};
