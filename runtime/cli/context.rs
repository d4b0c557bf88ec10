//! What a command works with: the configuration, the state directory, and in whose name.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};

use super::arguments::Global;
use super::client::Client;
use super::error::CliError;
use crate::config::{Config, Flags};
use crate::identity::client_config;
use crate::state_dir::StatePaths;

/// Read once, before the command.
pub(super) struct Context {
    pub(super) config: Config,
    pub(super) flags: Flags,
    principal: Option<String>,
    token: Option<PathBuf>,
}

impl Context {
    pub(super) fn load(global: &Global) -> Result<Self, CliError> {
        let flags = flags(global);
        let config = Config::load(&flags)?;
        let (principal, token) = (global.principal.clone(), global.token.clone());
        Ok(Self {
            config,
            flags,
            principal,
            token,
        })
    }

    /// The state directory of a node that has run.
    pub(super) fn state(&self) -> Result<StatePaths, CliError> {
        Ok(StatePaths::find(&self.config.state_dir)?)
    }

    /// The front door, in the name of whoever the flags say, else of the demonstration's `usual`.
    pub(super) fn front_door(&self, usual: &str) -> Result<Client, CliError> {
        let state = self.state()?;
        let token = self.bearer(&state, usual)?;
        let tls = client_config(&state.ca_certificate())?;
        Ok(Client::front_door(self.door(), tls, &token))
    }

    /// Where this machine reaches the front door.
    pub(super) fn door(&self) -> SocketAddr {
        reachable(self.config.front_door.listen)
    }

    /// The read-only admin listener.
    pub(super) fn admin(&self) -> Client {
        Client::admin(reachable(self.config.admin.listen))
    }

    /// The private admin socket.
    pub(super) fn socket(&self) -> Result<Client, CliError> {
        Ok(Client::socket(self.state()?.admin_socket()))
    }

    fn bearer(&self, state: &StatePaths, usual: &str) -> Result<String, CliError> {
        if let Some(path) = &self.token {
            return read_token(path);
        }
        let name = self.principal.as_deref().unwrap_or(usual);
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        if name.is_empty() || !name.chars().all(plain) {
            let text = "--as takes the name of a demonstration principal, such as `medica`".into();
            return Err(CliError::Usage { text });
        }
        let path = state.demo_token(name);
        if !path.exists() {
            return Err(CliError::Usage {
                text: no_such_principal(state, name),
            });
        }
        read_token(&path)
    }
}

/// The layer of flags, from what every command takes.
pub(super) fn flags(global: &Global) -> Flags {
    Flags {
        config: global.config.clone(),
        state_dir: global.state_dir.clone(),
        demo: false,
        set: global.set.clone(),
    }
}

fn read_token(path: &Path) -> Result<String, CliError> {
    let text = std::fs::read_to_string(path).map_err(|error| CliError::Input {
        path: path.into(),
        reason: error.to_string(),
    })?;
    Ok(text.trim().to_owned())
}

fn no_such_principal(state: &StatePaths, name: &str) -> String {
    let mut names: Vec<String> = std::fs::read_dir(state.demo())
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            name.strip_suffix(".jwt").map(str::to_owned)
        })
        .collect();
    names.sort();
    if names.is_empty() {
        return "this node has no demonstration principals (`plantao run --demo` makes them); \
                make a token with `plantao token` and name it with --token"
            .into();
    }
    format!(
        "no demonstration principal is called `{name}`; there are {}",
        names.join(", ")
    )
}

/// A listener on every address is reached on this machine's own.
fn reachable(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    SocketAddr::new(ip, listen.port())
}
