//! Whose answer is whose when reads travel together, on a real server.

use super::super::pool::live_pool;
use super::super::testing::{TestDatabase, TestSession};
use super::super::{Database, DatabaseError, Login, Row, Scope};
use super::queue::WAITING_MAX;
use super::{KeyPart, LANES, PointQuery, Value};
use futures_util::future::{JoinAll, join_all};
use futures_util::poll;
use plantao_schema::access::Purpose;
use plantao_schema::id::Tenant;
use std::collections::BTreeSet;
use std::pin::Pin;
use tokio::task::JoinSet;

/// The flight that a row came by stands in it.
const LOOK: PointQuery = PointQuery {
    sql: "SELECT r.tenant, r.id, pg_backend_pid() || now()::text, k.n \
        FROM unnest($2::text[]) WITH ORDINALITY AS k(id, n) \
        JOIN fhir_resource r ON r.tenant = $1 AND r.kind = 'Patient' AND r.id = k.id",
    key: &[KeyPart::Text],
};
/// No word of the tenant but what the flight declares.
const UNBOUND: PointQuery = PointQuery {
    sql: "SELECT r.tenant, r.id, r.version, k.n \
        FROM unnest($2::text[], $3::bigint[]) WITH ORDINALITY AS k(id, version, n) \
        JOIN fhir_resource r ON r.id = k.id AND r.version = k.version WHERE $1::text <> ''",
    key: &[KeyPart::Text, KeyPart::Long],
};
/// Fails on a zero.
const DIVIDE: PointQuery = PointQuery {
    sql: "SELECT 12 / k.by, k.n FROM unnest($2::integer[]) WITH ORDINALITY AS k(by, n) \
        WHERE $1::text <> ''",
    key: &[KeyPart::Integer],
};
/// Waits for whoever holds the lock.
const LOCKED: PointQuery = PointQuery {
    sql: "SELECT pg_advisory_xact_lock_shared(k.lock)::text, k.n \
        FROM unnest($2::bigint[]) WITH ORDINALITY AS k(lock, n) WHERE $1::text <> ''",
    key: &[KeyPart::Long],
};
/// The lock that holds up lanes, and one that holds up whoever asks for it.
const LOCK: i64 = 1;
const OTHER_LOCK: i64 = 2;

fn scope(tenant: &str, principal: usize) -> Scope {
    Scope {
        tenant: Tenant::parse(tenant).unwrap(),
        principal: format!("p{principal}"),
        purpose: Purpose::Treatment,
    }
}

async fn filled() -> TestDatabase {
    let test = TestDatabase::create().await;
    let owner = test.session(Login::Owner).await;
    let fill = "INSERT INTO fhir_resource \
         (tenant, kind, id, version, sealed, key_subject, key_version) \
         SELECT t, 'Patient', 'r' || n, n, '\\x00', 'directory', 1 \
         FROM unnest('{north,south}'::text[]) t, generate_series(1, 100) n";
    owner.batch_execute(fill).await.unwrap();
    test
}

async fn look(database: &Database, tenant: &str, id: &str) -> Result<Vec<Row>, DatabaseError> {
    let key = vec![id.into()];
    database.point_read(&scope(tenant, 1), &LOOK, key).await
}

async fn divide(database: &Database, by: i32) -> Result<i32, DatabaseError> {
    let key = vec![by.into()];
    let rows = database.point_read(&scope("north", 1), &DIVIDE, key).await;
    rows.map(|rows| rows[0].get(0))
}

async fn locked(database: &Database, tenant: &str, lock: i64) -> Result<usize, DatabaseError> {
    let key = vec![lock.into()];
    let rows = database.point_read(&scope(tenant, 1), &LOCKED, key).await;
    rows.map(|rows| rows.len())
}

fn names(rows: &[Row]) -> Vec<(String, String)> {
    rows.iter().map(|row| (row.get(0), row.get(1))).collect()
}

