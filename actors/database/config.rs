//! Where PostgreSQL is and as whom each part of the system speaks to it.
//!
//! Refuses to print a URL: it may hold a password. Every session that is made from here finds the
//! schema by `search_path`, has a statement timeout, and runs in the role of its part.

use super::postgres::{Layout, PostgresError};
use super::tls::Connection;
use super::{CONNECT_DEADLINE, STATEMENT_DEADLINE};
use secrecy::{ExposeSecret, SecretString};
use std::path::PathBuf;
use std::time::Duration;
use tokio_postgres::Config;
use tokio_postgres::config::TargetSessionAttrs;

/// Connections kept by one node: more than 20 is slower on a small machine, not faster.
pub const DEFAULT_POOL_SIZE: usize = 20;

/// How long unacknowledged bytes may stay on a TCP connection before it counts as lost. A pool
/// that only asks whether a socket is closed would hand out half-open ones for minutes.
const TCP_USER_TIMEOUT: Duration = Duration::from_secs(10);

/// When an idle TCP connection is asked for a sign of life, how often, and how many signs may be
/// missing: a half-open one is gone within about ten seconds. The system's own default is hours.
pub(super) const KEEPALIVE_IDLE: Duration = Duration::from_secs(5);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(2);
const KEEPALIVE_RETRIES: u32 = 3;

/// What is kept free for the day when the disk is full, unless it is configured.
pub const DEFAULT_BALLAST_BYTES: u64 = 64 << 20;

/// How much must be free for changes to be taken, unless it is configured: some hours of audit
/// entries, so that what is read and refused can be written down long after changes are refused.
pub const DEFAULT_FREE_MIN_BYTES: u64 = 256 << 20;

/// How long a server may take no connection before it is replaced, unless it is configured: longer
/// than any checkpoint, and than a machine that swaps takes to answer.
pub const DEFAULT_STALL_LIMIT: Duration = Duration::from_secs(30);

/// A forgotten transaction holds locks; the server ends it.
const IDLE_IN_TRANSACTION_MS: u64 = 30_000;

/// What the server is told of the audit writer's connection: when this machine vanishes, its
/// session ends within about ten seconds, and with it the lock that its successor waits for. The
/// server's own default is hours. Of no effect on a Unix socket.
const KEEPALIVE: &str = " -c tcp_keepalives_idle=5 -c tcp_keepalives_interval=2 \
     -c tcp_keepalives_count=3 -c tcp_user_timeout=10000";

/// The private cluster that this process runs itself.
#[derive(Clone, Debug)]
pub struct EmbeddedConfig {
    /// The state directory; the cluster lives in it when the server's user can enter it.
    pub state_dir: PathBuf,
    /// Where `postgres` and `initdb` are; found under `/usr/lib/postgresql` otherwise.
    pub bin_dir: Option<PathBuf>,
    /// Server settings on top of the built-in ones, such as `shared_buffers`.
    pub settings: Vec<(String, String)>,
    /// A file of this size lies beside the cluster, to be freed when the disk is full: a server
    /// without space cannot even recover. None is kept when it is zero.
    pub ballast_bytes: u64,
    /// With less than this free, changes are refused and what is left is kept for the trail.
    pub free_min_bytes: u64,
    /// How long the server may take no connection before it is killed and started anew.
    pub stall_limit: Duration,
}

impl EmbeddedConfig {
    /// The defaults, under a state directory.
    #[must_use]
    pub fn under(state_dir: impl Into<PathBuf>) -> Self {
        Self {
            state_dir: state_dir.into(),
            bin_dir: None,
            settings: Vec::new(),
            ballast_bytes: DEFAULT_BALLAST_BYTES,
            free_min_bytes: DEFAULT_FREE_MIN_BYTES,
            stall_limit: DEFAULT_STALL_LIMIT,
        }
    }
}

/// Which PostgreSQL to use. Exactly one of `embedded` and `url` is expected.
#[derive(Clone, Debug)]
pub struct DatabaseConfig {
    /// The private cluster, when there is no `url`.
    pub embedded: Option<EmbeddedConfig>,
    /// A server run by someone else.
    pub url: Option<SecretString>,
    /// A login that may own the schema, when that of `url` may not.
    pub owner_url: Option<SecretString>,
    /// Standbys of that server, which are read from where an answer may be a second old.
    pub replicas: Vec<SecretString>,
    /// How many connections requests share, beside the lanes of reads by key.
    pub pool_size: usize,
    /// The database inside the embedded cluster.
    pub database: String,
}

