//! From a configuration to handles: everything the tree is made of, before anything runs.

use super::ServiceError;
use super::edges::Edges;
use crate::admin::{self, AdminServices, TrailHealth, TreeCell};
use crate::config::{Config, Flags};
use crate::front_door::{
    DoorLimits, DoorParts, Places, Refusals, Services, SharedBucket, TrailReaders,
};
use crate::identity::{TokenIssuer, TokenVerifier};
use crate::net;
use crate::pages::{PageParts, PagesOf};
use crate::state_dir::StateDir;
use crate::telemetry::Metrics;
use crate::tree::{Parts, RulesSource};
use plantao_actors::audit::keeping::{Keeper, KeeperParts};
use plantao_actors::audit::transparency::{Sequencer, Shipping, TransparencyLog, Witnesses};
use plantao_actors::audit::{AuditLog, EmergencySpool, SpoolLimits};
use plantao_actors::clock::WallClock;
use plantao_actors::consent::Consents;
use plantao_actors::database::DatabaseConfig;
use plantao_actors::entropy::Entropy;
use plantao_actors::live::{Live, LiveLimits, Pulse};
use plantao_actors::login::LogIns;
use plantao_actors::patient::{Contents, Records};
use plantao_actors::plugin::{
    AotCache, CompileLimits, Compiler, CompilerProgram, GuestRuntime, PluginHost, Plugins,
};
use plantao_actors::vault::Rotations;
use plantao_actors::ward::Wards;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;

/// Threads that guests run on: as many as there are cores beside the reactor's would starve it on a
/// small machine, and a guest never needs more than one.
const GUEST_WORKERS: usize = 2;
/// Log-ins being served at once: a shift that begins, within seconds of each other.
const STRANGERS: usize = 64;
/// Open files kept for everything but the front door: database, admin doors, plugins, logs.
const FILES_RESERVED: usize = 256;
/// A day: what may be opened of a copy of the database that somebody took.
const PERIOD_HOURS: u64 = 24;

