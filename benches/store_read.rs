//! Point reads a second through the `Database` handle, beside `pgbench -S`.
//!
//! The peer is PostgreSQL's own client in C on the same private cluster: as many clients, prepared
//! statements, one SELECT by primary key and nothing else. The handle declares the scope first and
//! reads in a transaction of its own, for it refuses a statement without one. By turns, in short
//! rounds:
//!
//! - reads by key as the stores make them, `Database::point_read`: one at a time for each client,
//!   and as many at once as a busy hospital has; what waits together leaves as one flight;
//! - the handle, each statement in a transaction of its own, and the driver alone, which says what
//!   scope and transaction cost.
//!
//! Both on pgbench's own table and on one of the same shape under row-level security.
//!
//! `--short` is a smoke check.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout
)]
#![allow(clippy::indexing_slicing, dead_code)]

#[path = "../tests/hospital/client.rs"]
mod client;
#[path = "../tests/hospital/hospital.rs"]
mod hospital;
mod support;

use hospital::Hospital;
use plantao_actors::database::pool_child;
use plantao_actors::database::{Database, DatabaseConfig, KeyPart, Login, PointQuery, Scope};
use plantao_schema::id::Tenant;
use plantao_supervisors::{Intensity, Strategy, SupervisorSpec, Tree};
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};
use support::{Taken, middle, taking};
use tokio::task::JoinSet;
use tokio_postgres::NoTls;

const PGBENCH: &str = "/usr/lib/postgresql/15/bin/pgbench";
/// As many as the handle's pool has connections.
const CLIENTS: usize = 20;
/// Reads under way at once, where many are.
const IN_FLIGHT: usize = 128;
/// pgbench's scale 1.
const ROWS: i32 = 100_000;
const BARE: &str = "SELECT abalance FROM public.pgbench_accounts WHERE aid = $1";
const SECURED: &str =
    "SELECT abalance FROM public.bench_accounts WHERE tenant = 'demo' AND aid = $1";
const BARE_POINT: PointQuery = PointQuery {
    sql: "SELECT a.abalance, k.n FROM unnest($2::integer[]) WITH ORDINALITY AS k(aid, n) \
        CROSS JOIN LATERAL (SELECT abalance FROM public.pgbench_accounts p \
            WHERE p.aid = k.aid LIMIT 1) a WHERE $1::text <> ''",
    key: &[KeyPart::Integer],
};
const SECURED_POINT: PointQuery = PointQuery {
    sql: "SELECT a.abalance, k.n FROM unnest($2::integer[]) WITH ORDINALITY AS k(aid, n) \
        CROSS JOIN LATERAL (SELECT abalance FROM public.bench_accounts p \
            WHERE p.tenant = $1 AND p.aid = k.aid LIMIT 1) a",
    key: &[KeyPart::Integer],
};
const TABLES: &str = "
    GRANT SELECT ON public.pgbench_accounts TO plantao_app;
    CREATE TABLE public.bench_accounts AS SELECT 'demo'::text AS tenant, * FROM pgbench_accounts;
    ALTER TABLE public.bench_accounts ADD PRIMARY KEY (tenant, aid);
    ALTER TABLE public.bench_accounts ENABLE ROW LEVEL SECURITY;
    ALTER TABLE public.bench_accounts FORCE ROW LEVEL SECURITY;
    CREATE POLICY of_tenant ON public.bench_accounts TO plantao_app
        USING (tenant = current_setting('plantao.tenant', true));
    GRANT SELECT ON public.bench_accounts TO plantao_app;
    ANALYZE public.bench_accounts;";

fn main() {
    if !support::is_there(PGBENCH) {
        println!("pgbench is not installed: `make bench` installs PostgreSQL 15");
        return;
    }
    tokio::runtime::Runtime::new().unwrap().block_on(compare());
}