fn own(tenant: &str, id: &str) -> Vec<(String, String)> {
    vec![(tenant.to_owned(), id.to_owned())]
}

/// Every lane held up, by a flight of a tenant each: what is asked from here on waits.
struct HeldUp {
    locks: TestSession,
    lanes: JoinSet<Result<usize, DatabaseError>>,
}

impl HeldUp {
    async fn start(test: &TestDatabase) -> Self {
        let locks = test.session(Login::Owner).await;
        let lock = format!("SELECT pg_advisory_lock({LOCK}), pg_advisory_lock({OTHER_LOCK})");
        locks.batch_execute(&lock).await.unwrap();
        let mut lanes = JoinSet::new();
        for number in 0..LANES {
            let database = test.database();
            lanes.spawn(async move { locked(&database, &format!("t{number}"), LOCK).await });
        }
        let held_up = Self { locks, lanes };
        held_up.until_waiting(LANES).await;
        held_up
    }

    async fn until_waiting(&self, count: usize) {
        let waiting = "SELECT count(*) FROM pg_locks JOIN pg_database d ON d.oid = database \
             WHERE locktype = 'advisory' AND NOT granted AND d.datname = current_database()";
        loop {
            let row = self.locks.query_one(waiting, &[]).await.unwrap();
            if row.get::<_, i64>(0) == i64::try_from(count).unwrap() {
                return;
            }
            tokio::task::yield_now().await;
        }
    }

    /// Ends the sessions of the lanes.
    async fn kill(&self) {
        let end = "SELECT pg_terminate_backend(pid, 5000) FROM pg_locks \
             WHERE locktype = 'advisory' AND NOT granted AND database = \
             (SELECT oid FROM pg_database WHERE datname = current_database())";
        let ended = self.locks.query(end, &[]).await.unwrap();
        assert_eq!(ended.len(), LANES);
    }

    async fn release(self) -> TestSession {
        let unlock = format!("SELECT pg_advisory_unlock({LOCK})");
        self.locks.batch_execute(&unlock).await.unwrap();
        for held_up in self.lanes.join_all().await {
            assert_eq!(held_up, Ok(1));
        }
        self.locks
    }
}

/// Polled once, which is what asks.
async fn asked<F: Future>(reads: impl IntoIterator<Item = F>) -> Pin<Box<JoinAll<F>>> {
    let mut all = Box::pin(join_all(reads));
    assert!(poll!(&mut all).is_pending(), "answered by nobody");
    all
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_answer_goes_to_its_asker() {
    let test = filled().await;
    let mut askers = JoinSet::new();
    for asker in 0..400_usize {
        let database = test.database();
        askers.spawn(async move {
            let tenant = ["north", "south"][asker % 2];
            let scope = scope(tenant, asker);
            for step in 0..10 {
                let number = (asker * 7 + step * 31) % 120 + 1;
                let id = format!("r{number}");
                let version = i64::try_from(number).unwrap();
                let rows = match (asker + step) % 3 {
                    0 => {
                        let key = vec![id.as_str().into(), version.into()];
                        database.point_read(&scope, &UNBOUND, key).await
                    }
                    _ => look(&database, tenant, &id).await,
                };
                let wanted = if number > 100 {
                    Vec::new()
                } else {
                    own(tenant, &id)
                };
                assert_eq!(names(&rows.unwrap()), wanted);
            }
        });
    }
    askers.join_all().await;
    let (open, idle) = test.database().connections();
    assert!(open <= LANES && idle == open, "{idle} of {open} idle");
}

#[tokio::test]
async fn what_waits_leaves_as_one_flight_of_its_tenant() {
    let test = filled().await;
    let database = test.database();
    let held_up = HeldUp::start(&test).await;
    let of = |tenant: &'static str| {
        let database = &database;
        (1..=50).map(move |number| async move {
            look(database, tenant, &format!("r{number}")).await.unwrap()
        })
    };
    let (north, south) = (asked(of("north")).await, asked(of("south")).await);
    held_up.release().await;
    let mut flights = BTreeSet::new();
    for (tenant, answers) in [("north", north.await), ("south", south.await)] {
        let mut own_flights = BTreeSet::new();
        for (rows, number) in answers.iter().zip(1..) {
            assert_eq!(names(rows), own(tenant, &format!("r{number}")));
            own_flights.insert(rows[0].get::<_, String>(2));
        }
        assert_eq!(own_flights.len(), 1);
        flights.extend(own_flights);
    }
    assert_eq!(flights.len(), 2);
}

