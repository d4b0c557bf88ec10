//! Point reads a second through the `Database` handle, beside `pgbench -S`.
//!
//! The peer is PostgreSQL's own client in C on the same private cluster: as many clients, prepared
//! statements, one SELECT by primary key and nothing else. The handle declares the scope first and
//! reads in a transaction of its own, for it refuses a statement without one. By turns, in short
//! rounds:
//!
//! - the handle on pgbench's own table, and on one of the same shape under row-level security;
//! - the same pipelined: several statements of one transaction in one flight;
//! - the driver alone, which says what scope and transaction cost.
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

use futures_util::future::try_join_all;
use hospital::Hospital;
use plantao_actors::database::{Database, DatabaseConfig, Login, Scope, pool_child};
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
/// Pipelined: transactions at once, and statements in each flight.
const FLIGHTS: usize = 4;
const IN_FLIGHT: usize = 32;
/// pgbench's scale 1.
const ROWS: i32 = 100_000;
const BARE: &str = "SELECT abalance FROM public.pgbench_accounts WHERE aid = $1";
const SECURED: &str =
    "SELECT abalance FROM public.bench_accounts WHERE tenant = 'demo' AND aid = $1";
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
    let names = [
        "pgbench -S",
        "driver alone",
        "handle",
        "handle, row-level security",
        "pipelined",
        "pipelined, row-level security",
    ];
    let mut figures: [Vec<Taken>; 6] = Default::default();
    for _ in 0..rounds {
        figures[0].push(peer.read(postmaster, lasts).await);
        figures[1].push(taking(postmaster, driver(&config, lasts)).await);
        figures[2].push(taking(postmaster, handle(&database, BARE, lasts)).await);
        figures[3].push(taking(postmaster, handle(&database, SECURED, lasts)).await);
        figures[4].push(taking(postmaster, pipelined(&database, BARE, lasts)).await);
        figures[5].push(taking(postmaster, pipelined(&database, SECURED, lasts)).await);
    }
    println!("point reads, {CLIENTS} clients, median of {rounds} rounds of {lasts:?}");
    let ratio = |over: &[Taken], under: &[Taken]| {
        let ratios = over.iter().zip(under).map(|(o, u)| o.rate / u.rate);
        support::median(&ratios.collect::<Vec<_>>())
    };
    for (name, rounds) in names.iter().zip(&figures) {
        let taken = middle(rounds);
        println!(
            "  {name:<30} {:>7.0}/s  {:.2}x of pgbench -S  {:.1} us of the client, {:.1} us of \
             PostgreSQL",
            taken.rate,
            ratio(rounds, &figures[0]),
            taken.client_us,
            taken.server_us
        );
    }
    println!(
        "  row-level security keeps {:.2} of the handle's rate; scope and transaction keep {:.2} \
         of the driver's",
        ratio(&figures[3], &figures[2]),
        ratio(&figures[2], &figures[1])
    );
    tree.shutdown().await;
    hospital.finish().await;
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

async fn pipelined(database: &Database, sql: &'static str, lasts: Duration) -> usize {
    let read = |client, end| {
        let (database, scope) = (database.clone(), scope());
        async move {
            let mut count = 0;
            while Instant::now() < end {
                let transaction = database.begin(&scope).await.unwrap();
                let places: Vec<i32> = (0..IN_FLIGHT).map(|n| place(client, count + n)).collect();
                let params: Vec<[&(dyn plantao_actors::database::ToSql + Sync); 1]> =
                    places.iter().map(|place| [place as _]).collect();
                let all = params.iter().map(|params| transaction.query(sql, params));
                assert_eq!(try_join_all(all).await.unwrap().len(), IN_FLIGHT);
                transaction.commit().await.unwrap();
                count += IN_FLIGHT;
            }
            count
        }
    };
    until(lasts, FLIGHTS, read).await
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
