//! What the login that serves requests may become on somebody else's server.
//!
//! No guard of the trail holds against a login that may take the role of its owner, and names tell
//! nothing of that: two logins may be members of each other. So the server is asked.

use super::pool::{PoolError, Session};
use super::{DatabaseConfig, DatabaseError, Login, STATEMENT_DEADLINE};

// For a superuser every role is one that it may take; that it is one is told instead.
const HOLES: &str = "WITH login AS (SELECT oid, rolname::text AS name, rolsuper, rolbypassrls, \
         rolcreaterole FROM pg_roles WHERE rolname = session_user OR rolname = ANY ($1)), \
     guard AS (SELECT oid, rolname::text AS name FROM pg_roles \
         WHERE rolname IN ('plantao_owner', 'plantao_audit', 'plantao_keys') OR rolname = $2) \
     SELECT login.name || ' is a superuser' FROM login WHERE rolsuper \
     UNION ALL SELECT login.name || ' has BYPASSRLS' FROM login WHERE rolbypassrls \
     UNION ALL SELECT login.name || ' has CREATEROLE' FROM login WHERE rolcreaterole \
     UNION ALL SELECT login.name || CASE WHEN login.oid = guard.oid THEN ' owns the trail' \
         ELSE ' may become ' || guard.name END \
     FROM login, guard WHERE NOT rolsuper AND pg_has_role(login.oid, guard.oid, 'MEMBER')";

const IS_THERE: &str = "SELECT count(*) = 3 FROM pg_roles \
     WHERE rolname IN ('plantao_owner', 'plantao_audit', 'plantao_keys')";

/// The ways from a login for requests, the replicas' included, past the guards of the trail; none
/// where they are separated, and of a private cluster.
///
/// # Errors
/// [`PoolError`] when the server does not answer, or has no roles of a hospital yet.
pub async fn login_holes(config: &DatabaseConfig) -> Result<Vec<String>, PoolError> {
    if config.url.is_none() {
        return Ok(Vec::new());
    }
    let name = |user: Option<&str>| user.unwrap_or_default().to_owned();
    let owner = name(config.connection(Login::Owner)?.get_user());
    let replicas = config.replica_connections()?;
    let readers: Vec<String> = replicas.iter().map(|one| name(one.get_user())).collect();
    let session = Session::open(&config.connection(Login::Application)?).await?;
    let client = &session.client;
    let failed = |error: tokio_postgres::Error| {
        let reason = DatabaseError::from_driver(&error, STATEMENT_DEADLINE);
        let user = owner.clone();
        PoolError::Refused { user, reason }
    };
    let is_there = client.query_one(IS_THERE, &[]).await.map_err(failed)?;
    if !is_there.get::<_, bool>(0) {
        let (user, reason) = (owner, DatabaseError::Unavailable);
        return Err(PoolError::Refused { user, reason });
    }
    let rows = client.query(HOLES, &[&readers, &owner]).await;
    let rows = rows.map_err(failed)?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}
