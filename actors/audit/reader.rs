//! Reading the trail: by pages in the order of the chains, or the newest first.
//!
//! Refuses nothing by itself: the scope decides whose entries exist, and the permit that made the
//! scope was decided elsewhere.

use super::AuditLog;
use super::store::{COLUMNS, chained};
use crate::database::{Database, DatabaseError, Scope, ToSql};
use plantao_schema::audit::Chained;
use plantao_schema::time::Timestamp;
use uuid::Uuid;

/// The most entries that one page holds.
pub const PAGE_MAX: i64 = 1_000;

/// A place in the trail: the page goes on after it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// The chain.
    pub chain: String,
    /// The number in it.
    pub seq: i64,
}

impl Cursor {
    /// The place of an entry.
    #[must_use]
    pub fn of(item: &Chained) -> Self {
        Self {
            chain: item.chain.clone(),
            seq: item.seq,
        }
    }
}

/// Which entries; everything that is set must hold.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Who acted.
    pub principal: Option<String>,
    /// On what kind of thing.
    pub resource_kind: Option<String>,
    /// On which one.
    pub resource_id: Option<String>,
    /// Whose data.
    pub patient: Option<String>,
    /// Not before.
    pub since: Option<Timestamp>,
    /// Before.
    pub until: Option<Timestamp>,
}

impl AuditLog {
    /// The entries after `cursor`, chain by chain and in order, as verification needs them.
    ///
    /// # Errors
    /// [`DatabaseError`].
    pub async fn page(
        database: &Database,
        scope: &Scope,
        cursor: Option<&Cursor>,
        limit: i64,
        filter: &Filter,
    ) -> Result<Vec<Chained>, DatabaseError> {
        let mut query = Query::new(scope, filter);
        if let Some(cursor) = cursor {
            query.after(cursor);
        }
        query.run(database, scope, "chain, seq", limit).await
    }

    /// The entry of that key, if it is one of the scope's tenant.
    ///
    /// # Errors
    /// [`DatabaseError`].
    pub async fn one(
        database: &Database,
        scope: &Scope,
        id: Uuid,
    ) -> Result<Option<Chained>, DatabaseError> {
        let mut query = Query::new(scope, &Filter::default());
        query.require("entry_id =", Some(id));
        let found = query.run(database, scope, "chain, seq", 1).await?;
        Ok(found.into_iter().next())
    }

    /// The newest entries, newest first.
    ///
    /// # Errors
    /// [`DatabaseError`].
    pub async fn latest(
        database: &Database,
        scope: &Scope,
        limit: i64,
        filter: &Filter,
    ) -> Result<Vec<Chained>, DatabaseError> {
        let query = Query::new(scope, filter);
        query
            .run(database, scope, "at_us DESC, chain DESC, seq DESC", limit)
            .await
    }
}

/// A statement and its parameters. Conditions are left out rather than switched off, so that each
/// combination is planned for the index that serves it.
struct Query {
    conditions: String,
    params: Vec<Box<dyn ToSql + Sync + Send>>,
}

impl Query {
    fn new(scope: &Scope, filter: &Filter) -> Self {
        let mut query = Self {
            conditions: String::new(),
            params: Vec::new(),
        };
        query.require("tenant =", Some(scope.tenant.to_string()));
        query.require("principal =", filter.principal.clone());
        query.require("resource_kind =", filter.resource_kind.clone());
        query.require("resource_id =", filter.resource_id.clone());
        query.require("patient =", filter.patient.clone());
        query.require("at_us >=", filter.since.map(Timestamp::micros));
        query.require("at_us <", filter.until.map(Timestamp::micros));
        query
    }

    fn require<T: ToSql + Sync + Send + 'static>(&mut self, condition: &str, value: Option<T>) {
        let Some(value) = value else { return };
        self.params.push(Box::new(value));
        let joint = if self.conditions.is_empty() {
            "WHERE"
        } else {
            "AND"
        };
        self.conditions
            .push_str(&format!(" {joint} {condition} ${}", self.params.len()));
    }

    fn after(&mut self, cursor: &Cursor) {
        self.params.push(Box::new(cursor.chain.clone()));
        self.params.push(Box::new(cursor.seq));
        let last = self.params.len();
        let chain = last.saturating_sub(1);
        self.conditions
            .push_str(&format!(" AND (chain, seq) > (${chain}, ${last})"));
    }

    async fn run(
        mut self,
        database: &Database,
        scope: &Scope,
        order: &str,
        limit: i64,
    ) -> Result<Vec<Chained>, DatabaseError> {
        self.params.push(Box::new(limit.clamp(1, PAGE_MAX)));
        let sql = format!(
            "SELECT {COLUMNS} FROM audit_entry{} ORDER BY {order} LIMIT ${}",
            self.conditions,
            self.params.len()
        );
        let params: Vec<&(dyn ToSql + Sync)> = self
            .params
            .iter()
            .map(|param| &**param as &(dyn ToSql + Sync))
            .collect();
        let rows = database.read(scope, &sql, &params).await?;
        rows.iter().map(chained).collect()
    }
}