#[tokio::test]
async fn one_that_fails_fails_nobody_else() {
    let test = filled().await;
    let database = &test.database();
    let held_up = HeldUp::start(&test).await;
    let divisions = asked([0, 1, 2, 0, 3].map(|by| divide(database, by))).await;
    let looks = ["r1", "r2", "none"].map(|id| look(database, "north", id));
    let looks = asked(looks).await;
    held_up.release().await;
    let by_zero = || {
        Err(DatabaseError::Rejected {
            sqlstate: "22012".into(),
        })
    };
    let results = divisions.await;
    assert_eq!(results, [by_zero(), Ok(12), Ok(6), by_zero(), Ok(4)]);
    let found = looks.await.into_iter().map(|rows| names(&rows.unwrap()));
    let wanted = [own("north", "r1"), own("north", "r2"), vec![]];
    assert_eq!(found.collect::<Vec<_>>(), wanted);
    // By itself as well, and the lane goes on.
    assert_eq!(divide(database, 0).await, by_zero());
    assert_eq!(divide(database, 4).await, Ok(3));
}

#[tokio::test]
async fn a_statement_that_does_not_prepare_fails_nobody_else() {
    const UNKNOWN: PointQuery = PointQuery {
        sql: "SELECT k.n FROM nothing, unnest($2::text[]) WITH ORDINALITY AS k(id, n)",
        key: &[KeyPart::Text],
    };
    let test = filled().await;
    let database = &test.database();
    let held_up = HeldUp::start(&test).await;
    let place = scope("north", 1);
    let unknown = database.point_read(&place, &UNKNOWN, vec!["a".into()]);
    let unknown = asked([unknown]).await;
    let looks = asked([look(database, "north", "r1")]).await;
    held_up.release().await;
    let refused = unknown.await.remove(0).err();
    assert_eq!(
        refused,
        Some(DatabaseError::Rejected {
            sqlstate: "42P01".into()
        })
    );
    assert_eq!(names(looks.await[0].as_ref().unwrap()), own("north", "r1"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_session_costs_nobody_an_answer() {
    let test = filled().await;
    let database = &test.database();
    let held_up = HeldUp::start(&test).await;
    let looks = (1..=20).map(|number| async move {
        let rows = look(database, "south", &format!("r{number}")).await;
        names(&rows.unwrap())
    });
    let looks = asked(looks).await;
    held_up.kill().await;
    // Whoever waited in the lanes waits alone now; whoever waited for a lane has one.
    for (found, number) in looks.await.iter().zip(1..) {
        assert_eq!(*found, own("south", &format!("r{number}")));
    }
    held_up.until_waiting(LANES).await;
    held_up.release().await;
    let found = look(database, "north", "r7").await;
    assert_eq!(names(&found.unwrap()), own("north", "r7"));
}

#[tokio::test]
async fn an_asker_that_has_gone_is_not_looked_up() {
    let test = filled().await;
    let database = &test.database();
    let held_up = HeldUp::start(&test).await;
    // It would hold up the flight of the other, for nobody gives that lock back.
    let gone = asked([locked(database, "north", OTHER_LOCK)]).await;
    let looks = asked([look(database, "north", "r1")]).await;
    drop(gone);
    let locks = held_up.release().await;
    assert_eq!(names(looks.await[0].as_ref().unwrap()), own("north", "r1"));
    drop(locks);
}

#[tokio::test]
async fn more_than_may_wait_are_refused() {
    let test = filled().await;
    let database = &test.database();
    let held_up = HeldUp::start(&test).await;
    let all = asked((0..WAITING_MAX).map(|_| look(database, "north", "r1"))).await;
    let refused = look(database, "south", "r1").await.err();
    assert_eq!(
        refused,
        Some(DatabaseError::Overloaded { limit: WAITING_MAX })
    );
    held_up.release().await;
    for rows in all.await {
        assert_eq!(names(&rows.unwrap()), own("north", "r1"));
    }
    assert_eq!(look(database, "south", "r1").await.unwrap().len(), 1);
}

#[tokio::test]
async fn lanes_end_with_their_pool_and_the_next_has_its_own() {
    let mut test = filled().await;
    let database = &test.database();
    assert_eq!(look(database, "north", "r1").await.unwrap().len(), 1);
    let held_up = HeldUp::start(&test).await;
    let waiting = asked([look(database, "north", "r2")]).await;
    test.lose_pool();
    let told = waiting.await.remove(0).err();
    assert_eq!(told, Some(DatabaseError::Unavailable));
    for told in held_up.lanes.join_all().await {
        assert_eq!(told, Err(DatabaseError::Unavailable));
    }
    let refused = look(database, "north", "r1").await.err();
    assert_eq!(refused, Some(DatabaseError::Unavailable));
    let live = live_pool(&test.config()).unwrap();
    database.publish(&live);
    let found = look(database, "north", "r2").await;
    assert_eq!(names(&found.unwrap()), own("north", "r2"));
    drop(live);
}

#[tokio::test]
async fn what_was_written_before_is_read() {
    let test = filled().await;
    let database = test.database();
    for version in 1_001_i64..1_021 {
        let transaction = database.begin(&scope("north", 1)).await.unwrap();
        let change = "UPDATE fhir_resource SET version = $1 WHERE id = 'r1'";
        transaction.execute(change, &[&version]).await.unwrap();
        transaction.commit().await.unwrap();
        let key = vec!["r1".into(), version.into()];
        let rows = database.point_read(&scope("north", 2), &UNBOUND, key).await;
        assert_eq!(rows.unwrap().len(), 1);
    }
}

#[tokio::test]
async fn a_key_of_another_shape_asks_nobody() {
    let refused = Database::new()
        .point_read(&scope("north", 1), &LOOK, vec![Value::Long(None)])
        .await;
    assert_eq!(refused.err(), Some(DatabaseError::Mismatch));
}

#[tokio::test]
async fn nothing_in_the_schema_asks_who_reads_or_why() {
    let test = TestDatabase::create().await;
    let owner = test.session(Login::Owner).await;
    let all = "SELECT 'policy ' || policyname, coalesce(qual, '') || coalesce(with_check, '') \
         FROM pg_policies \
         UNION ALL SELECT 'function ' || proname, prosrc FROM pg_proc \
         WHERE pronamespace IN ('plantao'::regnamespace, 'plantao_keys'::regnamespace) \
         UNION ALL SELECT 'view ' || viewname, definition FROM pg_views \
         WHERE schemaname IN ('plantao', 'plantao_keys')";
    let rows = owner.query(all, &[]).await.unwrap();
    let (mut asking, mut of_tenant) = (Vec::new(), 0);
    for row in &rows {
        let (name, text): (String, String) = (row.get(0), row.get(1));
        if text.contains("plantao.principal") || text.contains("plantao.purpose") {
            asking.push(name);
        }
        of_tenant += usize::from(text.contains("plantao.tenant"));
    }
    assert!(of_tenant > 10, "{of_tenant} of {} ask for it", rows.len());
    assert!(asking.is_empty(), "{asking:?}");
}
