//! A real PostgreSQL for tests: one private cluster per test binary, one database per test.
//!
//! The cluster has durability against power loss switched off and everything else as in production,
//! roles and row-level security included. It ends with the test binary (the kernel sends the
//! server its shutdown), and the next binary sweeps the directory that the last one left.
#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot start has failed"
)]

use super::handle::Live;
use super::pool::{PoolError, Session, create_database, live_pool, planned, prepare_schema};
use super::postgres::Layout;
use super::postgres::testing::{TestCluster, config_under, own_dir, running};
use super::{Database, DatabaseConfig, EmbeddedConfig, Login, PointQuery};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tokio::sync::OnceCell;
use tokio_postgres::{Client, SimpleQueryMessage};

const TEMPLATE: &str = "plantao_template";

/// A migrated database of its own and a live pool on it. Drop it last.
pub struct TestDatabase {
    config: DatabaseConfig,
    database: Database,
    live: Option<Arc<Live>>,
}

/// A session outside the pool; ends when dropped.
pub struct TestSession(Session);

impl std::ops::Deref for TestSession {
    type Target = Client;
    fn deref(&self) -> &Client {
        &self.0.client
    }
}

impl TestDatabase {
    /// A fresh database. The first call of a test binary starts its cluster.
    ///
    /// # Panics
    /// When PostgreSQL cannot be started: the test cannot be run.
    pub async fn create() -> Self {
        static CLUSTER: OnceCell<(TestCluster, DatabaseConfig)> = OnceCell::const_new();
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let (_, shared) = CLUSTER.get_or_init(start).await;
        let database = format!("test_{}", NEXT.fetch_add(1, Ordering::Relaxed));
        let config = DatabaseConfig {
            database: database.clone(),
            ..shared.clone()
        };
        clone_template(shared, &database).await;
        let live = live_pool(&config).expect("a pool");
        let handle = Database::new();
        handle.publish(&live);
        Self {
            config,
            database: handle,
            live: Some(live),
        }
    }

    /// The handle that actors take.
    #[must_use]
    pub fn database(&self) -> Database {
        self.database.clone()
    }

    /// A handle to the same database that counts on so many replicas.
    #[must_use]
    pub fn replicated(&self, count: usize) -> Database {
        let handle = Database::with_replicas(count);
        if let Some(live) = &self.live {
            handle.publish(live);
        }
        handle
    }

    /// The configuration that reaches this database, for whatever connects by itself.
    #[must_use]
    pub fn config(&self) -> DatabaseConfig {
        self.config.clone()
    }

    /// A session in the role of one part of the system.
    ///
    /// # Panics
    /// When it cannot be opened.
    pub async fn session(&self, login: Login) -> TestSession {
        let config = self.config.connection(login).expect("a configuration");
        TestSession(Session::open(&config).await.expect("a session"))
    }

    /// How the server goes about a look-up on a session like a lane's, whatever the keys are.
    ///
    /// # Panics
    /// When it refuses the statement.
    pub async fn plan_of(&self, query: &PointQuery) -> String {
        let config = self.config.connection(Login::Application);
        let config = planned(config.expect("a configuration"));
        let session = Session::open(&config).await.expect("a session");
        let keys = ", NULL".repeat(query.key.len());
        let asked = format!(
            "SET plantao.tenant = 'north'; PREPARE look_up AS {}; \
             EXPLAIN (COSTS OFF) EXECUTE look_up('north'{keys})",
            query.sql
        );
        let told = session.client.simple_query(&asked).await.expect("a plan");
        let lines = told.iter().filter_map(|message| match message {
            SimpleQueryMessage::Row(row) => row.get(0),
            _ => None,
        });
        lines.collect::<Vec<_>>().join("\n")
    }

    /// Brings the schema to this program's version, as a start does.
    ///
    /// # Panics
    /// When that fails.
    pub async fn prepare(&self) {
        prepare_schema(&self.config).await.expect("the schema");
    }

    /// Takes the pool away, as when its actor dies.
    pub fn lose_pool(&mut self) {
        self.live = None;
    }
}

/// The configuration of a cluster of its own, for a test that kills or stops the server.
#[must_use]
pub fn private_cluster(name: &str) -> EmbeddedConfig {
    config_under(&own_dir(name))
}

/// The running server of a private cluster.
#[must_use]
pub fn server_pid(config: &EmbeddedConfig) -> Option<rustix::process::Pid> {
    running(&Layout::of(config).ok()?.data_dir)
}

async fn start() -> (TestCluster, DatabaseConfig) {
    let cluster = TestCluster::start().await;
    let config = DatabaseConfig {
        embedded: Some(cluster.config().clone()),
        url: None,
        owner_url: None,
        replicas: Vec::new(),
        pool_size: 8,
        database: TEMPLATE.to_owned(),
    };
    let maintenance = config
        .maintenance()
        .expect("a layout")
        .expect("an embedded cluster");
    for _ in 0..1_000 {
        // Listening is not yet answering: a server that starts refuses sessions for a moment.
        match create_database(&maintenance, TEMPLATE).await {
            Err(PoolError::Refused { reason, .. }) if reason.is_unavailable() => {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            made => {
                made.expect("the template database");
                break;
            }
        }
    }
    prepare_schema(&config).await.expect("the schema");
    (cluster, config)
}

async fn clone_template(shared: &DatabaseConfig, name: &str) {
    let maintenance = shared
        .maintenance()
        .expect("a layout")
        .expect("an embedded cluster");
    let session = Session::open(&maintenance).await.expect("a session");
    let create = format!("CREATE DATABASE {name} TEMPLATE {TEMPLATE}");
    for _ in 0..200 {
        let Err(error) = session.client.batch_execute(&create).await else {
            return;
        };
        // The session that migrated it is still ending, or another test is copying it.
        assert_eq!(
            error.code().map(|code| code.code()),
            Some("55006"),
            "{error}"
        );
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("the template database stayed in use");
}
