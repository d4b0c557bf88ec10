//! Requests on a trivial route per server processor second: the front door, bare hyper, nginx.
//!
//! All three serve the same three bytes over TLS 1.3 with the same certificate, to the same load,
//! one after the other. Bare hyper is this program run again as a server: hyper and rustls with no
//! parsing of routes, limits, metrics or drain. Ratios above 1 mean that the front door is cheaper.

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

use bytes::Bytes;
use http_body_util::Full;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use support::{Load, children, cpu_seconds, start, until_listening, wrk};

const NGINX: &str = "/usr/sbin/nginx";
const ROUNDS: usize = 3;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if let [_, flag, address, chain, key] = arguments.as_slice()
        && flag == "--serve"
    {
        return serve(address.parse().unwrap(), chain, key);
    }
    tokio::runtime::Runtime::new().unwrap().block_on(compare());
}

async fn compare() {
    let hospital = hospital::Hospital::start().await;
    let chain = hospital.state.join("tls/server.pem");
    let key = hospital.state.join("tls/server-key.pem");

    let bare = hospital::free_address();
    let mut hyper = start(
        Command::new(std::env::current_exe().unwrap())
            .args(["--serve", &bare.to_string()])
            .args([&chain, &key]),
    );
    until_listening(bare);
    let nginx = support::is_there(NGINX).then(|| nginx(&chain, &key));

    println!("GET of 3 bytes over TLS 1.3, HTTP/1.1 kept alive, 32 connections, best of {ROUNDS}");
    let door = best(hospital.door, "/healthz", &[hospital.pid()]);
    let peer = best(bare, "/", &[hyper.id()]);
    report("front door", &door, None);
    report("bare hyper + rustls", &peer, Some(door.0));
    if let Some((mut process, address, _directory)) = nginx {
        let mut pids = children(process.id());
        pids.push(process.id());
        let peer = best(address, "/", &pids);
        report("nginx (Debian)", &peer, Some(door.0));
        hospital::signal(process.id(), "QUIT");
        process.wait().unwrap();
    } else {
        println!("nginx is not installed: `make bench` installs it");
    }
    hyper.kill().unwrap();
    hyper.wait().unwrap();
    hospital.finish().await;
}

/// Requests per processor second of the server, and the load it was seen under.
fn best(address: SocketAddr, path: &str, pids: &[u32]) -> (f64, Load) {
    let used = || pids.iter().map(|pid| cpu_seconds(*pid)).sum::<f64>();
    let rounds = (0..ROUNDS).map(|_| {
        let before = used();
        let load = wrk(address, path, &[]);
        (load.answered / (used() - before), load)
    });
    rounds
        .max_by(|one, other| one.0.total_cmp(&other.0))
        .unwrap()
}

fn report(name: &str, (rate, load): &(f64, Load), door: Option<f64>) {
    let ratio = door.map_or(String::new(), |door| {
        format!("  front door is {:.2}x", door / rate)
    });
    println!(
        "  {name:<22} {rate:>9.0} requests per CPU s  ({:.0}/s, p50 {:.2} ms, p99 {:.2} ms){ratio}",
        load.answered / load.seconds,
        load.p50_ms,
        load.p99_ms,
    );
}

fn nginx(chain: &Path, key: &Path) -> (std::process::Child, SocketAddr, tempfile::TempDir) {
    let directory = tempfile::tempdir().unwrap();
    let address = hospital::free_address();
    let root = directory.path().display();
    let configuration = format!(
        "daemon off; worker_processes 2; pid {root}/pid; error_log {root}/error.log;\n\
         events {{ worker_connections 1024; }}\n\
         http {{ access_log off; keepalive_requests 1000000000; default_type text/plain;\n\
         client_body_temp_path {root}/a; proxy_temp_path {root}/b; fastcgi_temp_path {root}/c;\n\
         uwsgi_temp_path {root}/d; scgi_temp_path {root}/e;\n\
         server {{ listen {address} ssl; ssl_protocols TLSv1.3;\n\
         ssl_certificate {}; ssl_certificate_key {};\n\
         location / {{ return 200 \"ok\\n\"; }} }} }}\n",
        chain.display(),
        key.display(),
    );
    let file = directory.path().join("nginx.conf");
    std::fs::write(&file, configuration).unwrap();
    let process = start(Command::new(NGINX).arg("-c").arg(&file));
    until_listening(address);
    (process, address, directory)
}

fn serve(address: SocketAddr, chain: &str, key: &str) {
    let chain: Vec<_> = CertificateDer::pem_file_iter(chain)
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap();
    let key = PrivateKeyDer::from_pem_file(key).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    tokio::runtime::Runtime::new()
        .unwrap()
        .block_on(async move {
            let listener = tokio::net::TcpListener::bind(address).await.unwrap();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                stream.set_nodelay(true).unwrap();
                let acceptor = acceptor.clone();
                tokio::spawn(async move {
                    let Ok(stream) = acceptor.accept(stream).await else {
                        return;
                    };
                    let service = service_fn(|_request| async {
                        Ok::<_, Infallible>(http::Response::new(Full::new(Bytes::from_static(
                            b"ok\n",
                        ))))
                    });
                    let _ended = http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), service)
                        .await;
                });
            }
        });
}
