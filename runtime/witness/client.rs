//! The way to a witness: one request on a connection of its own, every few seconds at most.
//!
//! Over TLS a witness has to show a certificate of the authorities in `ca`; without TLS nothing
//! secret is told either, since a checkpoint is public and its signatures cannot be forged on the
//! way.

use crate::config;
use crate::identity::{TlsError, client_config};
use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::{Request, StatusCode, Uri, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use plantao_actors::audit::transparency::{
    CosignerKey, Witness, WitnessAnswer, WitnessClient, WitnessError,
};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use std::path::Path;
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// The authorities that this system trusts, where Debian's `ca-certificates` puts them.
const SYSTEM_AUTHORITIES: &str = "/etc/ssl/certs/ca-certificates.crt";
/// A few signature lines.
const ANSWER_MAX_BYTES: usize = 16 * 1024;

/// Why a witness of the configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum WitnessAddressError {
    /// Its address is none.
    #[error("`audit.witnesses`: expected `https://HOST[:PORT]/…` or `http://…`, found `{url}`")]
    Url {
        /// What stands there.
        url: String,
    },
    /// Its key is none.
    #[error("`audit.witnesses`: the key of `{url}`: {reason}")]
    Key {
        /// Whose.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Its authorities cannot be read.
    #[error("`audit.witnesses`: the authorities of `{url}`")]
    Tls {
        /// Whose.
        url: String,
        /// Why not.
        #[source]
        source: TlsError,
    },
}

/// A witness of the configuration, with the way to it.
///
/// # Errors
/// [`WitnessAddressError`].
pub fn witness(config: &config::Witness) -> Result<Witness, WitnessAddressError> {
    let key = CosignerKey::parse(&config.key).map_err(|error| WitnessAddressError::Key {
        url: config.url.clone(),
        reason: error.to_string(),
    })?;
    let client = HttpWitness::at(&config.url, config.ca.as_deref())?;
    Ok(Witness {
        key,
        client: Arc::new(client),
    })
}

/// The way to one witness.
pub struct HttpWitness {
    host: String,
    port: u16,
    target: String,
    tls: Option<Arc<ClientConfig>>,
}

impl HttpWitness {
    /// To the witness at that address.
    ///
    /// # Errors
    /// [`WitnessAddressError`].
    pub fn at(url: &str, ca: Option<&Path>) -> Result<Self, WitnessAddressError> {
        let bad = || WitnessAddressError::Url { url: url.into() };
        let parsed: Uri = url.parse().map_err(|_| bad())?;
        let (is_tls, usual) = match parsed.scheme_str() {
            Some("https") => (true, 443),
            Some("http") => (false, 80),
            _ => return Err(bad()),
        };
        if parsed.query().is_some() {
            return Err(bad());
        }
        let host = parsed.host().filter(|host| !host.is_empty());
        let tls = if is_tls {
            let authorities = ca.unwrap_or(Path::new(SYSTEM_AUTHORITIES));
            let config = client_config(authorities);
            let config = config.map_err(|source| WitnessAddressError::Tls {
                url: url.into(),
                source,
            })?;
            Some(Arc::new(config))
        } else {
            None
        };
        Ok(Self {
            host: host.ok_or_else(bad)?.to_owned(),
            port: parsed.port_u16().unwrap_or(usual),
            target: format!("{}/add-checkpoint", parsed.path().trim_end_matches('/')),
            tls,
        })
    }

    async fn post(&self, body: String) -> Result<WitnessAnswer, WitnessError> {
        // A literal IPv6 address stands in brackets in a URL, and without them everywhere else.
        let host = self.host.trim_matches(['[', ']']);
        let stream = TcpStream::connect((host, self.port)).await;
        let stream = stream.map_err(|error| unreachable(&error))?;
        let Some(tls) = &self.tls else {
            return self.over(stream, body).await;
        };
        let name = ServerName::try_from(host.to_owned()).map_err(|error| unreachable(&error))?;
        let connector = TlsConnector::from(Arc::clone(tls));
        let stream = connector.connect(name, stream).await;
        self.over(stream.map_err(|error| unreachable(&error))?, body)
            .await
    }

    async fn over<S>(&self, stream: S, body: String) -> Result<WitnessAnswer, WitnessError>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let handshake = http1::handshake(TokioIo::new(stream)).await;
        let (mut sender, connection) = handshake.map_err(|error| unreachable(&error))?;
        // Ends with the sender.
        let driver = tokio::spawn(connection);
        let request = Request::post(&self.target)
            .header(header::HOST, format!("{}:{}", self.host, self.port))
            .header(header::CONTENT_TYPE, "text/plain; charset=utf-8")
            .body(Full::new(Bytes::from(body)))
            .map_err(|error| unreachable(&error))?;
        let response = sender.send_request(request).await;
        let response = response.map_err(|error| unreachable(&error))?;
        let status = response.status();
        let answer = Limited::new(response.into_body(), ANSWER_MAX_BYTES).collect();
        let answer = answer
            .await
            .map_err(|error| unreachable(&*error))?
            .to_bytes();
        driver.abort();
        Ok(read(status, &answer))
    }
}

impl WitnessClient for HttpWitness {
    fn add_checkpoint(&self, body: String) -> BoxFuture<'_, Result<WitnessAnswer, WitnessError>> {
        Box::pin(self.post(body))
    }
}

fn unreachable(error: &(impl std::fmt::Display + ?Sized)) -> WitnessError {
    WitnessError::Unreachable {
        reason: error.to_string(),
    }
}

/// What an answer means (C2SP tlog-witness).
fn read(status: StatusCode, body: &[u8]) -> WitnessAnswer {
    let text = std::str::from_utf8(body).unwrap_or_default();
    match status {
        StatusCode::OK => WitnessAnswer::Cosigned(text.to_owned()),
        StatusCode::CONFLICT => match text.trim_end().parse() {
            Ok(size) => WitnessAnswer::Conflict(size),
            Err(_) => WitnessAnswer::Refused(status.as_u16()),
        },
        _ => WitnessAnswer::Refused(status.as_u16()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_prefix_and_anything_else_is_refused_by_name() {
        let at = |url: &str| HttpWitness::at(url, None).map(|way| (way.port, way.target));
        let plain = at("http://witness.example:8080/w/").unwrap();
        assert_eq!(plain, (8080, "/w/add-checkpoint".to_owned()));
        assert_eq!(at("http://[::1]").unwrap().0, 80);
        for bad in ["witness.example", "ftp://w", "http://w/?a=b", "http://"] {
            let error = at(bad).unwrap_err().to_string();
            assert!(
                error.contains("audit.witnesses") && error.contains(bad),
                "{error}"
            );
        }
        let error = HttpWitness::at("https://w", Some(Path::new("/nowhere.pem")));
        assert!(error.is_err());
    }

    #[test]
    fn answers_are_read_as_the_specification_says() {
        let conflict = read(StatusCode::CONFLICT, b"20\n");
        assert_eq!(conflict, WitnessAnswer::Conflict(20));
        let odd = read(StatusCode::CONFLICT, b"no");
        assert_eq!(odd, WitnessAnswer::Refused(409));
        assert_eq!(
            read(StatusCode::FORBIDDEN, b""),
            WitnessAnswer::Refused(403)
        );
        let lines = read(StatusCode::OK, "— w AAAA\n".as_bytes());
        assert_eq!(lines, WitnessAnswer::Cosigned("— w AAAA\n".into()));
    }
}
