//! The sections of the configuration, one struct each. Units are last in the names.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use figment::value::magic::RelativePathBuf;
use plantao_actors::plugin::{PluginSpec, Publishers, Unsigned};
use plantao_schema::plugin::Capability;
use secrecy::SecretString;
use serde::{Deserialize, Deserializer};

use super::error::ConfigError;

/// The HTTPS listener: where, how much, how long.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FrontDoor {
    /// The address it listens on.
    pub listen: SocketAddr,
    /// The largest request body read; a larger one answers 413.
    pub body_limit_bytes: usize,
    /// What all bodies being read or worked on may take together; beyond it requests answer 503.
    pub body_memory_bytes: usize,
    /// Connections open at once from one address; more are closed at once.
    pub max_connections_per_address: usize,
    /// New connections a second from one address, twice as many at once; more are closed at once.
    pub connects_per_second_per_address: u32,
    /// From the first byte of a request to the end of its header, and the longest idle time.
    pub header_timeout_ms: u64,
    /// From the end of the header to the end of the body.
    pub body_timeout_ms: u64,
    /// From the accepted connection to the end of the TLS handshake.
    pub handshake_timeout_ms: u64,
    /// Connections open at once; more wait in the kernel's queue.
    pub max_connections: usize,
    /// Requests being served at once; more answer 503 with `Retry-After`.
    pub max_in_flight: usize,
    /// What requests in flight get to finish when the runtime stops.
    pub drain_timeout_ms: u64,
    /// A certificate chain (PEM). Without one a development certificate is made.
    #[serde(default, deserialize_with = "optional_path")]
    pub certificate: Option<PathBuf>,
    /// Its private key (PEM). Given with `certificate` or not at all.
    #[serde(default, deserialize_with = "optional_path")]
    pub private_key: Option<PathBuf>,
}

/// The operators' listener, read-only.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Admin {
    /// The address it listens on; loopback, because it asks for no credentials.
    pub listen: SocketAddr,
}

/// PostgreSQL.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Database {
    /// The application role's connection. Without it the runtime runs its own private cluster.
    #[serde(default, deserialize_with = "optional_secret")]
    pub url: Option<SecretString>,
    /// The schema owner's connection, which migrations use. Given with `url`.
    #[serde(default, deserialize_with = "optional_secret")]
    pub owner_url: Option<SecretString>,
    /// Standbys that are read from where an answer may be a second old. Given with `url`.
    #[serde(default, deserialize_with = "secrets")]
    pub replicas: Vec<SecretString>,
    /// Connections in the pool.
    pub pool_size: usize,
    /// A file that lies beside the private cluster, to be freed when its disk is full; 0 for none.
    pub ballast_bytes: u64,
    /// With less than this free for the private cluster, changes are refused and what is left is
    /// for the audit trail; 0 to take no notice.
    pub free_min_bytes: u64,
    /// How long the private server may answer nobody before it is killed and started anew.
    pub stall_limit_ms: u64,
    /// Where `postgres` and `initdb` are. Without it `/usr/lib/postgresql/*/bin` is searched.
    #[serde(default, deserialize_with = "optional_path")]
    pub binaries: Option<PathBuf>,
}

/// Where the master key comes from, and where it came from before.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Vault {
    /// How long the key store of a backup can be opened, in hours; then tenants get new keys.
    /// Without it a day with a private cluster, and for ever with a server of the operator's own,
    /// which nobody here takes key backups of by himself.
    #[serde(default)]
    pub period_hours: Option<u64>,
    /// For how many days a key backup may be restored; then it is removed.
    pub key_backup_days: u16,
    /// Which kind of source.
    pub provider: Provider,
    /// The key's file. Without it `keys/master.key` of the state directory.
    #[serde(default, deserialize_with = "optional_path")]
    pub file: Option<PathBuf>,
    /// The name of the credential that systemd hands to the service.
    #[serde(default)]
    pub credential: Option<String>,
    /// The token that the key is in.
    #[serde(default)]
    pub pkcs11: Option<Pkcs11>,
    /// The source in use so far, while `plantao vault rotate master` moves everything from it.
    #[serde(default)]
    pub previous: Option<PreviousKey>,
}