/// Builds every handle, the cell that the running tree is put into, and the counts.
///
/// # Errors
/// [`ServiceError`] when the configuration's policy, pages or plugins are not acceptable.
pub fn build(
    config: &Config,
    flags: Flags,
    edges: Edges,
    plugins: Plugins,
) -> Result<(Parts, TreeCell, Metrics), ServiceError> {
    let Edges {
        node,
        clock,
        entropy,
        database_config,
        database,
        trail,
        spool,
        vault,
        master_key,
        keys,
        log_keys,
        witnesses,
        policy,
        records,
        consents,
        wards,
        log_ins,
        signing,
        door: approach,
        admin,
        admin_socket,
    } = edges;
    let clock = &clock;
    let verifier = TokenVerifier::new(&signing, &config.identity, config.demo, clock.clone());
    let audit = AuditLog::with_queue(clock.clone(), entropy.clone(), config.audit.queue);
    let limits = SpoolLimits {
        entries: config.audit.spool_entries,
        bytes: config.audit.spool_bytes,
    };
    let tenant = config.identity.tenant.clone();
    let spool = EmergencySpool::new(audit.clone(), spool, limits, tenant.clone());
    let (log, public_keys) = (TransparencyLog::new(), log_keys.public());
    let shipping = Shipping::to(config.audit.checkpoints.clone());
    let witnesses = Witnesses::new(witnesses, shipping.clone());
    // The simulator's twin of the database has no partitions.
    let keeper = (!database.is_stand_in()).then(|| {
        Keeper::new(KeeperParts {
            database: database_config.clone(),
            clock: clock.clone(),
            retention_years: config.audit.retention_years,
            archive: config.audit.archive.clone(),
        })
    });
    let trail_health = TrailHealth {
        log: log.clone(),
        shipping: shipping.clone(),
        witnesses: witnesses.clone(),
        keeper: keeper.clone(),
    };
    let sequencer = Sequencer {
        log: log.clone(),
        audit: audit.clone(),
        trail: Arc::clone(&trail),
        node: node.clone(),
        keys: log_keys,
        clock: clock.clone(),
        shipping,
        witnesses: witnesses.clone(),
    };
    let records = Records::with_store(records, clock.clone(), entropy.clone());
    let records = records.with_consent(policy.clone());
    let wards = Wards::with_store(wards, clock.clone());
    let tables = policy.tables();
    let consents = Consents::with_store(consents, &tables, clock.clone());
    let log_ins = LogIns::with_store(log_ins, keys, vault.clone(), &tables, clock.clone());
    let pulse = Pulse::new(database.clone());
    let kept = Duration::from_hours(24 * u64::from(config.vault.key_backup_days));
    let mut rotations = Rotations::new(vault.clone(), database.clone()).waiting_for(kept);
    if let Some(period) = period(config) {
        rotations = rotations.with_periods_of(period);
    }
    let cell = TreeCell::default();
    let pages = PagesOf::new(PageParts {
        records: records.clone(),
        wards: wards.clone(),
        policy: policy.clone(),
        pulse: pulse.clone(),
        supervision: Arc::new(Arc::clone(&cell)),
        clock: clock.clone(),
    })?;
    let pages = Arc::new(pages);
    let live = Live::new(
        Arc::clone(&pages),
        (
            policy.clone(),
            audit.clone(),
            clock.clone(),
            entropy.clone(),
        ),
        pages.version().to_owned(),
        LiveLimits {
            viewers: u32::try_from(config.live.max_viewers).unwrap_or(u32::MAX),
            topics: u32::try_from(config.live.max_topics).unwrap_or(u32::MAX),
        },
    );
    let plugin_specs = config
        .plugins
        .iter()
        .map(|(name, plugin)| plugin.spec(name))
        .collect();
    let metrics = Metrics::of(
        live.clone(),
        database.clone(),
        spool.clone(),
        plugins.clone(),
        rotations.clone(),
    );
    let door = &config.front_door;
    let services = Services {
        verifier,
        policy: policy.clone(),
        audit: audit.clone(),
        spool: spool.clone(),
        log,
        log_keys: public_keys,
        witnesses,
        database: database.clone(),
        readers: TrailReaders {
            offset_s: i64::from(config.policy.duty_hours.utc_offset_hours) * 3_600,
            contact: config.audit.privacy_contact.clone(),
        },
        records: records.clone(),
        contents: Arc::new(Contents::new(database.clone(), vault.clone())),
        plugins: plugins.clone(),
        wards: wards.clone(),
        consents: consents.clone(),
        log_ins: log_ins.clone(),
        live: live.clone(),
        pages,
        viewers: Places::new(config.live.max_viewers_per_principal),
        opens: Arc::new(SharedBucket::new(config.live.opens_per_second)),
        issuer: Arc::new(TokenIssuer::new(signing, &config.identity)),
        session_s: config.identity.session_s,
        demo: config.demo,
        tenant: tenant.clone(),
        clock: clock.clone(),
        entropy,
        metrics: metrics.clone(),
        refusals: Refusals::new(audit.clone(), clock.clone(), tenant.clone()),
        in_flight: Arc::new(Semaphore::new(door.max_in_flight)),
        max_in_flight: door.max_in_flight,
        strangers: Arc::new(Semaphore::new(STRANGERS)),
        body_memory_kib: Arc::new(Semaphore::new(door.body_memory_bytes / 1_024)),
        body_limit_bytes: door.body_limit_bytes,
        body_timeout: Duration::from_millis(door.body_timeout_ms),
    };
    let admin_services = AdminServices {
        tree: Arc::clone(&cell),
        policy: policy.clone(),
        audit: audit.clone(),
        spool: spool.clone(),
        database: database.clone(),
        plugins: plugins.clone(),
        metrics: metrics.clone(),
        clock: clock.clone(),
        tenant,
        log_ins: log_ins.clone(),
        rules: RulesSource(flags),
        vault: vault.clone(),
        rotations: rotations.clone(),
        records: records.clone(),
        trail: trail_health,
    };
    let door_parts = DoorParts {
        listen: approach,
        limits: DoorLimits {
            max_connections: door.max_connections.min(connections_possible()),
            max_connections_per_address: door.max_connections_per_address,
            connects_per_second_per_address: door.connects_per_second_per_address,
            handshake_timeout: Duration::from_millis(door.handshake_timeout_ms),
            header_timeout: Duration::from_millis(door.header_timeout_ms),
            drain_timeout: Duration::from_millis(door.drain_timeout_ms),
        },
        services,
    };
    let admin = admin::DoorParts {
        listen: admin,
        services: admin_services.clone(),
    };
    let admin_socket = admin::SocketParts {
        path: admin_socket,
        services: admin_services,
    };
    let parts = Parts {
        node,
        trail,
        sequencer,
        keeper,
        database_config,
        database,
        vault,
        master_key,
        rotations,
        policy,
        audit,
        spool,
        plugins,
        plugin_specs,
        consents,
        log_ins,
        records,
        wards,
        pulse,
        live,
        door: door_parts,
        admin,
        admin_socket,
    };
    Ok((parts, cell, metrics))
}