/// Why no connection can even be tried.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseConfigError {
    /// Neither an embedded cluster nor a URL.
    #[error("no database is configured: set `database.url`, or leave it out to run a private one")]
    Missing,
    /// A URL that is not one.
    #[error("`{key}` is not a PostgreSQL URL (postgres://user@host/database)")]
    Url {
        /// Which setting.
        key: &'static str,
    },
    /// A way of protecting the connection that is none.
    #[error(
        "`sslmode` of `{key}` must be disable, require (the certificate is verified), verify-ca or \
         verify-full (and its name)"
    )]
    SslMode {
        /// Which setting.
        key: &'static str,
    },
    /// TLS to whoever answers.
    #[error(
        "`{key}` asks for TLS and does not say whom to believe: add `sslrootcert=FILE`, the PEM of \
         the authority that signed the server's certificate"
    )]
    NoRoot {
        /// Which setting.
        key: &'static str,
    },
    /// An authority that nobody asks.
    #[error(
        "`{key}` names `sslrootcert` and a `sslmode` that verifies nothing: set \
         `sslmode=verify-full`, or leave `sslrootcert` out"
    )]
    Unverified {
        /// Which setting.
        key: &'static str,
    },
    /// The authorities cannot be read.
    #[error("`sslrootcert` of `{key}`, `{path}`, cannot be used: {reason}", path = .path.display())]
    Root {
        /// Which setting.
        key: &'static str,
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The private cluster has no place to live.
    #[error(transparent)]
    Embedded(#[from] PostgresError),
}

/// Which part of the system connects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Login {
    /// Migrations: makes roles, then becomes the owner of the schema.
    Owner,
    /// Requests.
    Application,
    /// The audit writer.
    Audit,
}

impl Login {
    const fn role(self) -> &'static str {
        match self {
            // It has to be itself first: only then can it make the role that it becomes.
            Self::Owner => "none",
            Self::Application => "plantao_app",
            Self::Audit => "plantao_audit",
        }
    }
}

impl DatabaseConfig {
    /// A private cluster under a state directory.
    #[must_use]
    pub fn embedded(state_dir: impl Into<PathBuf>) -> Self {
        Self {
            embedded: Some(EmbeddedConfig::under(state_dir)),
            url: None,
            owner_url: None,
            replicas: Vec::new(),
            pool_size: DEFAULT_POOL_SIZE,
            database: "plantao".to_owned(),
        }
    }

    /// A server run by someone else.
    #[must_use]
    pub fn external(url: SecretString, owner_url: Option<SecretString>) -> Self {
        Self {
            embedded: None,
            url: Some(url),
            owner_url,
            replicas: Vec::new(),
            pool_size: DEFAULT_POOL_SIZE,
            database: String::new(),
        }
    }

    /// How `login` connects.
    ///
    /// # Errors
    /// [`DatabaseConfigError`] when the configuration names no server.
    pub fn connection(&self, login: Login) -> Result<Connection, DatabaseConfigError> {
        let config = match (&self.url, &self.embedded) {
            (Some(url), _) => self.external_connection(url, login)?,
            (None, Some(embedded)) => {
                let layout = Layout::of(embedded)?;
                let user = if login == Login::Owner {
                    SUPERUSER
                } else {
                    login.role()
                };
                let mut config = Config::new();
                config
                    .host_path(&layout.socket_dir)
                    .user(user)
                    .dbname(&self.database);
                config.into()
            }
            (None, None) => return Err(DatabaseConfigError::Missing),
        };
        Ok(completed(config, login))
    }