async fn compare() {
    let (rounds, lasts) = if support::is_short() {
        (1, Duration::from_secs(1))
    } else {
        (7, Duration::from_secs(2))
    };
    let hospital = Hospital::start().await;
    let peer = Peer::prepare(&hospital).await;
    let config = DatabaseConfig::embedded(&hospital.state);
    let database = Database::new();
    let intensity = Intensity::new(3, Duration::from_secs(5));
    let spec = SupervisorSpec::new(Strategy::OneForOne, intensity)
        .child(pool_child(config.clone(), database.clone()));
    let tree = Tree::start("bench", spec).await.unwrap();
    let postmaster = hospital.postmaster();
    let mut figures: [Vec<Taken>; LINES.len()] = Default::default();
    for _ in 0..rounds {
        let (handle_bare, handle_secured) = (
            handle(&database, BARE, lasts),
            handle(&database, SECURED, lasts),
        );
        let point = |query, clients| point(&database, query, clients, lasts);
        let round = [
            peer.read(postmaster, lasts).await,
            taking(postmaster, driver(&config, lasts)).await,
            taking(postmaster, handle_bare).await,
            taking(postmaster, handle_secured).await,
            taking(postmaster, point(&BARE_POINT, CLIENTS)).await,
            taking(postmaster, point(&SECURED_POINT, CLIENTS)).await,
            taking(postmaster, point(&BARE_POINT, IN_FLIGHT)).await,
            taking(postmaster, point(&SECURED_POINT, IN_FLIGHT)).await,
        ];
        for (line, taken) in figures.iter_mut().zip(round) {
            line.push(taken);
        }
    }
    println!("point reads, {CLIENTS} clients, median of {rounds} rounds of {lasts:?}");
    print(&figures);
    tree.shutdown().await;
    hospital.finish().await;
}

/// What a round measures, in its order.
const LINES: [&str; 8] = [
    "pgbench -S",
    "driver alone",
    "handle",
    "handle, row-level security",
    "point read",
    "point read, row-level security",
    "point read, 128 in flight",
    "the same, row-level security",
];

fn print(figures: &[Vec<Taken>; LINES.len()]) {
    let ratio = |over: &[Taken], under: &[Taken]| {
        let ratios = over.iter().zip(under).map(|(o, u)| o.rate / u.rate);
        support::median(&ratios.collect::<Vec<_>>())
    };
    let [peer, driver, handle, _, point, secured, many, many_secured] = figures;
    for (name, rounds) in LINES.iter().zip(figures) {
        let taken = middle(rounds);
        println!(
            "  {name:<30} {:>7.0}/s  {:.2}x of pgbench -S  {:.1} us of the client, {:.1} us of \
             PostgreSQL",
            taken.rate,
            ratio(rounds, peer),
            taken.client_us,
            taken.server_us
        );
    }
    println!(
        "  scope and transaction keep {:.2} of the driver's rate",
        ratio(handle, driver)
    );
    for (what, over, under, target) in [
        ("point reads of pgbench -S", point, peer, 0.95),
        ("128 in flight of pgbench -S", many, peer, 2.5),
        ("row-level security keeps", secured, point, 0.80),
        ("128 in flight, it keeps", many_secured, many, 0.80),
    ] {
        let ratio = ratio(over, under);
        let verdict = if ratio >= target { "reached" } else { "missed" };
        println!("  {what}: {ratio:.2}; target {target}: {verdict}");
    }
}

/// Somewhere in the table, another place each time.
fn place(client: usize, number: usize) -> i32 {
    let spread = (client * 7_919 + number) as u32;
    1 + (spread.wrapping_mul(2_654_435_761) % ROWS as u32) as i32
}

/// Every client reads until the time is over; how many reads that came to.
async fn until<F>(lasts: Duration, clients: usize, read: impl Fn(usize, Instant) -> F) -> usize
where
    F: Future<Output = usize> + Send + 'static,
{
    let end = Instant::now() + lasts;
    let mut tasks = JoinSet::new();
    for client in 0..clients {
        tasks.spawn(read(client, end));
    }
    tasks.join_all().await.into_iter().sum()
}

fn scope() -> Scope {
    Scope::system(Tenant::parse("demo").unwrap())
}

