//! Searching the trail: the newest first, a page at a time, whatever is asked.
//!
//! Paging is by key: a page goes on after the last entry of the one before it, so that entries that
//! arrive meanwhile move nothing, and a page in the middle of years costs what the first one costs.
//! Nothing that was there when the first page was read is missed or read twice. Each combination of
//! conditions is served by an index of the tenant's entries in time (see the migrations); what an
//! index has no column for is checked on its way.

use super::AuditLog;
use super::reader::{Filter, PAGE_MAX, Query};
use super::store::{COLUMNS, chained, value};
use crate::database::{Database, DatabaseError, Row, Scope};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use plantao_schema::audit::{Chained, Deed, On, Told, WHOLE_KINDS};
use plantao_schema::time::Timestamp;

/// The order of a search; as long as two entries of one microsecond differ in chain or number, no
/// two entries are equal in it.
const NEWEST_FIRST: &str = "at_us DESC, chain DESC, seq DESC";

/// What completes an opening tells it again. Never hashed over the whole table: a scalar of at most
/// one row is looked up by its index.
const NOT_TOLD_AGAIN: &str = "(phase <> 'opened' OR (SELECT c.seq FROM audit_entry c \
     WHERE c.phase = 'completed' AND c.opens = e.entry_id AND c.at_us >= e.at_us LIMIT 1) IS NULL)";

/// When what an entry completes was opened.
const BEGAN: &str = "(SELECT k.at_us FROM audit_key k WHERE k.entry_id = e.opens)";

/// Longest chain's name in a place; a place comes from outside.
const CHAIN_MAX_BYTES: usize = 512;

/// A place in a search: the page goes on after it. Opaque to whoever holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    at: Timestamp,
    chain: String,
    seq: i64,
}

impl Place {
    /// The place of an entry.
    #[must_use]
    pub fn of(item: &Chained) -> Self {
        Self {
            at: item.entry.at,
            chain: item.chain.clone(),
            seq: item.seq,
        }
    }

    /// Reads a place as [`Place`]'s `Display` writes it; `None` for anything else.
    #[must_use]
    pub fn parse(token: &str) -> Option<Self> {
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(token).ok()?;
        let text = String::from_utf8(bytes).ok()?;
        let mut parts = text.splitn(3, ':');
        let at = Timestamp::from_micros(parts.next()?.parse().ok()?);
        let seq = parts.next()?.parse().ok()?;
        let chain = parts.next()?.to_owned();
        let plain = chain.len() <= CHAIN_MAX_BYTES && !chain.contains('\0');
        plain.then_some(Self { at, chain, seq })
    }
}

impl std::fmt::Display for Place {
    /// URL-safe, with nothing to be escaped.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let text = format!("{}:{}:{}", self.at.micros(), self.seq, self.chain);
        f.write_str(&BASE64_URL_SAFE_NO_PAD.encode(text))
    }
}

/// A page of a search.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The entries, newest first.
    pub entries: Vec<Told>,
    /// Where the next page goes on; `None` when this one ends at the oldest.
    pub next: Option<Place>,
}

impl AuditLog {
    /// The newest entries of a filter after `place`, at most `limit` and [`PAGE_MAX`] of them.
    ///
    /// # Errors
    /// [`DatabaseError`].
    pub async fn search(
        database: &Database,
        scope: &Scope,
        filter: &Filter,
        place: Option<&Place>,
        limit: i64,
    ) -> Result<Found, DatabaseError> {
        let limit = limit.clamp(1, PAGE_MAX);
        let Some(search) = Search::new(scope, filter, place, limit) else {
            return Ok(Found {
                entries: Vec::new(),
                next: None,
            });
        };
        let rows = database
            .read_at(scope, None, &search.sql, &search.query.params())
            .await?;
        let entries: Result<Vec<Told>, _> = rows.iter().map(told).collect();
        let mut entries = entries?;
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        // One more was asked for than is given: whether there is a next page is known, not guessed.
        let more = entries.len() > limit;
        entries.truncate(limit);
        let last = entries.last().filter(|_| more);
        let next = last.map(|told| Place::of(&told.item));
        Ok(Found { entries, next })
    }
}

