//! Finding the server that takes writes, among the hosts that a URL names.
//!
//! The driver tries the hosts of one configuration under one deadline, so that a host which takes a
//! connection and never answers (a stopped server, a machine that vanished) hides all those behind
//! it. Here each host has its share of the deadline, and the one that answered last is asked first.
//! Refuses none: whether a server takes writes is asked of it by the driver, at every connection.

use super::CONNECT_DEADLINE;
use super::tls::{Connection, Tls};
use deadpool_postgres::Connect;
use futures_util::future::BoxFuture;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_postgres::{Client, Config, Error, NoTls};

/// The hosts of a URL, each as a configuration of its own; which of them answered last.
#[derive(Clone)]
pub(super) struct Hosts {
    configs: Arc<Vec<Config>>,
    tls: Option<Tls>,
    last: Arc<AtomicUsize>,
}

impl Hosts {
    pub(super) fn of(config: &Connection) -> Self {
        let configs = (0..hosts_in(config)).map(|index| one_of(config, index));
        Self {
            configs: Arc::new(configs.collect()),
            tls: config.tls().cloned(),
            last: Arc::default(),
        }
    }

    /// Connects to the first host that answers and is what the configuration asks for.
    pub(super) async fn connect(&self) -> Result<(Client, JoinHandle<()>), Error> {
        let count = self.configs.len();
        let share = CONNECT_DEADLINE / u32::try_from(count.max(1)).unwrap_or(u32::MAX);
        let first = self.last.load(Ordering::Relaxed);
        let mut error = None;
        for step in 0..count {
            let index = (first + step) % count;
            let Some(config) = self.configs.get(index) else {
                break;
            };
            let is_last = step + 1 == count;
            let attempt = self.dial(config);
            let connected = if is_last && error.is_none() {
                // Whoever called has a deadline of its own, and its error is the one that is true.
                attempt.await
            } else {
                match timeout(share, attempt).await {
                    Ok(connected) => connected,
                    Err(_) => continue,
                }
            };
            match connected {
                Ok(connected) => {
                    self.last.store(index, Ordering::Relaxed);
                    return Ok(connected);
                }
                Err(refused) => error = Some(refused),
            }
        }
        match error {
            Some(error) => Err(error),
            // Every host was silent: the caller's deadline says so.
            None => std::future::pending().await,
        }
    }
}

impl Hosts {
    /// One host, in TLS or in clear. How a connection ends is told by the statements that were
    /// waiting on it.
    async fn dial(&self, config: &Config) -> Result<(Client, JoinHandle<()>), Error> {
        match &self.tls {
            None => {
                let (client, connection) = config.connect(NoTls).await?;
                Ok((client, tokio::spawn(async { drop(connection.await) })))
            }
            Some(tls) => {
                let (client, connection) = config.connect(tls.clone()).await?;
                Ok((client, tokio::spawn(async { drop(connection.await) })))
            }
        }
    }
}

impl Connect for Hosts {
    fn connect(&self, _: &Config) -> BoxFuture<'_, Result<(Client, JoinHandle<()>), Error>> {
        Box::pin(self.connect())
    }
}

fn hosts_in(config: &Config) -> usize {
    config.get_hosts().len().max(config.get_hostaddrs().len())
}

/// The same configuration with one of its hosts.
fn one_of(all: &Config, index: usize) -> Config {
    if hosts_in(all) < 2 {
        return all.clone();
    }
    let mut one = Config::new();
    if let Some(host) = all.get_hosts().get(index) {
        match host {
            tokio_postgres::config::Host::Tcp(name) => one.host(name),
            tokio_postgres::config::Host::Unix(path) => one.host_path(path),
        };
    }
    if let Some(address) = all.get_hostaddrs().get(index) {
        one.hostaddr(*address);
    }
    let ports = all.get_ports();
    if let Some(port) = ports.get(index).or_else(|| ports.first()) {
        one.port(*port);
    }
    if let Some(user) = all.get_user() {
        one.user(user);
    }
    if let Some(password) = all.get_password() {
        one.password(password);
    }
    if let Some(name) = all.get_dbname() {
        one.dbname(name);
    }
    if let Some(options) = all.get_options() {
        one.options(options);
    }
    if let Some(name) = all.get_application_name() {
        one.application_name(name);
    }
    if let Some(limit) = all.get_connect_timeout() {
        one.connect_timeout(*limit);
    }
    if let Some(limit) = all.get_tcp_user_timeout() {
        one.tcp_user_timeout(*limit);
    }
    if let Some(pause) = all.get_keepalives_interval() {
        one.keepalives_interval(pause);
    }
    if let Some(retries) = all.get_keepalives_retries() {
        one.keepalives_retries(retries);
    }
    one.keepalives(all.get_keepalives())
        .keepalives_idle(all.get_keepalives_idle())
        .ssl_mode(all.get_ssl_mode())
        .ssl_negotiation(all.get_ssl_negotiation())
        .channel_binding(all.get_channel_binding())
        .target_session_attrs(all.get_target_session_attrs());
    one
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;
    use tokio::net::TcpListener;

    #[test]
    fn each_host_keeps_everything_but_the_other_hosts() {
        let url = "postgres://one:secret@a.example:1,b.example:2/records\
                   ?target_session_attrs=read-write&keepalives_idle=7";
        let all: Config = url.parse().unwrap();
        let hosts = Hosts::of(&all.clone().into());
        let ports: Vec<_> = hosts.configs.iter().map(|one| one.get_ports()).collect();
        assert_eq!(ports, [[1], [2]]);
        for one in hosts.configs.iter() {
            assert_eq!(one.get_user(), Some("one"));
            assert_eq!(one.get_password(), all.get_password());
            assert_eq!(one.get_dbname(), Some("records"));
            assert_eq!(one.get_keepalives_idle(), Duration::from_secs(7));
            assert_eq!(
                one.get_target_session_attrs(),
                all.get_target_session_attrs()
            );
        }
    }

    #[tokio::test]
    async fn a_host_that_takes_connections_and_never_answers_does_not_hide_the_next() {
        let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let refusing = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let ports = [&silent, &refusing].map(|one| one.local_addr().unwrap().port());
        let answers = tokio::spawn(async move {
            // Asked at all is what is tested: it hangs up on whoever connects.
            drop(refusing.accept().await.unwrap());
        });
        let [first, second] = ports;
        let url = format!("postgres://one@127.0.0.1:{first},127.0.0.1:{second}/records");
        let all: Config = url.parse().unwrap();
        let hosts = Hosts::of(&all.into());
        let error = timeout(CONNECT_DEADLINE, hosts.connect()).await.unwrap();
        assert!(error.is_err());
        answers.await.unwrap();
    }
}