async fn handle(database: &Database, sql: &'static str, lasts: Duration) -> usize {
    let read = |client, end| {
        let (database, scope) = (database.clone(), scope());
        async move {
            let mut count = 0;
            while Instant::now() < end {
                let rows = database.read(&scope, sql, &[&place(client, count)]).await;
                assert_eq!(rows.unwrap().len(), 1);
                count += 1;
            }
            count
        }
    };
    until(lasts, CLIENTS, read).await
}

async fn point(
    database: &Database,
    query: &'static PointQuery,
    clients: usize,
    lasts: Duration,
) -> usize {
    let read = |client, end| {
        let (database, scope) = (database.clone(), scope());
        async move {
            let mut count = 0;
            while Instant::now() < end {
                let key = vec![place(client, count).into()];
                let rows = database.point_read(&scope, query, key).await.unwrap();
                assert_eq!(rows.len(), 1);
                count += 1;
            }
            count
        }
    };
    until(lasts, clients, read).await
}

/// The driver on connections of its own: no pool, no scope, no transaction.
async fn driver(config: &DatabaseConfig, lasts: Duration) -> usize {
    let config = Arc::new(config.connection(Login::Application).unwrap());
    let read = |client, end| {
        let config = Arc::clone(&config);
        async move {
            let (session, connection) = config.connect(NoTls).await.unwrap();
            let driver = tokio::spawn(connection);
            let statement = session.prepare(BARE).await.unwrap();
            let mut count = 0;
            while Instant::now() < end {
                let rows = session.query(&statement, &[&place(client, count)]).await;
                assert_eq!(rows.unwrap().len(), 1);
                count += 1;
            }
            drop(session);
            driver.await.unwrap().unwrap();
            count
        }
    };
    until(lasts, CLIENTS, read).await
}

struct Peer {
    socket: PathBuf,
    user: String,
    database: String,
}

impl Peer {
    async fn prepare(hospital: &Hospital) -> Self {
        let config = DatabaseConfig::embedded(&hospital.state);
        let config = config.connection(Login::Owner).unwrap();
        let socket = match config.get_hosts() {
            [tokio_postgres::config::Host::Unix(path), ..] => path.clone(),
            other => panic!("not a socket: {other:?}"),
        };
        let peer = Self {
            socket,
            user: config.get_user().unwrap().to_owned(),
            database: config.get_dbname().unwrap().to_owned(),
        };
        peer.run(&["-i", "-q", "-s", "1"]).await;
        for statement in TABLES.split(';') {
            hospital
                .as_superuser(&format!("SET search_path = public; {statement}"))
                .await;
        }
        peer
    }

    /// Its reads, by its own count.
    async fn read(&self, postmaster: u32, lasts: Duration) -> Taken {
        let seconds = lasts.as_secs().to_string();
        let clients = CLIENTS.to_string();
        let arguments = [
            "-n", "-S", "-M", "prepared", "-j", "2", "-c", &clients, "-T", &seconds,
        ];
        let mut rate = f64::NAN;
        let counted = async {
            let said = self.run(&arguments).await;
            let found = said.lines().find_map(|line| line.strip_prefix("tps = "));
            let found = found.and_then(|rest| rest.split(' ').next()?.parse().ok());
            rate = found.unwrap_or_else(|| panic!("{said}"));
            (rate * lasts.as_secs_f64()) as usize
        };
        let taken = taking(postmaster, counted).await;
        // Its start and its connections are not counted, nor its processor time, which is its own.
        Taken {
            rate,
            client_us: f64::NAN,
            ..taken
        }
    }

    async fn run(&self, arguments: &[&str]) -> String {
        let mut command = Command::new(PGBENCH);
        command.args(arguments).arg("-h").arg(&self.socket);
        command.args(["-U", &self.user]).arg(&self.database);
        command.env("PGOPTIONS", "-c search_path=public");
        let output = tokio::task::spawn_blocking(move || command.output().unwrap());
        let output = output.await.unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{said}{error}");
        said
    }
}
