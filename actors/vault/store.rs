//! The vault's two statements.

use super::VaultError;
use super::master_key::Place;
use crate::database::{Database, Scope};

const NEWEST: &str = "SELECT version, wrapped FROM vault_data_key \
     WHERE tenant = $1 AND subject = $2 ORDER BY version DESC LIMIT 1";

const AT_VERSION: &str = "SELECT version, wrapped FROM vault_data_key \
     WHERE tenant = $1 AND subject = $2 AND version = $3";

const ADD: &str = "INSERT INTO vault_data_key (tenant, subject, version, wrapped) \
     VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING";

/// A wrapped key and its version: the newest, or the one asked for.
pub(super) async fn find(
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

/// Keeps a wrapped key, unless someone else was first.
pub(super) async fn add(
    database: &Database,
    scope: &Scope,
    place: &Place,
    wrapped: &[u8],
) -> Result<bool, VaultError> {
    let transaction = database.begin(scope).await?;
    let Place {
        tenant,
        subject,
        version,
    } = place;
    let added = transaction
        .execute(ADD, &[tenant, subject, version, &wrapped])
        .await?;
    transaction.commit().await?;
    Ok(added == 1)
}