/// One statement and its parameters.
pub(super) struct Search {
    pub(super) sql: String,
    pub(super) query: Query,
}

impl Search {
    /// `None` when the filter asks for nothing that could exist.
    pub(super) fn new(
        scope: &Scope,
        filter: &Filter,
        place: Option<&Place>,
        limit: i64,
    ) -> Option<Self> {
        let mut query = Query::new(scope, filter);
        if let Some(place) = place {
            let at = query.param(place.at.micros());
            let chain = query.param(place.chain.clone());
            let seq = query.param(place.seq);
            query.add(&format!("(at_us, chain, seq) < ({at}, {chain}, {seq})"));
        }
        if filter.once {
            query.add(NOT_TOLD_AGAIN);
        }
        let limit = query.param(limit.saturating_add(1));
        let began = if filter.once { BEGAN } else { "NULL::int8" };
        let branch = |condition: &str| {
            format!(
                "SELECT {COLUMNS}, {began} AS began_us FROM audit_entry e{}{condition} \
                 ORDER BY {NEWEST_FIRST} LIMIT {limit}",
                query.conditions()
            )
        };
        let sql = match filter.deeds.as_deref() {
            None => branch(""),
            Some([]) => return None,
            Some([deed]) => branch(&condition(deed)),
            // Each of them is read in order from its own index, and no further than the page.
            Some(deeds) => {
                let branches: Vec<String> = deeds
                    .iter()
                    .map(|deed| format!("({})", branch(&condition(deed))))
                    .collect();
                format!(
                    "SELECT * FROM ({}) t ORDER BY {NEWEST_FIRST} LIMIT {limit}",
                    branches.join(" UNION ALL ")
                )
            }
        };
        Some(Self { sql, query })
    }
}

/// Names of closed sets, so that nothing from outside is ever part of a statement.
fn condition(deed: &Deed) -> String {
    let action = deed.action.as_str();
    let whole = WHOLE_KINDS.map(|kind| format!("'{kind}'")).join(", ");
    let on = match deed.on {
        On::Anything => String::new(),
        On::Named => format!(" AND resource_id IS NOT NULL AND resource_kind NOT IN ({whole})"),
        On::Unnamed => format!(" AND resource_id IS NULL AND resource_kind NOT IN ({whole})"),
        On::Whole => format!(" AND resource_kind IN ({whole})"),
    };
    format!(" AND action = '{action}'{on}")
}

fn told(row: &Row) -> Result<Told, DatabaseError> {
    let began: Option<i64> = value(row, COLUMNS.split(',').count())?;
    Ok(Told {
        item: chained(row)?,
        began: began.map(Timestamp::from_micros),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_reads_back_and_needs_no_escaping() {
        let place = Place {
            at: Timestamp::from_micros(1_764_000_000_123_456),
            chain: "nó:1/hospital-a".to_owned(),
            seq: i64::MAX,
        };
        let token = place.to_string();
        let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
        assert!(token.bytes().all(plain), "{token}");
        assert_eq!(Place::parse(&token), Some(place));
    }

    #[test]
    fn what_is_no_place_is_none() {
        let encode = |text: &str| BASE64_URL_SAFE_NO_PAD.encode(text);
        let long = format!("1:2:{}", "x".repeat(CHAIN_MAX_BYTES + 1));
        for bad in [
            "",
            "1:2",
            "x:2:n/t",
            "1:x:n/t",
            "99999999999999999999:1:n",
            "1:2:\0",
            &long,
        ] {
            assert_eq!(Place::parse(&encode(bad)), None, "{bad:?}");
        }
        for bad in ["n/demo:7", "%%%", "AAA=", "_w"] {
            assert_eq!(Place::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_filter_of_no_deeds_asks_the_database_nothing() {
        let scope = Scope::system(plantao_schema::id::Tenant::parse("north").unwrap());
        let filter = Filter {
            deeds: Some(Vec::new()),
            ..Filter::default()
        };
        assert!(Search::new(&scope, &filter, None, 10).is_none());
    }
}