/// A source of the master key that is being replaced.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PreviousKey {
    /// Which kind of source.
    pub provider: Provider,
    /// As in `vault`.
    #[serde(default, deserialize_with = "optional_path")]
    pub file: Option<PathBuf>,
    /// As in `vault`.
    #[serde(default)]
    pub credential: Option<String>,
    /// As in `vault`.
    #[serde(default)]
    pub pkcs11: Option<Pkcs11>,
}

/// A kind of source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Provider {
    /// A file of this host, mode 0600, made at the first start.
    File,
    /// A key in a PKCS#11 token, which never leaves it.
    Pkcs11,
    /// A credential of systemd, read and never written.
    Systemd,
}

/// A key in a PKCS#11 token.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pkcs11 {
    /// The shared library of the token's maker.
    #[serde(deserialize_with = "path")]
    pub module: PathBuf,
    /// The token by its label.
    #[serde(default)]
    pub token: Option<String>,
    /// Or by the number of its slot. With neither there has to be one token alone.
    #[serde(default)]
    pub slot: Option<u64>,
    /// The label of the AES key of 256 bits in it.
    pub key: String,
    /// The file with the user's PIN.
    #[serde(default, deserialize_with = "optional_path")]
    pub pin_file: Option<PathBuf>,
    /// Or the name of a credential of systemd with it.
    #[serde(default)]
    pub pin_credential: Option<String>,
}

/// The audit trail.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Audit {
    /// Entries that may wait for the writer; beyond it requests are refused, never unaudited.
    pub queue: usize,
    /// Entries of emergency reads that are kept here while the trail is away.
    pub spool_entries: usize,
    /// What they may take together.
    pub spool_bytes: usize,
    /// A folder that signed checkpoints of the trail are put into, for another machine to collect.
    #[serde(default, deserialize_with = "optional_path")]
    pub checkpoints: Option<PathBuf>,
    /// Whom patients may ask about their data (LGPD Art. 41): the last line of their report.
    #[serde(default)]
    pub privacy_contact: Option<String>,
    /// Years that entries stay in the database.
    pub retention_years: u32,
    /// A folder that months past the retention are archived into before they are dropped.
    #[serde(default, deserialize_with = "optional_path")]
    pub archive: Option<PathBuf>,
    /// Who cosigns checkpoints on another machine.
    #[serde(default)]
    pub witnesses: Vec<Witness>,
}

/// A witness of the audit trail (C2SP tlog-witness).
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Witness {
    /// Where it is: `https://HOST/…`, to which `/add-checkpoint` is added.
    pub url: String,
    /// What checks its signatures: `NAME+ID+BASE64`.
    pub key: String,
    /// Whose certificate it has to show, PEM. Without it, one that this system trusts.
    #[serde(default, deserialize_with = "optional_path")]
    pub ca: Option<PathBuf>,
}

/// Bearer tokens.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Identity {
    /// The institution that runs this node: what happens to the node itself is audited there.
    pub tenant: plantao_schema::id::Tenant,
    /// `iss` of the tokens made and accepted here.
    pub issuer: String,
    /// `aud` of the tokens made and accepted here.
    pub audience: String,
    /// How far apart the issuer's clock and ours may be.
    pub leeway_s: u64,
    /// How long a log-in on the pages lasts, if the credential it was made from lasts as long.
    pub session_s: u32,
}

/// The live pages.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Live {
    /// Viewers (WebSockets) at once on this node; more answer 503 with `Retry-After`.
    pub max_viewers: usize,
    /// Viewers of one principal at once.
    pub max_viewers_per_principal: usize,
    /// Different pages (subject, fields and language) shown at once.
    pub max_topics: usize,
    /// Viewers that may be opened a second; more answer 503 with `Retry-After`.
    pub opens_per_second: u32,
}

/// What all plugins share.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PluginHost {
    /// The folder that relative `wasm` names are looked up in.
    #[serde(deserialize_with = "path")]
    pub dir: PathBuf,
    /// Time that compiling one module may take, in its own process.
    pub compile_timeout_ms: u64,
    /// Memory that it may write to.
    pub compile_memory_bytes: u64,
    /// Machine code kept in the state directory, so that a restart compiles nothing; 0 keeps none.
    pub aot_cache_bytes: u64,
    /// What becomes of a file that nobody signed.
    pub unsigned: Unsigned,
    /// Whose plugins are taken, by name.
    #[serde(default)]
    pub publishers: BTreeMap<String, Publisher>,
}

