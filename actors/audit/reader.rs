//! Reading the trail: which entries, and by pages in the order of the chains.
//!
//! Refuses nothing by itself: the scope decides whose entries exist, and the permit that made the
//! scope was decided elsewhere. Pages are read from a replica where there is one that is fresh
//! enough: they may be a second old, except for what their reader did.

use super::AuditLog;
use super::store::{COLUMNS, by_key, chained};
use crate::database::{Database, DatabaseError, Scope, ToSql};
use plantao_schema::audit::{Chained, Deed, Outcome, Severity};
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
#[derive(Clone, Debug, Default, PartialEq, Eq)]
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
    /// One of these was done; `None` for whatever it was.
    pub deeds: Option<Vec<Deed>>,
    /// What became of it.
    pub outcome: Option<Outcome>,
    /// How loudly it speaks.
    pub severity: Option<Severity>,
    /// In a search: openings that are complete are left out, and told with what completes them.
    pub once: bool,
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
            let chain = query.param(cursor.chain.clone());
            let seq = query.param(cursor.seq);
            query.add(&format!("(chain, seq) > ({chain}, {seq})"));
        }
        let limit = query.param(limit.clamp(1, PAGE_MAX));
        let sql = format!(
            "SELECT {COLUMNS} FROM audit_entry{} ORDER BY chain, seq LIMIT {limit}",
            query.conditions()
        );
        let rows = database.read_at(scope, None, &sql, &query.params()).await?;
        rows.iter().map(chained).collect()
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
        let sql = format!("{} AND k.tenant = $1", by_key("$2"));
        let rows = database
            .read(scope, &sql, &[&scope.tenant.as_str(), &id])
            .await?;
        rows.first().map(chained).transpose()
    }
}

/// A statement and its parameters. Conditions are left out rather than switched off, so that each
/// combination is planned for the index that serves it.
pub(super) struct Query {
    conditions: String,
    params: Vec<Box<dyn ToSql + Sync + Send>>,
}

impl Query {
    /// The conditions of a filter; what it says of deeds is the search's own.
    pub(super) fn new(scope: &Scope, filter: &Filter) -> Self {
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
        // Names of closed sets stand in the statement itself: a partial index is chosen by them.
        if let Some(outcome) = filter.outcome {
            query.add(&format!("outcome = '{}'", outcome.as_str()));
        }
        if let Some(severity) = filter.severity {
            query.add(&format!("severity = '{}'", severity.as_str()));
        }
        query
    }

    fn require<T: ToSql + Sync + Send + 'static>(&mut self, condition: &str, value: Option<T>) {
        let Some(value) = value else { return };
        let place = self.param(value);
        self.add(&format!("{condition} {place}"));
    }

    /// Takes a value in, and gives the name it has in the statement.
    pub(super) fn param<T: ToSql + Sync + Send + 'static>(&mut self, value: T) -> String {
        self.params.push(Box::new(value));
        format!("${}", self.params.len())
    }

    pub(super) fn add(&mut self, condition: &str) {
        let joint = if self.conditions.is_empty() {
            "WHERE"
        } else {
            "AND"
        };
        self.conditions.push_str(&format!(" {joint} {condition}"));
    }

    pub(super) fn conditions(&self) -> &str {
        &self.conditions
    }

    pub(super) fn params(&self) -> Vec<&(dyn ToSql + Sync)> {
        let params = self.params.iter();
        params
            .map(|param| &**param as &(dyn ToSql + Sync))
            .collect()
    }
}
