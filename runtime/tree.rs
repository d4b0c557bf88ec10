//! THE supervision tree: every child, strategy, limit and restart class of the system.
//!
//! ```text
//! plantao                    one_for_one
//! ├─ storage                 rest_for_one   postgres ► pool ► replicas, disk (where there are any)
//! ├─ trust                   one_for_one    vault, policy, consents, log_ins, rotations, and the
//! │                                         trail's: writer, spool, sequencer, witnesses,
//! │                                         partitions
//! ├─ plugins                 one_for_one    each rest_for_one: instances (dynamic) ► loader
//! ├─ records                 one_for_one    directory-1…4, ward_board, sessions (dynamic)
//! ├─ live                    one_for_one    pulse, topics (dynamic), viewers (dynamic)
//! └─ doors                   one_for_one    front_door, admin, admin_socket
//! ```
//!
//! One session per patient, one topic per page and what may be seen of it, one viewer per
//! WebSocket.
//!
//! Order is meaning: children start downward and stop upward, so that the doors open last and close
//! first, and PostgreSQL outlives whoever writes to it. The audit writer is no part of `storage`:
//! it keeps its queue while PostgreSQL restarts and finds it again by itself. What restarts
//! together is chosen here and nowhere else; what each actor loses is said in its own file.

use crate::admin;
use crate::config::{Config, Flags};
use crate::front_door::{self, DoorParts};
use crate::pages::PagesOf;
use plantao_actors::audit::keeping::Keeper;
use plantao_actors::audit::transparency::Sequencer;
use plantao_actors::audit::{self, AuditLog, EmergencySpool, TrailStore};
use plantao_actors::consent::Consents;
use plantao_actors::database::{self, Database, DatabaseConfig};
use plantao_actors::live::{Live, Pulse};
use plantao_actors::login::LogIns;
use plantao_actors::patient::Records;
use plantao_actors::plugin::{PluginError, PluginSpec, Plugins};
use plantao_actors::policy::{self, Policy};
use plantao_actors::vault::{self, MasterKeySource, Rotations, Vault};
use plantao_actors::ward::Wards;
use plantao_schema::access::Rules;
use plantao_supervisors::{ChildSpec, Intensity, Shutdown, Strategy, SupervisorSpec};
use std::sync::Arc;
use std::time::Duration;

/// The root's name: the first segment of every path.
pub const ROOT: &str = "plantao";

/// Restarts of whole subtrees before the process gives up and its service manager takes over.
const ROOT_INTENSITY: Intensity = Intensity::new(5, Duration::from_secs(60));
/// PostgreSQL takes up to 2 s to come back from a crash; a server that fails more often than every
/// six seconds is not coming back by itself.
const STORAGE_INTENSITY: Intensity = Intensity::new(10, Duration::from_secs(60));
/// Trust and records restart in microseconds and lose next to nothing: they may be killed often.
const WORK_INTENSITY: Intensity = Intensity::new(60, Duration::from_secs(10));
/// Sessions restart singly; a fault that takes many of them down is one for the whole subtree.
const SESSIONS_INTENSITY: Intensity = Intensity::new(100, Duration::from_secs(10));
/// Patients with a live session at once: a large hospital's beds and its outpatients of an hour.
const SESSIONS_MAX: usize = 20_000;
/// Topics and viewers restart singly; so many at once have one fault in common.
const LIVE_INTENSITY: Intensity = Intensity::new(100, Duration::from_secs(10));
/// A plugin's own subtree has limits of its own below this one.
const PLUGINS_INTENSITY: Intensity = Intensity::new(20, Duration::from_secs(10));
/// A door that cannot keep its port for a second is a matter for the operator.
const DOORS_INTENSITY: Intensity = Intensity::new(10, Duration::from_secs(10));

/// PostgreSQL's fast stop takes 40 ms; a checkpoint of a busy one, seconds.
const POSTGRES_STOP: Duration = Duration::from_secs(30);
/// The first start makes the cluster and its schema.
const POSTGRES_START: Duration = Duration::from_secs(90);
/// What was accepted into the audit queue is written before the writer goes.
const AUDIT_STOP: Duration = Duration::from_secs(10);
/// Beyond the door's own drain timeout.
const DOOR_GRACE: Duration = Duration::from_secs(2);