/// A publisher of plugins.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Publisher {
    /// Its public key, as `plantao plugin keygen` prints it.
    pub key: String,
    /// The plugins it may publish: names, or their beginnings and `*`.
    pub plugins: Vec<String>,
}

impl PluginHost {
    /// What the plugin host is told.
    pub fn publishers(&self) -> Result<Publishers, ConfigError> {
        let mut known = Publishers::new(self.unsigned);
        for (name, publisher) in &self.publishers {
            let with = known.with(name, &publisher.key, &publisher.plugins);
            known = with.map_err(|error| ConfigError::OutOfBounds {
                key: format!("plugin_host.publishers.{name}"),
                reason: format!("cannot be trusted: {error}"),
            })?;
        }
        Ok(known)
    }
}

/// One plugin. What is not given is the plugin host's default.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plugin {
    /// Its file; a relative name is looked up in `plugin_host.dir`.
    pub wasm: PathBuf,
    /// Capabilities: all that its manifest may ask for. `phi:raw` shows it text before redaction.
    #[serde(default)]
    pub grants: BTreeSet<Capability>,
    /// Calls that run at once, each in its own actor.
    pub instances: Option<usize>,
    /// Calls that may wait for an instance.
    pub queue: Option<usize>,
    /// Whether a guest may take one call after the other, with what it left in its memory.
    #[serde(default)]
    pub reuse: bool,
    /// The guest's memory.
    pub memory_bytes: Option<usize>,
    /// One call, instantiation included.
    pub timeout_ms: Option<u64>,
    /// What a call may be given.
    pub input_bytes: Option<usize>,
    /// What a call may answer.
    pub output_bytes: Option<usize>,
    /// Instructions of one call; not counted when it is not given.
    pub fuel: Option<u64>,
    /// What the guest reads through `config_get`. Never PHI.
    #[serde(default)]
    pub config: BTreeMap<String, String>,
}

impl Plugin {
    /// What the plugin host is told.
    pub fn spec(&self, name: &str) -> PluginSpec {
        let mut spec = PluginSpec::new(name, &self.wasm);
        spec.grants = self.grants.clone();
        spec.instances = self.instances.unwrap_or(spec.instances);
        spec.queue = self.queue.unwrap_or(spec.queue);
        spec.config = self.config.clone();
        spec.reuse = self.reuse;
        let limits = &mut spec.limits;
        limits.memory_bytes = self.memory_bytes.unwrap_or(limits.memory_bytes);
        limits.timeout = self
            .timeout_ms
            .map_or(limits.timeout, Duration::from_millis);
        limits.input_bytes = self.input_bytes.unwrap_or(limits.input_bytes);
        limits.output_bytes = self.output_bytes.unwrap_or(limits.output_bytes);
        limits.fuel = self.fuel;
        spec
    }
}

/// Logs.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Log {
    /// Text for people, JSON for machines.
    pub format: LogFormat,
    /// A level, or directives such as `info,plantao_actors::plugin=debug`.
    pub level: String,
}

/// How a log line looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// Text on a terminal, JSON elsewhere.
    Auto,
    /// One readable line an event.
    Text,
    /// One JSON object an event.
    Json,
}

/// A path, relative to the file that names it.
pub(super) fn path<'de, D: Deserializer<'de>>(from: D) -> Result<PathBuf, D::Error> {
    RelativePathBuf::deserialize(from).map(|path| path.relative())
}

fn optional_path<'de, D: Deserializer<'de>>(from: D) -> Result<Option<PathBuf>, D::Error> {
    Option::<RelativePathBuf>::deserialize(from).map(|path| path.map(|path| path.relative()))
}

fn secrets<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<SecretString>, D::Error> {
    let texts = Vec::<String>::deserialize(from)?;
    Ok(texts.into_iter().map(SecretString::from).collect())
}

fn optional_secret<'de, D: Deserializer<'de>>(from: D) -> Result<Option<SecretString>, D::Error> {
    Option::<String>::deserialize(from).map(|text| text.map(SecretString::from))
}
