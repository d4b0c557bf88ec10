//! A witness to be run on another machine: `POST /add-checkpoint`, and what it signed last in a
//! folder of its own.
//!
//! Refuses to share its folder with another, and to sign what it has not written down. It sees
//! names of logs, sizes and digests, and no entry.

use crate::front_door::Body;
use crate::net::{self, AcceptTrouble, BindError};
use crate::state_dir::{StateDirError, write_private};
use bytes::Bytes;
use http::header::{self, HeaderValue};
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use plantao_actors::aside::aside;
use plantao_actors::audit::transparency::{
    Book, BookError, LogKeyError, Pages, VerifierKey, WitnessKey, WitnessRefusal,
};
use plantao_actors::clock::WallClock;
use plantao_schema::audit::merkle::Checkpoint;
use rustix::fs::FlockOperation;
use std::convert::Infallible;
use std::fs::File;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

/// A checkpoint with its post-quantum signature and the longest proof take 10 KB.
const BODY_MAX_BYTES: usize = 64 * 1024;
/// Each node comes every few seconds.
const CONNECTIONS_MAX: usize = 64;
/// For a head, and for a whole request.
const TIMEOUT: Duration = Duration::from_secs(10);
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Why a witness cannot be run.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ServeError {
    /// Its folder cannot be used.
    #[error("cannot use the folder `{}`: {kind}", path.display())]
    Folder {
        /// The folder, or a file of it.
        path: PathBuf,
        /// Why.
        kind: ErrorKind,
    },
    /// Another witness uses it.
    #[error("another witness uses the folder `{}`", path.display())]
    InUse {
        /// The folder.
        path: PathBuf,
    },
    /// Its key is none.
    #[error("`{}`: {error}", path.display())]
    Key {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        error: LogKeyError,
    },
    /// Its key has another name.
    #[error("the key in `{}` is called `{found}`: a witness keeps its name", path.display())]
    Name {
        /// The file.
        path: PathBuf,
        /// Its name.
        found: String,
    },
    /// A file could not be written.
    #[error(transparent)]
    Write(#[from] StateDirError),
    /// The address is taken.
    #[error(transparent)]
    Bind(#[from] BindError),
}

/// A witness that listens.
pub(crate) struct Serving {
    listener: TcpListener,
    book: Arc<Book<Folder>>,
    _lock: File,
}

impl Serving {
    /// Takes the folder, makes the key at the first time, and listens.
    ///
    /// # Errors
    /// [`ServeError`].
    pub(crate) async fn start(
        listen: SocketAddr,
        folder: &Path,
        name: &str,
        logs: Vec<VerifierKey>,
    ) -> Result<Self, ServeError> {
        let unusable = |path: &Path| {
            let path = path.to_owned();
            move |error: io::Error| ServeError::Folder {
                path,
                kind: error.kind(),
            }
        };
        std::fs::create_dir_all(folder).map_err(unusable(folder))?;
        let lock_path = folder.join("lock");
        let lock = File::create(&lock_path).map_err(unusable(&lock_path))?;
        let exclusive = FlockOperation::NonBlockingLockExclusive;
        rustix::fs::flock(&lock, exclusive).map_err(|_| ServeError::InUse {
            path: folder.to_owned(),
        })?;
        let key = key(&folder.join("witness.key"), name)?;
        let pages = Folder(folder.to_owned());
        Ok(Self {
            listener: net::bind(listen, "--listen").await?,
            book: Arc::new(Book::new(key, logs, pages)),
            _lock: lock,
        })
    }

    /// What checks its signatures, as a node's configuration takes it.
    pub(crate) fn key(&self) -> String {
        self.book.public().to_string()
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> Option<SocketAddr> {
        self.listener.local_addr().ok()
    }
}

fn key(path: &Path, name: &str) -> Result<WitnessKey, ServeError> {
    let unreadable = |error| ServeError::Key {
        path: path.to_owned(),
        error,
    };
    match std::fs::read_to_string(path).map(zeroize::Zeroizing::new) {
        Ok(text) => {
            let key = WitnessKey::parse(&text).map_err(unreadable)?;
            let found = key.public().name().to_owned();
            if found != name {
                let path = path.to_owned();
                return Err(ServeError::Name { path, found });
            }
            Ok(key)
        }
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let made = WitnessKey::made(name).map_err(unreadable)?;
            write_private(path, made.to_text().as_bytes())?;
            Ok(made)
        }
        Err(error) => Err(ServeError::Folder {
            path: path.to_owned(),
            kind: error.kind(),
        }),
    }
}

/// Answers for as long as it is polled.
pub(crate) async fn serve(serving: Serving, clock: WallClock) {
    let mut connections = JoinSet::new();
    let mut trouble = AcceptTrouble::default();
    loop {
        while connections.len() >= CONNECTIONS_MAX {
            let _ended = connections.join_next().await;
        }
        while connections.try_join_next().is_some() {}
        match serving.listener.accept().await {
            Ok((stream, _peer)) => {
                let (book, clock) = (Arc::clone(&serving.book), clock.clone());
                connections.spawn(async move {
                    let service = service_fn(|request| {
                        let answer = answer(Arc::clone(&book), clock.clone(), request);
                        async move {
                            let answered = tokio::time::timeout(TIMEOUT, answer).await;
                            let late = |_| plain(StatusCode::REQUEST_TIMEOUT, "too slow\n");
                            Ok::<_, Infallible>(answered.unwrap_or_else(late))
                        }
                    });
                    let _ended = http1::Builder::new()
                        .timer(TokioTimer::new())
                        .header_read_timeout(TIMEOUT)
                        .serve_connection(TokioIo::new(stream), service)
                        .await;
                });
            }
            Err(error) => {
                trouble.note(&error);
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn answer(
    book: Arc<Book<Folder>>,
    clock: WallClock,
    request: Request<Incoming>,
) -> Response<Body> {
    if request.uri().path() != "/add-checkpoint" {
        return plain(StatusCode::NOT_FOUND, "there is /add-checkpoint\n");
    }
    if request.method() != Method::POST {
        return plain(StatusCode::METHOD_NOT_ALLOWED, "this address takes POST\n");
    }
    let body = Limited::new(request.into_body(), BODY_MAX_BYTES).collect();
    let Ok(body) = body.await else {
        return plain(StatusCode::PAYLOAD_TOO_LARGE, "expected 64 KiB at most\n");
    };
    let Ok(body) = String::from_utf8(body.to_bytes().to_vec()) else {
        return plain(StatusCode::BAD_REQUEST, "expected UTF-8\n");
    };
    let at_s = u64::try_from(clock.now().seconds()).unwrap_or_default();
    let cosigned = aside(move || book.cosign(&body, at_s)).await;
    match cosigned {
        Some(Ok(line)) => plain(StatusCode::OK, line),
        Some(Err(BookError::Refused(refusal))) => refused(&refusal),
        Some(Err(error)) => {
            tracing::error!(%error, "nothing was cosigned");
            plain(StatusCode::INTERNAL_SERVER_ERROR, "not now\n")
        }
        None => plain(StatusCode::INTERNAL_SERVER_ERROR, "not now\n"),
    }
}

/// The statuses of C2SP tlog-witness.
fn refused(refusal: &WitnessRefusal) -> Response<Body> {
    tracing::warn!(%refusal, "not cosigned");
    let status = match refusal {
        WitnessRefusal::Malformed => StatusCode::BAD_REQUEST,
        WitnessRefusal::UnknownLog { .. } => StatusCode::NOT_FOUND,
        WitnessRefusal::Unsigned => StatusCode::FORBIDDEN,
        WitnessRefusal::Inconsistent { .. } => StatusCode::UNPROCESSABLE_ENTITY,
        WitnessRefusal::Conflict { size } => {
            let mut response = plain(StatusCode::CONFLICT, format!("{size}\n"));
            let kind = HeaderValue::from_static("text/x.tlog.size");
            response.headers_mut().insert(header::CONTENT_TYPE, kind);
            return response;
        }
    };
    plain(status, format!("{refusal}\n"))
}

fn plain(status: StatusCode, text: impl Into<String>) -> Response<Body> {
    let mut response = Response::new(Full::new(Bytes::from(text.into())));
    *response.status_mut() = status;
    let kind = HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}

/// The last checkpoint of each log, a file each.
struct Folder(PathBuf);

impl Folder {
    /// A log's name holds slashes, and a file's cannot.
    fn page(&self, origin: &str) -> PathBuf {
        let name: String = origin
            .bytes()
            .map(|byte| match byte {
                b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' => {
                    char::from(byte).to_string()
                }
                other => format!("%{other:02X}"),
            })
            .collect();
        self.0.join(format!("{name}.checkpoint"))
    }
}

impl Pages for Folder {
    fn last(&self, origin: &str) -> io::Result<Option<Checkpoint>> {
        let text = match std::fs::read(self.page(origin)) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let read = Checkpoint::from_text(&text).map_err(|_| ErrorKind::InvalidData)?;
        Ok(Some(read))
    }

    fn write(&self, checkpoint: &Checkpoint) -> io::Result<()> {
        let text = checkpoint.to_text().map_err(|_| ErrorKind::InvalidInput)?;
        let path = self.page(&checkpoint.origin);
        let draft = path.with_extension("new");
        let mut file = File::create(&draft)?;
        io::Write::write_all(&mut file, &text)?;
        file.sync_all()?;
        std::fs::rename(&draft, &path)?;
        File::open(&self.0)?.sync_all()
    }
}
