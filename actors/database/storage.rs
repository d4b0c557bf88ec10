//! What keeps the audit trail: PostgreSQL's own partitions, or TimescaleDB where its library is
//! loaded. Chosen once, at the first start, and written down.
//!
//! Refuses to switch: a trail that was begun in one is never continued in the other. A library that
//! turns up later changes nothing; one that is gone stops the start.
//!
//! The TimescaleDB way (`schema/migrations/timescale.sql`) is NOT RUN by this project's tests: they
//! have no such library. The decision is, in all its cases.

use super::migrations::{MIGRATION_DEADLINE, MigrationError};
use super::{DatabaseConfig, DatabaseError, Login, PoolError, Session};
use tokio_postgres::Client;
use tokio_postgres::types::ToSql;

const TIMESCALE: &str = include_str!("../../schema/migrations/timescale.sql");

/// The first version whose hypertables have triggers that see all rows of a statement.
const OLDEST_TIMESCALE: (u32, u32) = (2, 18);

// A login without `pg_read_all_settings` does not see which libraries are loaded, but it does see
// the settings that a loaded one brings.
const FIND: &str = "SELECT (SELECT kind FROM audit_storage), \
     (SELECT default_version FROM pg_available_extensions WHERE name = 'timescaledb'), \
     (SELECT extversion FROM pg_extension WHERE extname = 'timescaledb'), \
     EXISTS (SELECT FROM pg_settings WHERE name LIKE 'timescaledb.%' \
         OR name = 'shared_preload_libraries' AND setting ~ '(^|[, /])timescaledb'), \
     NOT EXISTS (SELECT FROM audit_head), current_setting('server_version')";

/// What keeps the trail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TrailStorage {
    /// Native partitions, one for each month.
    Native,
    /// A hypertable of TimescaleDB.
    Timescale,
}

impl TrailStorage {
    /// Its name in the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Native => "native",
            Self::Timescale => "timescale",
        }
    }
}

/// What was found in the database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The choice that is written down.
    pub recorded: Option<TrailStorage>,
    /// The version of TimescaleDB that could be installed into this database.
    pub available: Option<String>,
    /// The one that is.
    pub installed: Option<String>,
    /// Whether the server has loaded its library.
    pub is_preloaded: bool,
    /// Whether the trail has no entry yet.
    pub is_empty: bool,
    /// The server's version.
    pub server: String,
}

/// What to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choice {
    /// Go on as it is written down.
    Keep(TrailStorage),
    /// Set it up and write it down.
    Record(TrailStorage),
}

/// The trail cannot be kept as it was begun.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the audit trail is kept in TimescaleDB, and {missing}: give the server that library back; \
     the trail is not moved to another storage by itself"
)]
pub struct StorageGone {
    missing: &'static str,
}

/// The decision: pure.
///
/// # Errors
/// [`StorageGone`] when TimescaleDB keeps the trail and is not there.
pub fn choose(found: &Found) -> Result<Choice, StorageGone> {
    let gone = |missing| Err(StorageGone { missing });
    match found.recorded {
        Some(TrailStorage::Native) => Ok(Choice::Keep(TrailStorage::Native)),
        Some(TrailStorage::Timescale) if found.installed.is_none() => {
            gone("the extension is not in this database")
        }
        Some(TrailStorage::Timescale) if !found.is_preloaded => {
            gone("the server has not loaded its library (`shared_preload_libraries`)")
        }
        Some(TrailStorage::Timescale) => Ok(Choice::Keep(TrailStorage::Timescale)),
        None if found.could_be_timescale() => Ok(Choice::Record(TrailStorage::Timescale)),
        None => Ok(Choice::Record(TrailStorage::Native)),
    }
}

impl Found {
    /// Whether TimescaleDB would be chosen by a first start: loaded, new enough, and no entry yet.
    #[must_use]
    pub fn could_be_timescale(&self) -> bool {
        let version = self.installed.as_deref().or(self.available.as_deref());
        let is_new = version
            .and_then(version_of)
            .is_some_and(|one| one >= OLDEST_TIMESCALE);
        is_new && self.is_preloaded && self.is_empty
    }
}

fn version_of(text: &str) -> Option<(u32, u32)> {
    let mut numbers = text.split('.').map(str::parse);
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
}

