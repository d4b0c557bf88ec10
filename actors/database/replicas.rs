//! `Replicas`: the actor that owns the connections to this node's read replicas and measures how
//! far each lags behind its primary.
//!
//! A replica's own idea of its lag is worth little: the time of its last replayed transaction grows
//! old on an idle primary, and one that lost its primary believes that it has everything. So the
//! primary is asked five times a second where its log ends, and a replica is as fresh as the last
//! of those moments that it has replayed up to. One whose last such moment is more than a second
//! ago is not read from, nor is one that nobody measures; it comes back by itself. A server of
//! another cluster is none of its replicas, wherever its log may be.
//!
//! Refuses to be needed: whatever a replica does not answer in time, the primary is asked. Assumes
//! a permanent restart. Lost on restart: connections, which are made anew.

use super::handle::Live;
use super::pool::{Never, pool_of};
use super::standing::{Standing, Track};
use super::{Database, DatabaseConfig, DatabaseConfigError, DatabaseError, Lsn};
use crate::pump::Pump;
use deadpool_postgres::Pool;
use futures_util::future::{join, join_all};
use plantao_supervisors::{ChildSpec, Envelope, Handle, Limits};
use ractor::{Actor, ActorProcessingErr, ActorRef};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout};

/// Between two looks.
const EVERY: Duration = Duration::from_millis(200);

/// How long one look may take; a server that answers slower is no faster than the primary.
const LOOK_DEADLINE: Duration = Duration::from_millis(500);

/// Connections to each replica: reads that may be old are few and long.
const POOL_SIZE_MAX: usize = 8;

const REPLAYED: &str = "SELECT pg_is_in_recovery(), pg_last_wal_replay_lsn(), \
     system_identifier::text FROM pg_control_system()";

/// The replicas as a child; nothing to be supervised where none is configured.
#[must_use]
pub fn replicas_child(config: DatabaseConfig, database: Database) -> ChildSpec {
    let handle = Handle::<Never>::new(Limits::in_flight(1));
    ChildSpec::worker("replicas", &handle, move || {
        (Replicas, (config.clone(), database.clone()))
    })
}

struct Replicas;

/// What keeps the pools alive, and the task that measures.
struct Watching {
    _pools: Vec<Arc<Live>>,
    _pump: Pump,
}

impl Actor for Replicas {
    type Msg = Envelope<Never>;
    type State = Watching;
    type Arguments = (DatabaseConfig, Database);

    async fn pre_start(
        &self,
        myself: ActorRef<Self::Msg>,
        (config, database): Self::Arguments,
    ) -> Result<Watching, ActorProcessingErr> {
        let pools = pools(&config)?;
        database.publish_replicas(&pools);
        let looking = pools.iter().filter_map(|live| live.pool().cloned());
        let work = measure(looking.collect(), database);
        Ok(Watching {
            _pools: pools,
            _pump: Pump::start(myself, work),
        })
    }

    async fn handle(
        &self,
        _myself: ActorRef<Self::Msg>,
        envelope: Self::Msg,
        _state: &mut Watching,
    ) -> Result<(), ActorProcessingErr> {
        match envelope.open().0 {}
    }
}

fn pools(config: &DatabaseConfig) -> Result<Vec<Arc<Live>>, DatabaseConfigError> {
    let size = config.pool_size.min(POOL_SIZE_MAX);
    let made = config.replica_connections()?.into_iter().map(|connection| {
        let pool = pool_of(&connection, size);
        Arc::new(Live::new(pool.ok()))
    });
    Ok(made.collect())
}

async fn measure(pools: Vec<Pool>, database: Database) {
    let standing = Arc::clone(database.standing());
    let (mut track, mut cluster) = (Track::default(), String::new());
    let mut admitted = vec![false; pools.len()];
    loop {
        let at = Instant::now();
        let primary = join(database.identity(), database.end_of_log());
        if let Ok((Ok(identity), Ok(end))) = timeout(LOOK_DEADLINE, primary).await {
            track.saw(at, end);
            cluster = identity;
        }
        let looks = pools
            .iter()
            .map(|pool| timeout(LOOK_DEADLINE, replayed(pool, &cluster)));
        for (index, look) in join_all(looks).await.into_iter().enumerate() {
            let fresh = match look {
                Ok(Ok(Some(replayed))) => track.fresh_at(replayed),
                _ => None,
            };
            standing.fresh(index, fresh);
        }
        tell(&standing, &mut admitted);
        sleep(EVERY).await;
    }
}

/// Where a replica has got to; nothing when it is none any more: a promoted one has a log of its
/// own, which its primary's says nothing about.
async fn replayed(pool: &Pool, cluster: &str) -> Result<Option<Lsn>, DatabaseError> {
    let client = pool
        .get()
        .await
        .map_err(|error| DatabaseError::from_pool(&error, LOOK_DEADLINE))?;
    let asked = async {
        let statement = client.prepare_cached(REPLAYED).await?;
        client.query_one(&statement, &[]).await
    };
    let row = match asked.await {
        Ok(row) => row,
        Err(error) => {
            drop(deadpool_postgres::Object::take(client));
            return Err(DatabaseError::from_driver(&error, LOOK_DEADLINE));
        }
    };
    let mismatch = |_| DatabaseError::Mismatch;
    let is_replica: bool = row.try_get(0).map_err(mismatch)?;
    let at: Option<tokio_postgres::types::PgLsn> = row.try_get(1).map_err(mismatch)?;
    let identity: &str = row.try_get(2).map_err(mismatch)?;
    let is_replica = is_replica && identity == cluster;
    Ok(at.map(Lsn::from).filter(|_| is_replica))
}

/// Logs who comes and who goes.
fn tell(standing: &Standing, admitted: &mut [bool]) {
    for (index, (state, was)) in standing.replicas().iter().zip(admitted).enumerate() {
        let now = state.is_admitted();
        if now != *was {
            let lag_ms = state.lag.map(|lag| lag.as_millis());
            let replica = index + 1;
            if now {
                tracing::info!(replica, lag_ms, "replica is read from");
            } else {
                tracing::warn!(
                    replica,
                    lag_ms,
                    "replica lags, or cannot be measured: not read from"
                );
            }
            *was = now;
        }
    }
}
