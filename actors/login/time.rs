//! This system's time as the database takes and gives it.

use plantao_schema::time::Timestamp;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

pub(super) fn to_database(at: Timestamp) -> SystemTime {
    UNIX_EPOCH + Duration::from_micros(u64::try_from(at.micros()).unwrap_or_default())
}

pub(super) fn from_database(at: SystemTime) -> Timestamp {
    let since = at.duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_micros(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
}
