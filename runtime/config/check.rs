//! Bounds that a type cannot hold: what must be given together, and what cannot be zero.

use super::error::ConfigError;
use super::{Config, Pkcs11, Provider};
use plantao_actors::audit::keeping::RETENTION_MIN_YEARS;

/// Timeouts beyond an hour are a slip of the unit.
const LONGEST_MS: u64 = 3_600_000;
const BODY_LONGEST_MS: u64 = 45_000;
/// Beyond a lifetime of records it is a slip of the unit.
const RETENTION_LONGEST_YEARS: u64 = 200;
const POOL_SIZE_MAX: usize = 500;
/// Replicas of one server; more is a slip, or a matter for a proxy.
const REPLICAS_MAX: u64 = 16;
/// A server that answers nobody for less than this may be busy.
const STALL_SHORTEST_MS: u64 = 1_000;
/// For so long a copy of the key store opens whoever was erased since.
const PERIOD_LONGEST_HOURS: u64 = 720;
/// A key backup brings back whoever was erased since it was taken.
const KEY_BACKUP_LONGEST_DAYS: u64 = 90;
/// A compiler that is given less has not begun.
const COMPILE_SHORTEST_MS: u64 = 1_000;
/// Nobody waits longer for a reload.
const COMPILE_LONGEST_MS: u64 = 60_000;
/// A log-in that outlives a day outlives the shift it was made for.
const SESSION_LONGEST_S: u64 = 86_400;

/// Refuses the first value that cannot work.
pub(super) fn bounds(config: &Config) -> Result<(), ConfigError> {
    front_door(config)?;
    database(config)?;
    vault(config)?;
    between("audit.queue", config.audit.queue as u64, 1, 1 << 20)?;
    between(
        "audit.retention_years",
        config.audit.retention_years.into(),
        RETENTION_MIN_YEARS.into(),
        RETENTION_LONGEST_YEARS,
    )?;
    // Held in memory and written anew as it empties.
    let (entries, bytes) = (config.audit.spool_entries, config.audit.spool_bytes);
    between("audit.spool_entries", entries as u64, 1, 100_000)?;
    between("audit.spool_bytes", bytes as u64, 1 << 17, 1 << 28)?;
    between("identity.leeway_s", config.identity.leeway_s, 0, 300)?;
    between(
        "identity.session_s",
        config.identity.session_s.into(),
        60,
        SESSION_LONGEST_S,
    )?;
    live(config)?;
    if !config.admin.listen.ip().is_loopback() {
        return refuse(
            "admin.listen",
            "must be a loopback address: the admin listener asks for no credentials",
        );
    }
    plugin_host(config)?;
    for (name, plugin) in &config.plugins {
        plugin
            .spec(name)
            .check()
            .map_err(|error| ConfigError::OutOfBounds {
                key: format!("plugins.{name}"),
                reason: format!("cannot be run: {error}"),
            })?;
    }
    config
        .policy
        .rules
        .validate()
        .map_err(|error| ConfigError::OutOfBounds {
            key: "policy.rules".into(),
            reason: error.to_string(),
        })?;
    crate::telemetry::filter(&config.log.level).map_err(|error| ConfigError::OutOfBounds {
        key: "log.level".into(),
        reason: error.to_string(),
    })?;
    Ok(())
}

/// What each kind of source of the master key needs.
fn vault(config: &Config) -> Result<(), ConfigError> {
    let vault = &config.vault;
    let hours = vault.period_hours.unwrap_or(1);
    between("vault.period_hours", hours, 1, PERIOD_LONGEST_HOURS)?;
    let days = u64::from(vault.key_backup_days);
    between("vault.key_backup_days", days, 1, KEY_BACKUP_LONGEST_DAYS)?;
    source("vault", vault.provider, &vault.credential, &vault.pkcs11)?;
    match &vault.previous {
        None => Ok(()),
        Some(old) => source("vault.previous", old.provider, &old.credential, &old.pkcs11),
    }
}

fn source(
    section: &str,
    provider: Provider,
    credential: &Option<String>,
    pkcs11: &Option<Pkcs11>,
) -> Result<(), ConfigError> {
    let plain = |name: &String| !name.is_empty() && !name.contains('/');
    match provider {
        Provider::Systemd if !credential.as_ref().is_some_and(plain) => refuse(
            &format!("{section}.credential"),
            "must name the credential of the unit (`LoadCredentialEncrypted=NAME:…`) that holds \
             the key",
        ),
        Provider::Pkcs11 => match pkcs11 {
            None => refuse(
                &format!("{section}.pkcs11"),
                "must say where the key is: `module`, `token` or `slot`, `key`, and `pin_file` or \
                 `pin_credential`",
            ),
            Some(token) if token.pin_file.is_some() == token.pin_credential.is_some() => refuse(
                &format!("{section}.pkcs11.pin_file"),
                "must be set, or else `pin_credential`, and not both",
            ),
            Some(_) => Ok(()),
        },
        _ => Ok(()),
    }
}