    /// Every connection that is made to somebody else's server, by the setting that says where.
    ///
    /// # Errors
    /// [`DatabaseConfigError`] when one cannot be read.
    pub fn connections(&self) -> Result<Vec<(String, Connection)>, DatabaseConfigError> {
        if self.url.is_none() {
            return Ok(Vec::new());
        }
        let owner = match self.owner_url {
            Some(_) => "database.owner_url",
            None => "database.url",
        };
        let mut all = vec![(
            "database.url".to_owned(),
            self.connection(Login::Application)?,
        )];
        for login in [Login::Owner, Login::Audit] {
            all.push((owner.to_owned(), self.connection(login)?));
        }
        for (number, replica) in self.replica_connections()?.into_iter().enumerate() {
            all.push((format!("database.replicas[{number}]"), replica));
        }
        Ok(all)
    }

    /// The settings by which something would go over a network in clear.
    ///
    /// # Errors
    /// [`DatabaseConfigError`] when one cannot be read.
    pub fn in_clear(&self) -> Result<Vec<String>, DatabaseConfigError> {
        let all = self.connections()?.into_iter();
        let open = all.filter(|(_, found)| !found.is_encrypted() && !found.is_near());
        let mut keys: Vec<String> = open.map(|(key, _)| key).collect();
        keys.dedup();
        Ok(keys)
    }

    /// How each replica is read, as the application.
    ///
    /// # Errors
    /// [`DatabaseConfigError::Url`] when one is no URL.
    pub fn replica_connections(&self) -> Result<Vec<Connection>, DatabaseConfigError> {
        let key = "database.replicas";
        let parsed = |url: &SecretString| {
            let connection = Connection::parse(url.expose_secret(), key)?;
            Ok(completed(connection, Login::Application))
        };
        self.replicas.iter().map(parsed).collect()
    }

    fn external_connection(
        &self,
        url: &SecretString,
        login: Login,
    ) -> Result<Connection, DatabaseConfigError> {
        let (key, url) = match (login, &self.owner_url) {
            // The writer's role is one that a login for requests should not be able to take.
            (Login::Owner | Login::Audit, Some(owner)) => ("database.owner_url", owner),
            _ => ("database.url", url),
        };
        let mut config = Connection::parse(url.expose_secret(), key)?;
        // Of several hosts the one that takes writes now: whoever was promoted is found by it, and
        // a standby that was not is never taken for it.
        config.target_session_attrs(TargetSessionAttrs::ReadWrite);
        Ok(config)
    }

    /// How the embedded cluster's own database is reached, in which others are made.
    pub(super) fn maintenance(&self) -> Result<Option<Connection>, DatabaseConfigError> {
        let Some(embedded) = self.embedded.as_ref().filter(|_| self.url.is_none()) else {
            return Ok(None);
        };
        let mut config = Config::new();
        let socket_dir = Layout::of(embedded)?.socket_dir;
        config
            .host_path(socket_dir)
            .user(SUPERUSER)
            .dbname("postgres");
        config.connect_timeout(CONNECT_DEADLINE);
        Ok(Some(config.into()))
    }
}

/// What every session of a part has beyond where its server is.
fn completed(mut config: Connection, login: Login) -> Connection {
    let timeout_ms = STATEMENT_DEADLINE.as_millis();
    let limits = match login {
        // A migration takes as long as it takes.
        Login::Owner => String::new(),
        _ => format!(
            " -c statement_timeout={timeout_ms} -c lock_timeout={timeout_ms} \
             -c idle_in_transaction_session_timeout={IDLE_IN_TRANSACTION_MS}"
        ),
    };
    let keepalive = if login == Login::Audit { KEEPALIVE } else { "" };
    let given = config.get_options().unwrap_or_default();
    let role = login.role();
    // A commit that is answered is on disk, whatever the server's own default; and on the disk of
    // the synchronous standbys, where there are any. A temporary table of a session is found last:
    // by default it would stand before the schema's own.
    let options = format!(
        "{given} -c search_path=plantao,pg_temp -c role={role} -c synchronous_commit=on{limits}\
         {keepalive}"
    );
    config
        .options(options.trim_start())
        .application_name("plantao")
        .connect_timeout(CONNECT_DEADLINE)
        .tcp_user_timeout(TCP_USER_TIMEOUT)
        .keepalives_idle(KEEPALIVE_IDLE)
        .keepalives_interval(KEEPALIVE_INTERVAL)
        .keepalives_retries(KEEPALIVE_RETRIES);
    config
}

/// The embedded cluster's own superuser, reachable only through a directory closed to others.
pub(super) const SUPERUSER: &str = "postgres";
