//! A database that does not die but does not answer: stopped, stuck, or behind half-open
//! connections.

use crate::client::Client;
use crate::crashes::{observation, patient};
use crate::hospital::{Hospital, pause, signal};
use crate::server::{Server, children, is_alive};
use crate::writers::{Writers, nothing_is_lost};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

const PATIENCE: Duration = Duration::from_secs(90);

/// The server and everything that it started.
fn whole(postmaster: u32) -> Vec<u32> {
    let mut all = vec![postmaster];
    all.extend(children(postmaster));
    all
}

/// Waits until a read that needs the database is answered with this status; what comes before must
/// be a refusal that says when to come again.
async fn until_read(client: &Client, wanted: u16) {
    let end = Instant::now() + PATIENCE;
    for attempt in 0.. {
        // Nobody has read it before: no session answers from memory.
        let path = format!("/fhir/Observation/absent-{wanted}-{attempt}");
        let reply = client.get(&path).await.unwrap();
        if reply.status == 503 {
            assert!(!reply.header("retry-after").is_empty(), "{}", reply.text());
        }
        if reply.status == wanted {
            return;
        }
        assert!([404, 503].contains(&reply.status), "{}", reply.text());
        assert!(Instant::now() < end, "no {wanted}: {}", reply.text());
        pause().await;
    }
}

/// What needs no database goes on.
async fn the_rest_is_up(hospital: &Hospital, client: &Client) {
    assert_eq!(client.get("/healthz").await.unwrap().status, 200);
    let live = hospital.admin_get("/livez").await.unwrap();
    assert_eq!(live.status, 200);
    let ready = hospital.admin_get("/readyz?verbose").await.unwrap();
    assert!(ready.text().contains("[+] policy: up"), "{}", ready.text());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stopped_postgres_costs_refusals_and_serves_again_when_it_continues() {
    let hospital = Hospital::start().await;
    let client = hospital.as_principal("medica").await;
    let writers = Writers::start(&hospital).await;
    writers.until_more(50).await;
    let (pid, postmaster) = (hospital.pid(), hospital.postmaster());
    let stopped = whole(postmaster);
    for pid in &stopped {
        signal(*pid, "STOP");
    }
    until_read(&client, 503).await;
    the_rest_is_up(&hospital, &client).await;
    writers.until_refused(3).await;
    for pid in &stopped {
        signal(*pid, "CONT");
    }
    until_read(&client, 404).await;
    writers.until_more(50).await;
    let acknowledged = writers.end().await;
    assert_eq!(hospital.postmaster(), postmaster, "it was only waited for");
    assert_eq!(hospital.pid(), pid);
    nothing_is_lost(&hospital, &acknowledged).await;
    hospital.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_postgres_that_stays_stopped_is_replaced() {
    let hospital = Hospital::start_with(&["database.stall_limit_ms=3000"]).await;
    let client = hospital.as_principal("medica").await;
    let writers = Writers::start(&hospital).await;
    writers.until_more(50).await;
    let (pid, postmaster) = (hospital.pid(), hospital.postmaster());
    let stopped = whole(postmaster);
    for pid in &stopped {
        signal(*pid, "STOP");
    }
    until_read(&client, 503).await;
    until_read(&client, 404).await;
    writers.until_more(50).await;
    let acknowledged = writers.end().await;
    assert_ne!(hospital.postmaster(), postmaster);
    assert_eq!(hospital.pid(), pid);
    for pid in stopped {
        assert!(!is_alive(pid), "{pid} was left stopped on the same data");
    }
    nothing_is_lost(&hospital, &acknowledged).await;
    hospital.finish().await;
}

/// A way to a server that can go silent: connections stay open, and nothing comes through.
struct Wire {
    port: u16,
    silent: watch::Sender<bool>,
}

impl Wire {
    async fn to(server: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let silent = watch::Sender::new(false);
        let heard = Arc::new(silent.subscribe());
        tokio::spawn(async move {
            loop {
                let (near, _) = listener.accept().await.unwrap();
                tokio::spawn(carry(near, server, heard.as_ref().clone()));
            }
        });
        Self { port, silent }
    }
}

/// Carries bytes until it is silent, and holds on to its near end for ever then. The server's end
/// is closed, as the server's own keepalives would.
async fn carry(mut near: TcpStream, server: u16, mut silent: watch::Receiver<bool>) {
    {
        let carrying = async {
            let mut far = TcpStream::connect(("127.0.0.1", server)).await.unwrap();
            let _ended = copy_bidirectional(&mut near, &mut far).await;
        };
        tokio::select! {
            biased;
            _ = silent.wait_for(|silent| *silent) => {}
            () = carrying => return,
        }
    }
    std::future::pending::<()>().await;
    drop(near);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn half_open_connections_are_given_up_and_never_come_back() {
    let server = Server::start();
    let wire = Wire::to(server.port).await;
    let url = format!("postgresql://hospital@127.0.0.1:{}/records", wire.port);
    let settings = [
        format!("database.url={url}"),
        format!("database.owner_url={url}"),
    ];
    let hospital = Hospital::start_with(&[&settings[0], &settings[1]]).await;
    let client = hospital.as_principal("medica").await;
    let writers = Writers::start(&hospital).await;
    writers.until_more(50).await;
    let pid = hospital.pid();
    wire.silent.send_replace(true);
    until_read(&client, 503).await;
    the_rest_is_up(&hospital, &client).await;
    writers.until_refused(3).await;
    // New ones get through; the old ones stay open and silent for as long as anybody holds them.
    wire.silent.send_replace(false);
    until_read(&client, 404).await;
    writers.until_more(50).await;
    let acknowledged = writers.end().await;
    assert_eq!(hospital.pid(), pid);
    nothing_is_lost(&hospital, &acknowledged).await;
    let stored = client.put_json("/fhir/Patient/p-0", &patient(0)).await;
    assert_eq!(stored.unwrap().status, 200);
    let stored = client
        .put_json("/fhir/Observation/last", &{
            let mut last = observation(0);
            last["id"] = "last".into();
            last
        })
        .await;
    assert_eq!(stored.unwrap().status, 201);
    hospital.finish().await;
}
