//! One incarnation of the node: the real tree over what is durable.

use super::SimError;
use super::recorder::{Permits, Recorder};
use crate::mutant::Mutant;
use crate::twin::{self, Disk};
use fastrand::Rng;
use plantao::config::{Config, Flags};
use plantao::front_door::{Approach, Lane};
use plantao::identity::{Claims, SigningKey, TokenIssuer};
use plantao::service::{self, Edges};
use plantao::tree;
use plantao_actors::audit::transparency::LogKeys;
use plantao_actors::clock::WallClock;
use plantao_actors::database::{Database, DatabaseConfig};
use plantao_actors::entropy::Entropy;
use plantao_actors::plugin::{Compiler, GuestRuntime, PluginHost, Plugins};
use plantao_actors::policy::Policy;
use plantao_actors::vault::{MasterKeySource, Vault};
use plantao_schema::time::Timestamp;
use plantao_supervisors::{FaultHook, Tree};
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::{Arc, Mutex, PoisonError};

/// The simulated day begins here: 2026-03-02T12:00:00Z.
pub(super) const BEGIN: Timestamp = Timestamp::from_micros(1_772_452_800_000_000);

/// What every incarnation of the node has in common, whatever dies.
pub(super) struct Site {
    pub(super) disk: Disk,
    pub(super) lane: Lane,
    pub(super) clock: WallClock,
    pub(super) entropy: Entropy,
    /// Those who sign in draw from elsewhere than the node.
    badges: Entropy,
    config: Config,
    signing: SigningKey,
    log_keys: LogKeys,
    issuer: TokenIssuer,
    master_key: [u8; 32],
    seed: u64,
    recorder: Recorder,
    mutant: Option<Mutant>,
    tokens: Mutex<BTreeMap<(&'static str, i64), String>>,
}

/// A node that is up.
pub(super) struct Node {
    pub(super) tree: Tree,
}

impl Site {
    pub(super) fn new(
        config: Config,
        (signing, log_keys): (SigningKey, LogKeys),
        recorder: Recorder,
        (seed, mutant): (u64, Option<Mutant>),
    ) -> Self {
        let mut rng = Rng::with_seed(seed);
        let mut master_key = [0; 32];
        rng.fill(&mut master_key);
        let issuer = TokenIssuer::new(signing.clone(), &config.identity);
        Self {
            disk: Disk::new(rng.fork(), mutant, recorder.clone()),
            lane: Lane::new(),
            clock: WallClock::running(BEGIN),
            entropy: Entropy::seeded(rng.u64(..)),
            badges: Entropy::seeded(rng.u64(..)),
            config,
            signing,
            log_keys,
            issuer,
            master_key,
            seed,
            recorder,
            mutant,
            tokens: Mutex::default(),
        }
    }

    /// Signs in.
    pub(super) fn token(&self, claims: &Claims) -> Result<String, SimError> {
        let badge = self.badges.uuid_v4().map_err(|_| SimError::Edges)?;
        let claims = Claims {
            token_id: badge.to_string(),
            ..claims.clone()
        };
        self.issuer.issue(&claims).map_err(|_| SimError::Edges)
    }

    /// The credential that somebody got within the same minute, or a new one.
    pub(super) fn keep_token(
        &self,
        name: &'static str,
        sign: impl FnOnce() -> Option<String>,
    ) -> Option<String> {
        let minute = self.clock.now().seconds().div_euclid(60);
        let mut tokens = self.tokens.lock().unwrap_or_else(PoisonError::into_inner);
        match tokens.entry((name, minute)) {
            Entry::Occupied(kept) => Some(kept.get().clone()),
            Entry::Vacant(place) => Some(place.insert(sign()?).clone()),
        }
    }

    /// The same site on the clock of another runtime. A machine that comes up again has entropy.
    pub(super) fn again(self, wall: Timestamp) -> Self {
        self.entropy.heal();
        Self {
            lane: Lane::new(),
            clock: WallClock::running(wall),
            ..self
        }
    }

    /// What the node is configured with.
    pub(super) fn config(&self) -> &Config {
        &self.config
    }

    /// Starts the tree over the disk as it is.
    pub(super) async fn start(&self, hook: Arc<dyn FaultHook>) -> Result<Node, SimError> {
        let edges = self.edges()?;
        let mut host = PluginHost::new(
            "nowhere",
            GuestRuntime::current(),
            self.clock.clone(),
            Compiler::InProcess,
        );
        host.twin = Some(Arc::new(twin::Guests(self.disk.clone())));
        let plugins = Plugins::new(host).map_err(|_| SimError::Edges)?;
        let built = service::build(&self.config, Flags::default(), edges, plugins);
        // The cell stays empty: nobody looks at the tree's page here, and a tree in a cell that its
        // own children hold would outlive every run.
        let (parts, _cell, _metrics) = built.map_err(|error| SimError::Build(error.to_string()))?;
        let spec = tree::tree(parts).map_err(|error| SimError::Build(error.to_string()))?;
        let started = Tree::start_disturbed(tree::ROOT, spec, self.seed, hook).await;
        let tree = started.map_err(|error| SimError::Start(error.to_string()))?;
        Ok(Node { tree })
    }

    fn edges(&self) -> Result<Edges, SimError> {
        let disk = &self.disk;
        let database = Database::standing_in(Arc::new(disk.clone()));
        let permits = Permits {
            recorder: self.recorder.clone(),
            planted: self.mutant.and_then(Mutant::of_policy),
        };
        let policy = Policy::new(self.config.policy.clone());
        let policy = policy.map_err(|error| SimError::Config(error.to_string()))?;
        let vault = Vault::drawing(self.entropy.clone());
        Ok(Edges {
            policy: policy.witnessed(Arc::new(permits)),
            log_keys: self.log_keys.clone(),
            witnesses: Vec::new(),
            node: "sim".to_owned(),
            clock: self.clock.clone(),
            entropy: self.entropy.clone(),
            database_config: DatabaseConfig::external("postgres://nowhere".into(), None),
            database,
            trail: Arc::new(twin::TwinTrail(disk.at("audit.commit"))),
            spool: Arc::new(twin::TwinSpool(disk.at("spool.append"))),
            vault: vault.clone(),
            master_key: MasterKeySource::held(self.master_key),
            keys: Arc::new(twin::TwinKeys(disk.at("vault.unwrap"))),
            records: Arc::new(twin::TwinRecords::sealing(
                disk.at("records.commit"),
                twin::TwinKeys(disk.at("vault.unwrap")),
                vault,
            )),
            consents: Arc::new(twin::TwinConsents(disk.at("consent.commit"))),
            wards: Arc::new(twin::TwinWards(disk.at("wards.place"))),
            log_ins: Arc::new(twin::TwinLogIns(disk.clone())),
            signing: self.signing.clone(),
            door: Approach::Lane(self.lane.clone()),
            admin: None,
            admin_socket: None,
        })
    }
}