fn database(config: &Config) -> Result<(), ConfigError> {
    let database = &config.database;
    between(
        "database.pool_size",
        database.pool_size as u64,
        1,
        POOL_SIZE_MAX as u64,
    )?;
    if database.url.is_some() != database.owner_url.is_some() {
        return refuse(
            "database.owner_url",
            "must be set with `database.url`, or neither",
        );
    }
    if database.url.is_none() && !database.replicas.is_empty() {
        return refuse(
            "database.replicas",
            "must be set with `database.url`: a private cluster has none",
        );
    }
    between(
        "database.replicas",
        database.replicas.len() as u64,
        0,
        REPLICAS_MAX,
    )?;
    between("database.ballast_bytes", database.ballast_bytes, 0, 1 << 40)?;
    between(
        "database.free_min_bytes",
        database.free_min_bytes,
        0,
        1 << 44,
    )?;
    between(
        "database.stall_limit_ms",
        database.stall_limit_ms,
        STALL_SHORTEST_MS,
        LONGEST_MS,
    )
}

fn plugin_host(config: &Config) -> Result<(), ConfigError> {
    let host = &config.plugin_host;
    host.publishers()?;
    between(
        "plugin_host.compile_timeout_ms",
        host.compile_timeout_ms,
        COMPILE_SHORTEST_MS,
        COMPILE_LONGEST_MS,
    )?;
    between(
        "plugin_host.compile_memory_bytes",
        host.compile_memory_bytes,
        1 << 26,
        1 << 34,
    )?;
    between(
        "plugin_host.aot_cache_bytes",
        host.aot_cache_bytes,
        0,
        1 << 40,
    )
}

fn live(config: &Config) -> Result<(), ConfigError> {
    let live = &config.live;
    let most = 1 << 22;
    for (key, value) in [
        ("live.max_viewers", live.max_viewers),
        (
            "live.max_viewers_per_principal",
            live.max_viewers_per_principal,
        ),
        ("live.max_topics", live.max_topics),
    ] {
        between(key, value as u64, 1, most)?;
    }
    between(
        "live.opens_per_second",
        live.opens_per_second.into(),
        1,
        100_000,
    )
}

fn front_door(config: &Config) -> Result<(), ConfigError> {
    let door = &config.front_door;
    if door.certificate.is_some() != door.private_key.is_some() {
        return refuse(
            "front_door.private_key",
            "must be set with `front_door.certificate`, or neither",
        );
    }
    between(
        "front_door.body_limit_bytes",
        door.body_limit_bytes as u64,
        1_024,
        1 << 30,
    )?;
    between(
        "front_door.max_connections",
        door.max_connections as u64,
        1,
        1 << 22,
    )?;
    between(
        "front_door.max_in_flight",
        door.max_in_flight as u64,
        1,
        1 << 20,
    )?;
    // A permit lives for a minute: a body that arrives later finds its permit expired.
    between(
        "front_door.body_timeout_ms",
        door.body_timeout_ms,
        1,
        BODY_LONGEST_MS,
    )?;
    between(
        "front_door.body_memory_bytes",
        door.body_memory_bytes as u64,
        door.body_limit_bytes as u64,
        1 << 40,
    )?;
    between(
        "front_door.max_connections_per_address",
        door.max_connections_per_address as u64,
        1,
        1 << 22,
    )?;
    between(
        "front_door.connects_per_second_per_address",
        door.connects_per_second_per_address.into(),
        1,
        1_000_000,
    )?;
    for (key, value) in [
        ("front_door.header_timeout_ms", door.header_timeout_ms),
        ("front_door.handshake_timeout_ms", door.handshake_timeout_ms),
        ("front_door.drain_timeout_ms", door.drain_timeout_ms),
    ] {
        between(key, value, 1, LONGEST_MS)?;
    }
    Ok(())
}

fn between(key: &str, value: u64, least: u64, most: u64) -> Result<(), ConfigError> {
    if (least..=most).contains(&value) {
        return Ok(());
    }
    let reason = format!("must be between {least} and {most}, found {value}");
    Err(ConfigError::OutOfBounds {
        key: key.into(),
        reason,
    })
}

fn refuse(key: &str, reason: &str) -> Result<(), ConfigError> {
    Err(ConfigError::OutOfBounds {
        key: key.into(),
        reason: reason.into(),
    })
}
