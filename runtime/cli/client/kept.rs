//! A connection to the front door that is kept: HTTP/2, many requests in flight, made anew when it
//! breaks. For those who send for hours; a command that asks once has [`Client::ask`].

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, StatusCode, Uri, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http2::{self, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::sync::Mutex;
use tokio_rustls::TlsConnector;

use super::{ANSWER_MAX_BYTES, Ask, CliError, Client, To};

/// No answer to one request takes longer than the server lets one take.
const ASK_TIMEOUT: Duration = Duration::from_secs(30);

/// A connection that outlives its breaks.
pub(in crate::cli) struct Kept {
    client: Client,
    sender: Mutex<Option<SendRequest<Full<Bytes>>>>,
}

/// What came back, whether it says yes or no.
pub(in crate::cli) struct Answer {
    pub(in crate::cli) status: StatusCode,
    /// When to come again, for those who were told to.
    pub(in crate::cli) retry_after: Option<Duration>,
    pub(in crate::cli) body: Bytes,
}

impl Client {
    /// Keeps a connection from the first request on. To the front door only.
    pub(in crate::cli) fn keep(self) -> Kept {
        Kept {
            client: self,
            sender: Mutex::new(None),
        }
    }
}

impl Kept {
    /// Asks over the connection there is, or over a new one.
    ///
    /// # Errors
    /// When no whole answer came; whether the request was acted upon is then not known.
    pub(in crate::cli) async fn ask(&self, ask: Ask) -> Result<Answer, CliError> {
        let late = || {
            let reason = format!("no answer in {} s", ASK_TIMEOUT.as_secs());
            self.client.unavailable(reason)
        };
        tokio::time::timeout(ASK_TIMEOUT, self.exchange(ask))
            .await
            .map_err(|_| late())?
    }

    async fn exchange(&self, ask: Ask) -> Result<Answer, CliError> {
        let broken = |error: hyper::Error| self.client.unavailable(error.to_string());
        let mut request = self.client.request(ask)?;
        if let To::FrontDoor { address, .. } = &self.client.to {
            // HTTP/2 names the host in the address, and once is enough.
            let whole = format!("https://{address}{}", request.uri());
            let uri = whole.parse::<Uri>();
            *request.uri_mut() = uri.map_err(|error| self.client.unexpected(error.to_string()))?;
            request.headers_mut().remove(header::HOST);
        }
        let mut sender = self.sender().await?;
        let response = sender.send_request(request).await.map_err(broken)?;
        let (head, body) = response.into_parts();
        let body = Limited::new(body, ANSWER_MAX_BYTES).collect().await;
        let body = body.map_err(|error| self.client.unavailable(error.to_string()))?;
        Ok(Answer {
            status: head.status,
            retry_after: retry_after(&head.headers),
            body: body.to_bytes(),
        })
    }

    /// The connection there is, once it can take a request; a new one when it never will.
    async fn sender(&self) -> Result<SendRequest<Full<Bytes>>, CliError> {
        let mut kept = self.sender.lock().await;
        if let Some(sender) = kept.as_mut()
            && sender.ready().await.is_ok()
        {
            return Ok(sender.clone());
        }
        let sender = self.connect().await?;
        *kept = Some(sender.clone());
        Ok(sender)
    }

    async fn connect(&self) -> Result<SendRequest<Full<Bytes>>, CliError> {
        let To::FrontDoor { address, tls, .. } = &self.client.to else {
            return Err(self
                .client
                .unexpected("only the front door keeps connections"));
        };
        let mut tls = rustls::ClientConfig::clone(tls);
        tls.alpn_protocols = vec![b"h2".to_vec()];
        let stream = self.client.connected(TcpStream::connect(address)).await?;
        let name = ServerName::IpAddress(address.ip().into());
        let connector = TlsConnector::from(Arc::new(tls));
        let stream = self
            .client
            .connected(connector.connect(name, stream))
            .await?;
        let handshake = http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await;
        let (sender, connection) =
            handshake.map_err(|error| self.client.unavailable(error.to_string()))?;
        // Ends when the last sender is dropped or the server hangs up.
        tokio::spawn(connection);
        Ok(sender)
    }
}

/// Seconds; the server never sends the other form, a date.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(header::RETRY_AFTER)?.to_str().ok()?;
    text.parse().ok().map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    #[test]
    fn when_to_come_again_is_a_number_of_seconds() {
        let told = |text| {
            let mut headers = HeaderMap::new();
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static(text));
            retry_after(&headers)
        };
        assert_eq!(told("2"), Some(Duration::from_secs(2)));
        assert_eq!(told("Fri, 31 Dec 1999 23:59:59 GMT"), None);
        assert_eq!(retry_after(&HeaderMap::new()), None);
    }
}
