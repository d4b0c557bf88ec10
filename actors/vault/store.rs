//! What keeps wrapped keys: the seam, and PostgreSQL behind it.

use super::VaultError;
use super::keeper::Made;
use super::master_key::Place;
use crate::database::{Database, Scope};
use futures_util::future::BoxFuture;

const NEWEST: &str = "SELECT version, wrapped FROM vault_data_key \
     WHERE tenant = $1 AND subject = $2 ORDER BY version DESC LIMIT 1";

const AT_VERSION: &str = "SELECT version, wrapped FROM vault_data_key \
     WHERE tenant = $1 AND subject = $2 AND version = $3";

const ADD: &str = "INSERT INTO vault_data_key (tenant, subject, version, wrapped) \
     VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING";

const NAME_MASTER: &str = "INSERT INTO vault_master_key (name) VALUES ($1) ON CONFLICT DO NOTHING";

const MASTER: &str = "SELECT name FROM vault_master_key";

/// The answer of a store, which ends within the store's own deadlines.
pub type Asked<'a, T> = BoxFuture<'a, Result<T, VaultError>>;

/// What keeps wrapped keys. One trait, so that the simulator can stand in a twin for PostgreSQL.
pub trait KeyStore: Send + Sync + 'static {
    /// A wrapped key and its version: the newest, or the one asked for.
    fn find<'a>(
        &'a self,
        scope: &'a Scope,
        subject: &'a str,
        version: Option<i32>,
    ) -> Asked<'a, Option<(i32, Vec<u8>)>>;

    /// Keeps a wrapped key, unless someone else was first: false then. Its master key is the first
    /// that is used here or the one that was; under any other nothing is kept
    /// ([`VaultError::OtherMasterKey`]).
    fn add<'a>(&'a self, scope: &'a Scope, place: &'a Place, made: &'a Made) -> Asked<'a, bool>;
}

impl KeyStore for Database {
    fn find<'a>(
        &'a self,
        scope: &'a Scope,
        subject: &'a str,
        version: Option<i32>,
    ) -> Asked<'a, Option<(i32, Vec<u8>)>> {
        Box::pin(find(self, scope, subject, version))
    }

    fn add<'a>(&'a self, scope: &'a Scope, place: &'a Place, made: &'a Made) -> Asked<'a, bool> {
        Box::pin(add(self, scope, place, made))
    }
}

/// A wrapped key and its version: the newest, or the one asked for.
async fn find(
    database: &Database,
    scope: &Scope,
    subject: &str,
    version: Option<i32>,
) -> Result<Option<(i32, Vec<u8>)>, VaultError> {
    let tenant = scope.tenant.as_str();
    let rows = match version {
        None => database.read(scope, NEWEST, &[&tenant, &subject]).await?,
        Some(version) => {
            database
                .read(scope, AT_VERSION, &[&tenant, &subject, &version])
                .await?
        }
    };
    Ok(rows.first().map(|row| (row.get(0), row.get(1))))
}

/// Keeps a wrapped key, unless someone else was first. Its master key is the first that is used
/// here or the one that was; under any other nothing is kept.
async fn add(
    database: &Database,
    scope: &Scope,
    place: &Place,
    made: &Made,
) -> Result<bool, VaultError> {
    let transaction = database.begin(scope).await?;
    let name = made.master.as_slice();
    // Two first uses at once: the second waits for the first, and then reads its name.
    transaction.execute(NAME_MASTER, &[&name]).await?;
    let known = transaction.query_opt(MASTER, &[]).await?;
    if known.is_none_or(|row| row.get::<_, &[u8]>(0) != name) {
        transaction.rollback().await?;
        return Err(VaultError::OtherMasterKey);
    }
    let Place {
        tenant,
        subject,
        version,
    } = place;
    let added = transaction
        .execute(ADD, &[tenant, subject, version, &made.wrapped])
        .await?;
    transaction.commit().await?;
    Ok(added == 1)
}