/// How many connections the limit of open files leaves room for.
fn connections_possible() -> usize {
    let files = usize::try_from(net::raise_open_files()).unwrap_or(usize::MAX);
    files.saturating_sub(FILES_RESERVED).max(1)
}

/// After how long a period ends by itself. On a server of the operator's own only where that was
/// said: what its own tools bring back of an older period opens with a key backup alone, and nobody
/// but the operator knows whether there are any.
fn period(config: &Config) -> Option<Duration> {
    let is_ours = config.database.url.is_none();
    let hours = config.vault.period_hours;
    hours
        .or_else(|| is_ours.then_some(PERIOD_HOURS))
        .map(Duration::from_hours)
}

/// Which PostgreSQL a configuration means.
pub(crate) fn database_config(config: &Config, state_dir: &Path) -> DatabaseConfig {
    let database = &config.database;
    let mut parts = match &database.url {
        Some(url) => DatabaseConfig::external(url.clone(), database.owner_url.clone()),
        None => DatabaseConfig::embedded(state_dir),
    };
    if let Some(cluster) = &mut parts.embedded {
        cluster.bin_dir.clone_from(&database.binaries);
        cluster.ballast_bytes = database.ballast_bytes;
        cluster.free_min_bytes = database.free_min_bytes;
        cluster.stall_limit = Duration::from_millis(database.stall_limit_ms);
    }
    parts.replicas.clone_from(&database.replicas);
    parts.pool_size = database.pool_size;
    parts
}

/// The plugins of a configuration, on threads of their own. This binary is their compiler.
pub(super) fn plugins(
    config: &Config,
    state: &StateDir,
    clock: &WallClock,
    entropy: &Entropy,
) -> Result<Plugins, ServiceError> {
    let guests = GuestRuntime::start(GUEST_WORKERS).map_err(|error| ServiceError::System {
        action: "start the guests' thread pool",
        kind: error.kind(),
    })?;
    let settings = &config.plugin_host;
    let limits = CompileLimits {
        wall: Duration::from_millis(settings.compile_timeout_ms),
        // Its threads are at work together for no longer than this.
        cpu_s: settings.compile_timeout_ms.div_ceil(1_000),
        memory_bytes: settings.compile_memory_bytes,
        ..CompileLimits::default()
    };
    let compiler = Compiler::Child(CompilerProgram::this_binary(), limits);
    let mut host = PluginHost::new(&settings.dir, guests, clock.clone(), compiler);
    host.publishers = settings.publishers()?;
    if settings.aot_cache_bytes > 0 {
        let (folder, key) = (state.paths().aot(), state.paths().aot_key());
        host.cache = Some(AotCache::open(
            &folder,
            &key,
            settings.aot_cache_bytes,
            entropy,
        )?);
    }
    let instances: usize = config
        .plugins
        .iter()
        .map(|(name, plugin)| plugin.spec(name).instances)
        .sum();
    host.capacity = u32::try_from(instances)
        .unwrap_or(u32::MAX)
        .max(host.capacity);
    Ok(Plugins::new(host)?)
}
