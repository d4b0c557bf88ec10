//! Accounts in PostgreSQL.
//!
//! An attempt is charged before it is checked and the charge is taken back when it was right, in
//! statements of their own: attempts made at once cannot share one try.

use super::LogInError;
use crate::audit::OpenEntry;
use crate::database::{Database, DatabaseError, Row, Scope, ToSql, Transaction, to_database};
use crate::vault::{KeySubject, Sealed, SecondFactor, in_use};
use plantao_schema::access::Role;
use plantao_schema::audit::Outcome;
use plantao_schema::id::PrincipalId;
use plantao_schema::time::Timestamp;

/// Tries in a row before an account is locked.
pub(super) const FAILURES_MAX: i32 = 5;

/// How long it is locked.
pub(super) const LOCKED_SECONDS: i64 = 15 * 60;

/// Nothing comes back for an account that is locked or not there.
const CHARGE: &str = "UPDATE account \
     SET failed = CASE WHEN locked_until IS NULL THEN failed + 1 ELSE 1 END, \
         locked_until = CASE WHEN locked_until IS NULL AND failed + 1 >= $4 \
             THEN $5::timestamptz END \
     WHERE tenant = $1 AND principal = $2 AND (locked_until IS NULL OR locked_until <= $3) \
     RETURNING role, password_hash, totp_sealed, totp_key_version, locked_until IS NOT NULL";

/// A step is taken once: a code used twice finds a later or the same step here.
const ACQUIT: &str = "UPDATE account SET failed = 0, locked_until = NULL, last_totp_step = $3 \
     WHERE tenant = $1 AND principal = $2 AND last_totp_step < $3";

const ADD: &str = "INSERT INTO account \
     (tenant, principal, role, password_hash, totp_sealed, totp_key_version) \
     VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (tenant, principal) DO NOTHING";

/// An account whose owner may be trying to log in.
pub struct Account {
    /// What its owner may do.
    pub role: Role,
    /// Argon2id, in PHC form.
    pub password_hash: String,
    /// The second factor's secret, sealed.
    pub sealed: Vec<u8>,
    /// The version of the key that seals it.
    pub key_version: i32,
    /// The last try: wrong, it leaves the account locked.
    pub last_try: bool,
}

/// A new account.
pub struct NewAccount<'a> {
    /// Whose.
    pub principal: &'a PrincipalId,
    /// What its owner may do.
    pub role: &'a Role,
    /// Argon2id, in PHC form.
    pub password_hash: String,
    /// The second factor's secret, sealed.
    pub sealed: Sealed<SecondFactor>,
    /// The version of the key that seals it.
    pub key_version: i32,
}

/// Charges one try, durable before anything is compared.
pub(super) async fn charge(
    database: &Database,
    scope: &Scope,
    principal: &PrincipalId,
    now: Timestamp,
) -> Result<Option<Account>, LogInError> {
    let until = to_database(now.plus_seconds(LOCKED_SECONDS));
    let now = to_database(now);
    let (tenant, principal) = (scope.tenant.as_str(), principal.as_str());
    let params: [&(dyn ToSql + Sync); 5] = [&tenant, &principal, &now, &FAILURES_MAX, &until];
    let transaction = database.begin(scope).await?;
    let row = transaction.query_opt(CHARGE, &params).await?;
    transaction.commit().await?;
    row.map(|row| account(&row)).transpose()
}

fn account(row: &Row) -> Result<Account, LogInError> {
    let unreadable = |_| LogInError::Internal;
    let role: &str = row.try_get(0).map_err(unreadable)?;
    Ok(Account {
        role: Role::parse(role).map_err(|_| LogInError::Internal)?,
        password_hash: row.try_get(1).map_err(unreadable)?,
        sealed: row.try_get(2).map_err(unreadable)?,
        key_version: row.try_get(3).map_err(unreadable)?,
        last_try: row.try_get(4).map_err(unreadable)?,
    })
}

/// Takes the charges back and the step of the code. False when the step was taken before.
pub(super) async fn acquit(
    database: &Database,
    scope: &Scope,
    principal: &PrincipalId,
    step: i64,
) -> Result<bool, LogInError> {
    let (tenant, principal) = (scope.tenant.as_str(), principal.as_str());
    let transaction = database.begin(scope).await?;
    let params: [&(dyn ToSql + Sync); 3] = [&tenant, &principal, &step];
    let touched = transaction.execute(ACQUIT, &params).await?;
    transaction.commit().await?;
    Ok(touched == 1)
}

/// Adds an account and the outcome of its audit entry, both or neither.
pub(super) async fn add(
    database: &Database,
    scope: &Scope,
    account: &NewAccount<'_>,
    open: &OpenEntry,
) -> Result<(), LogInError> {
    let transaction = database.begin(scope).await?;
    let key = [(KeySubject::Directory.label(), account.key_version)];
    if !in_use(&transaction, &scope.tenant, &key).await? {
        // Replaced since it was fetched: another try fetches the newer one.
        drop(transaction.rollback().await);
        return Err(LogInError::Unavailable);
    }
    let added = write(&transaction, scope, account, open).await;
    match added {
        Ok(true) => transaction.commit().await.map_err(LogInError::in_doubt),
        Ok(false) => {
            // A rollback that fails has lost the connection, which rolls back too.
            drop(transaction.rollback().await);
            Err(LogInError::AccountExists)
        }
        Err(error) => {
            drop(transaction.rollback().await);
            Err(error.into())
        }
    }
}

async fn write(
    transaction: &Transaction,
    scope: &Scope,
    account: &NewAccount<'_>,
    open: &OpenEntry,
) -> Result<bool, DatabaseError> {
    let params: [&(dyn ToSql + Sync); 6] = [
        &scope.tenant.as_str(),
        &account.principal.as_str(),
        &account.role.as_str(),
        &account.password_hash,
        &account.sealed,
        &account.key_version,
    ];
    if transaction.execute(ADD, &params).await? == 0 {
        return Ok(false);
    }
    open.complete_in(transaction, Outcome::Success).await?;
    Ok(true)
}
