//! Configuration: every setting the runtime reads, and the one way it is put together.
//!
//! Layers, weakest first: the defaults built into the binary (`config/default.toml`), one TOML
//! file (`--config`, else `PLANTAO_CONFIG`, else `plantao.toml` in the state directory when it is
//! there), the environment (`PLANTAO__FRONT_DOOR__LISTEN` sets `front_door.listen`), and flags.
//!
//! A relative path written in a file is relative to that file; one given by the environment or a
//! flag is relative to the working directory. Refused: a key nobody reads (with the nearest one
//! that somebody does), a value of the wrong type or out of bounds. A configuration that is refused
//! never starts half a hospital: the process exits with [`EXIT_CONFIG`].

mod check;
mod error;
mod layers;
mod sections;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::PathBuf;

use plantao_actors::policy::PolicySettings;
use serde::Deserialize;

pub use self::error::ConfigError;
pub use self::layers::{Flags, STATE_FILE};
pub use self::sections::{
    Admin, Audit, Database, FrontDoor, Identity, Live, Log, LogFormat, Pkcs11, Plugin, PluginHost,
    PreviousKey, Provider, Vault, Witness,
};

/// What a process exits with when its configuration is refused (`EX_CONFIG` of sysexits).
pub const EXIT_CONFIG: u8 = 78;

/// Every setting of the runtime.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Where the runtime keeps what must outlive it.
    #[serde(deserialize_with = "sections::path")]
    pub state_dir: PathBuf,
    /// Demonstration principals and their tokens exist. Never in a hospital.
    pub demo: bool,
    /// The HTTPS listener.
    pub front_door: FrontDoor,
    /// The read-only listener for operators.
    pub admin: Admin,
    /// PostgreSQL: its own private cluster, or one given by URL.
    pub database: Database,
    /// Where the master key comes from.
    pub vault: Vault,
    /// The audit trail.
    pub audit: Audit,
    /// Who signs the bearer tokens, and for whom.
    pub identity: Identity,
    /// The live pages.
    pub live: Live,
    /// Trust scores, thresholds and the roles' source.
    pub policy: PolicySettings,
    /// What all plugins share.
    pub plugin_host: PluginHost,
    /// The plugins, by name.
    #[serde(default)]
    pub plugins: BTreeMap<String, Plugin>,
    /// Logs.
    pub log: Log,
}

impl Config {
    /// Puts the layers together from this process's environment and the given flags.
    pub fn load(flags: &Flags) -> Result<Self, ConfigError> {
        Self::load_from(flags, std::env::vars_os().filter_map(utf8_pair))
    }

    /// The same from a given environment, which is what the tests do.
    pub fn load_from(
        flags: &Flags,
        environment: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, ConfigError> {
        let config = layers::extract(flags, environment)?;
        check::bounds(&config)?;
        Ok(config)
    }
}

/// Variables that are not UTF-8 are not ours: every key and value of ours is.
fn utf8_pair((name, value): (std::ffi::OsString, std::ffi::OsString)) -> Option<(String, String)> {
    Some((name.into_string().ok()?, value.into_string().ok()?))
}