/// What the tree is made of: handles made before it, which find its actors once it runs.
pub struct Parts {
    /// This node's name: its chains in the audit trail bear it.
    pub node: String,
    /// Which PostgreSQL.
    pub database_config: DatabaseConfig,
    /// Its handle.
    pub database: Database,
    /// Keys.
    pub vault: Vault,
    /// Where the master key comes from.
    pub master_key: MasterKeySource,
    /// What replaces keys.
    pub rotations: Rotations,
    /// Decisions.
    pub policy: Policy,
    /// The trail.
    pub audit: AuditLog,
    /// What takes emergency reads while it is away.
    pub spool: EmergencySpool,
    /// What keeps it.
    pub trail: Arc<dyn TrailStore>,
    /// What signs it.
    pub sequencer: Sequencer,
    /// What keeps its partitions; none without a PostgreSQL.
    pub keeper: Option<Keeper>,
    /// Untrusted logic.
    pub plugins: Plugins,
    /// Its description.
    pub plugin_specs: Vec<PluginSpec>,
    /// What patients agreed to.
    pub consents: Consents,
    /// Who gets in.
    pub log_ins: LogIns,
    /// Clinical records.
    pub records: Records,
    /// Who lies where.
    pub wards: Wards,
    /// Whether the database answers.
    pub pulse: Pulse,
    /// The live pages.
    pub live: Live<PagesOf>,
    /// The front door.
    pub door: DoorParts,
    /// The admin listener.
    pub admin: admin::DoorParts,
    /// The admin socket.
    pub admin_socket: admin::SocketParts,
}

/// Declares the tree.
///
/// # Errors
/// [`PluginError::Spec`] when a plugin's description is not acceptable.
pub fn tree(parts: Parts) -> Result<SupervisorSpec, PluginError> {
    let witnesses = parts.sequencer.witnesses.clone();
    let witnesses = (!witnesses.is_empty()).then(|| witnesses.child(Arc::clone(&parts.trail)));
    let writer = audit::audit_child(&parts.audit, parts.trail, parts.node);
    let drain = parts.door.limits.drain_timeout.saturating_add(DOOR_GRACE);

    let mut storage = SupervisorSpec::new(Strategy::RestForOne, STORAGE_INTENSITY);
    if let Some(cluster) = parts.database_config.embedded.clone() {
        let postgres = database::server_child(cluster)
            .start_timeout(POSTGRES_START)
            .shutdown(Shutdown::Timeout(POSTGRES_STOP));
        storage = storage.child(postgres);
    }
    let (whole, handle) = (parts.database_config, parts.database);
    let pool = database::pool_child(whole.clone(), handle.clone()).start_timeout(POSTGRES_START);
    storage = storage.child(pool);
    if !whole.replicas.is_empty() {
        storage = storage.child(database::replicas_child(whole.clone(), handle.clone()));
    }
    if let Some(cluster) = whole.embedded {
        storage = storage.child(database::disk_child(cluster, handle));
    }

    let mut trust = SupervisorSpec::new(Strategy::OneForOne, WORK_INTENSITY)
        .child(vault::vault_child(&parts.vault, parts.master_key))
        .child(policy::child(&parts.policy))
        .child(parts.consents.child())
        .child(parts.log_ins.child())
        .child(writer.shutdown(Shutdown::Timeout(AUDIT_STOP)))
        .child(parts.spool.child())
        .child(parts.sequencer.child())
        .child(parts.rotations.child());
    if let Some(witnesses) = witnesses {
        trust = trust.child(witnesses);
    }
    if let Some(keeper) = &parts.keeper {
        trust = trust.child(keeper.child());
    }

    let mut plugins = SupervisorSpec::new(Strategy::OneForOne, PLUGINS_INTENSITY);
    for spec in parts.plugin_specs {
        plugins = plugins.child(parts.plugins.child(spec)?);
    }

    let mut records = SupervisorSpec::new(Strategy::OneForOne, WORK_INTENSITY);
    for worker in parts.records.directory_children() {
        records = records.child(worker);
    }
    let records = records.child(parts.wards.child()).child(
        parts
            .records
            .sessions_child(SESSIONS_INTENSITY, SESSIONS_MAX),
    );

    let live = SupervisorSpec::new(Strategy::OneForOne, WORK_INTENSITY)
        .child(parts.pulse.child())
        .child(parts.live.topics_child(LIVE_INTENSITY))
        .child(parts.live.viewers_child(LIVE_INTENSITY));

    let doors = SupervisorSpec::new(Strategy::OneForOne, DOORS_INTENSITY)
        .child(admin::door_child(parts.admin))
        .child(admin::socket_child(parts.admin_socket))
        .child(front_door::child(parts.door).shutdown(Shutdown::Timeout(drain)));

    Ok(SupervisorSpec::new(Strategy::OneForOne, ROOT_INTENSITY)
        .child(ChildSpec::supervisor("storage", storage))
        .child(ChildSpec::supervisor("trust", trust))
        .child(ChildSpec::supervisor("plugins", plugins))
        .child(ChildSpec::supervisor("records", records))
        .child(ChildSpec::supervisor("live", live))
        .child(ChildSpec::supervisor("doors", doors)))
}

/// Where rules are read from again at a reload: the same layers as at the start.
#[derive(Clone, Debug)]
pub struct RulesSource(pub Flags);

impl RulesSource {
    /// Reads the rules.
    ///
    /// # Errors
    /// What is wrong with the configuration, for the operator.
    pub fn read(&self) -> Result<Rules, String> {
        let config = Config::load(&self.0).map_err(|error| error.to_string())?;
        Ok(config.policy.rules)
    }
}
