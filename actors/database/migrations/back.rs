//! The ways back: one file of `schema/migrations/down` for each migration, which undoes it exactly.
//!
//! The first line of each says what data is gone once it has run; a file without that line is
//! refused, for nobody could be asked.

/// By number.
pub(super) const BACK: &[(i32, &str)] = &[
    (
        1,
        include_str!("../../../schema/migrations/down/V1__foundation.sql"),
    ),
    (
        2,
        include_str!("../../../schema/migrations/down/V2__live_pages.sql"),
    ),
    (
        3,
        include_str!("../../../schema/migrations/down/V3__transparency_log.sql"),
    ),
    (
        4,
        include_str!("../../../schema/migrations/down/V4__commitments.sql"),
    ),
    (
        5,
        include_str!("../../../schema/migrations/down/V5__keys.sql"),
    ),
    (
        6,
        include_str!("../../../schema/migrations/down/V6__partitions.sql"),
    ),
    (
        7,
        include_str!("../../../schema/migrations/down/V7__audit_search.sql"),
    ),
    (
        8,
        include_str!("../../../schema/migrations/down/V8__key_periods.sql"),
    ),
];

/// What the first line says is destroyed.
pub(super) fn destroys(sql: &str) -> Option<&str> {
    sql.lines().next()?.strip_prefix("-- Destroys: ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::database::migrations::plan::known;

    #[test]
    fn every_migration_has_a_way_back_that_says_what_it_destroys() {
        for migration in known().unwrap() {
            let version = migration.version();
            let found = BACK.iter().find(|(number, _)| *number == version);
            let (_, sql) = found.unwrap_or_else(|| panic!("migration {version} has no way back"));
            assert!(
                destroys(sql).is_some_and(|told| told.len() > 10),
                "{version}"
            );
        }
        assert_eq!(BACK.len(), known().unwrap().len());
    }
}