/// What is found through a session of the schema's owner.
pub(super) async fn find(client: &Client) -> Result<Found, DatabaseError> {
    let sorted = |error| DatabaseError::from_driver(&error, MIGRATION_DEADLINE);
    let row = client.query_one(FIND, &[]).await.map_err(sorted)?;
    let recorded: Option<String> = row.try_get(0).map_err(sorted)?;
    Ok(Found {
        recorded: recorded.map(|kind| match kind.as_str() {
            "timescale" => TrailStorage::Timescale,
            _ => TrailStorage::Native,
        }),
        available: row.try_get(1).map_err(sorted)?,
        installed: row.try_get(2).map_err(sorted)?,
        is_preloaded: row.try_get(3).map_err(sorted)?,
        is_empty: row.try_get(4).map_err(sorted)?,
        server: row.try_get(5).map_err(sorted)?,
    })
}

/// Makes the choice once, and holds the server to it from then on. `client` is the owner's, after
/// the migrations.
pub(super) async fn settle(client: &Client) -> Result<TrailStorage, MigrationError> {
    let found = find(client).await?;
    let chosen = match choose(&found)? {
        Choice::Keep(storage) => return Ok(storage),
        Choice::Record(storage) => storage,
    };
    let failed = |error: tokio_postgres::Error| MigrationError::Failed {
        reason: format!("setting up the trail's storage: {error}"),
    };
    let kind = chosen.as_str();
    match chosen {
        TrailStorage::Native => {
            let record = "INSERT INTO audit_storage (kind, server) VALUES ($1, $2)";
            let row: [&(dyn ToSql + Sync); 2] = [&kind, &found.server];
            client.execute(record, &row).await.map_err(failed)?;
        }
        // It records itself, in the transaction that sets it up.
        TrailStorage::Timescale => client.batch_execute(TIMESCALE).await.map_err(failed)?,
    }
    tracing::info!(
        kind,
        server = found.server,
        "the audit trail's storage is chosen"
    );
    Ok(chosen)
}

/// What keeps the trail of a configuration's database, looked at as its owner.
///
/// # Errors
/// [`PoolError`] when the owner cannot look.
pub async fn storage_of(config: &DatabaseConfig) -> Result<Found, PoolError> {
    let session = Session::open(&config.connection(Login::Owner)?).await?;
    let sorted =
        |error| MigrationError::from(DatabaseError::from_driver(&error, MIGRATION_DEADLINE));
    let became = session.client.batch_execute("SET ROLE plantao_owner").await;
    became.map_err(sorted)?;
    Ok(find(&session.client).await.map_err(MigrationError::from)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(recorded: Option<TrailStorage>, bits: u8) -> Found {
        let version = |bit: u8| (bits & bit != 0).then(|| "2.20.1".to_owned());
        Found {
            recorded,
            available: version(1),
            installed: version(2),
            is_preloaded: bits & 4 != 0,
            is_empty: bits & 8 != 0,
            server: "15.13".to_owned(),
        }
    }

    #[test]
    fn what_is_written_down_is_kept_whatever_else_is_there() {
        for bits in 0..16 {
            let native = found(Some(TrailStorage::Native), bits);
            assert_eq!(choose(&native), Ok(Choice::Keep(TrailStorage::Native)));
            let timescale = found(Some(TrailStorage::Timescale), bits);
            if bits & 6 == 6 {
                assert_eq!(
                    choose(&timescale),
                    Ok(Choice::Keep(TrailStorage::Timescale))
                );
            } else {
                let said = choose(&timescale).unwrap_err().to_string();
                assert!(said.contains("TimescaleDB"), "{said}");
            }
        }
    }

    #[test]
    fn a_first_start_takes_timescale_only_where_it_is_loaded_and_nothing_is_kept_yet() {
        for bits in 0..16_u8 {
            let wanted = if bits & 4 != 0 && bits & 8 != 0 && bits & 3 != 0 {
                TrailStorage::Timescale
            } else {
                TrailStorage::Native
            };
            assert_eq!(
                choose(&found(None, bits)),
                Ok(Choice::Record(wanted)),
                "{bits}"
            );
        }
    }

    #[test]
    fn a_version_that_is_too_old_or_no_version_is_not_chosen() {
        for version in ["2.17.9", "1.99.0", "2", "", "next"] {
            let found = Found {
                available: Some(version.to_owned()),
                ..found(None, 12)
            };
            assert_eq!(
                choose(&found),
                Ok(Choice::Record(TrailStorage::Native)),
                "{version}"
            );
        }
    }
}
