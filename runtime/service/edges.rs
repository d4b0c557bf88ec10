//! Where one run touches the world: database, keys, network, time, randomness. Everything behind
//! them is the same whichever they are.

use super::{ServiceError, log_keys};
use crate::config::Config;
use crate::front_door::Approach;
use crate::identity::{SigningKey, server_config};
use crate::state_dir::StateDir;
use plantao_actors::audit::transparency::{LogKeys, Witness};
use plantao_actors::audit::{FileSpool, PostgresTrail, SpoolStore, TrailStore};
use plantao_actors::clock::WallClock;
use plantao_actors::consent::{ConsentStore, PostgresConsents};
use plantao_actors::database::{Database, DatabaseConfig, Login};
use plantao_actors::entropy::Entropy;
use plantao_actors::login::{LogInStore, PostgresLogIns};
use plantao_actors::patient::{PostgresRecords, RecordStore};
use plantao_actors::policy::Policy;
use plantao_actors::vault::{KeyStore, MasterKeySource, Vault};
use plantao_actors::ward::{PostgresWards, WardStore};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

/// See the module. The simulator makes its own; a run of the service makes [`Edges::of`] its
/// configuration.
pub struct Edges {
    /// This node's name.
    pub node: String,
    /// What time it is.
    pub clock: WallClock,
    /// Where random values come from.
    pub entropy: Entropy,
    /// Which PostgreSQL.
    pub database_config: DatabaseConfig,
    /// Its handle.
    pub database: Database,
    /// What keeps the trail.
    pub trail: Arc<dyn TrailStore>,
    /// What keeps emergency reads while that is away.
    pub spool: Arc<dyn SpoolStore>,
    /// Keys, which some stores seal with.
    pub vault: Vault,
    /// Where the master key comes from.
    pub master_key: MasterKeySource,
    /// What keeps wrapped keys.
    pub keys: Arc<dyn KeyStore>,
    /// What decides.
    pub policy: Policy,
    /// What keeps clinical records.
    pub records: Arc<dyn RecordStore>,
    /// What keeps consents.
    pub consents: Arc<dyn ConsentStore>,
    /// What keeps the wards' beds.
    pub wards: Arc<dyn WardStore>,
    /// What keeps accounts and ended sessions.
    pub log_ins: Arc<dyn LogInStore>,
    /// Signs the checkpoints of the trail.
    pub log_keys: LogKeys,
    /// Who cosigns them.
    pub witnesses: Vec<Witness>,
    /// Signs credentials.
    pub signing: SigningKey,
    /// How the front door is reached.
    pub door: Approach,
    /// Where operators look; nowhere without one.
    pub admin: Option<SocketAddr>,
    /// Where operators change; nowhere without one.
    pub admin_socket: Option<PathBuf>,
}

impl Edges {
    /// PostgreSQL, the state directory's keys and the network.
    pub(super) fn of(
        config: &Config,
        state: &StateDir,
        clock: &WallClock,
    ) -> Result<Self, ServiceError> {
        let signing = SigningKey::open(state)?;
        let log_keys = log_keys::open(state)?;
        let policy = Policy::new(config.policy.clone())?;
        let tls = Arc::new(server_config(&config.front_door, state.paths(), clock)?);
        let database_config = super::database_config(config, state.paths().root());
        if database_config.embedded.is_none() {
            database_config.connection(Login::Application)?;
            database_config.connection(Login::Owner)?;
            database_config.replica_connections()?;
        }
        let witnesses = config.audit.witnesses.iter().map(crate::witness::witness);
        let entropy = Entropy::system();
        let master_key = super::master_key::source(config, state.paths())?;
        master_key.check(&entropy)?;
        let vault = Vault::drawing(entropy.clone())
            .with_tombstones(state.paths().tombstones())
            .with_periods(state.paths().period_key());
        let database = Database::with_replicas(database_config.replicas.len());
        Ok(Self {
            node: state.node_id().to_owned(),
            clock: clock.clone(),
            entropy,
            trail: Arc::new(PostgresTrail::noting(database_config.clone(), &database)),
            spool: Arc::new(FileSpool::new(state.paths().spool())),
            database_config,
            keys: Arc::new(database.clone()),
            policy,
            records: Arc::new(PostgresRecords::new(database.clone(), vault.clone())),
            consents: Arc::new(PostgresConsents::new(database.clone())),
            wards: Arc::new(PostgresWards::new(database.clone())),
            log_ins: Arc::new(PostgresLogIns::new(database.clone())),
            database,
            vault,
            master_key,
            log_keys,
            witnesses: witnesses.collect::<Result<_, _>>()?,
            signing,
            door: Approach::Tcp(config.front_door.listen, tls),
            admin: Some(config.admin.listen),
            admin_socket: Some(state.admin_socket()),
        })
    }
}
