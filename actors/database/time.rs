//! This system's time as PostgreSQL takes and gives it; times before 1970 are not stored.

use plantao_schema::time::Timestamp;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Our time as PostgreSQL's.
pub(crate) fn to_database(at: Timestamp) -> SystemTime {
    UNIX_EPOCH + Duration::from_micros(u64::try_from(at.micros()).unwrap_or_default())
}

/// PostgreSQL's time as ours.
pub(crate) fn from_database(at: SystemTime) -> Timestamp {
    let since = at.duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_micros(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
}
