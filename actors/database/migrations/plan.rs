//! What a run of migrations will do, known and told before any of it is done.
//!
//! Pure: from what a schema's history says, what this program knows and what was asked for, to the
//! steps between. Refuses a history that is not a prefix of this program's migrations, word for
//! word: what stands on another text cannot be taken back by ours.

use super::back::{BACK, destroys};
use super::{MIGRATIONS, MigrationError, describe};
use crate::database::migrations::statements::count;
use refinery::Migration;

/// Which way a step goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// To a newer schema.
    Forward,
    /// To an older one.
    Back,
}

/// One migration to run, in a transaction of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// Its number.
    pub version: i32,
    /// Its name.
    pub name: String,
    /// Which way.
    pub direction: Direction,
    /// What is run.
    pub sql: &'static str,
    /// How many statements that is.
    pub statements: usize,
    /// The data that is gone once it ran; none for a step forward.
    pub destroys: Option<&'static str>,
}

/// Where the schema is, where it is to be, and the steps between.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// The version that was found; 0 without a schema.
    pub from: i32,
    /// The version asked for.
    pub to: i32,
    /// In the order in which they run.
    pub steps: Vec<Step>,
}

impl Plan {
    /// Whether any step takes something back.
    #[must_use]
    pub fn goes_back(&self) -> bool {
        self.steps
            .iter()
            .any(|step| step.direction == Direction::Back)
    }
}

/// Why there is no plan, or why it is not carried out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// No migration has that number.
    #[error("there is no schema version `{asked}`: expected 0 to {newest}")]
    NoSuchVersion {
        /// What was asked for.
        asked: i32,
        /// The newest there is.
        newest: i32,
    },
    /// What was applied is not what this program would have applied.
    #[error(
        "migration {version} (`{name}`) is not the one that was applied to this database: run the \
         program that applied it, or restore a backup"
    )]
    Divergent {
        /// Its number.
        version: i32,
        /// The name in the database.
        name: String,
    },
    /// A migration below the newest applied one was never applied.
    #[error("migration {version} was never applied although later ones were: restore a backup")]
    Skipped {
        /// Its number.
        version: i32,
    },
    /// A migration that cannot be taken back.
    #[error("migration {version} has no way back")]
    NoWayBack {
        /// Its number.
        version: i32,
    },
    /// Going back destroys data, and nobody said that it may.
    #[error("going back destroys what is told above: make a backup, then say `--yes`")]
    Unconfirmed,
    /// A runtime has the database open.
    #[error(
        "{connections} connections of a running plantao are open: stop it first, or say `--force`"
    )]
    Serving {
        /// How many.
        connections: i64,
    },
}

/// A row of the history.
#[derive(Clone, Debug)]
pub(super) struct Applied {
    pub(super) version: i32,
    pub(super) name: String,
    pub(super) checksum: String,
}

/// The newest version that this program knows.
pub(super) fn newest() -> Result<i32, MigrationError> {
    Ok(known()?.iter().map(Migration::version).max().unwrap_or(0))
}

/// Every migration of this program, in order.
pub(super) fn known() -> Result<Vec<Migration>, MigrationError> {
    let parsed = MIGRATIONS
        .iter()
        .map(|(name, sql)| Migration::unapplied(name, sql));
    let mut known =
        parsed
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| MigrationError::Failed {
                reason: describe(&error),
            })?;
    known.sort();
    Ok(known)
}

/// The steps from a history to a version; to the newest without one.
pub(super) fn plan(applied: &[Applied], to: Option<i32>) -> Result<Plan, MigrationError> {
    let known = known()?;
    let newest = newest()?;
    let from = applied.iter().map(|row| row.version).max().unwrap_or(0);
    if from > newest {
        let known = newest;
        return Err(MigrationError::Newer { found: from, known });
    }
    let to = to.unwrap_or(newest);
    if to != 0 && !known.iter().any(|one| one.version() == to) {
        return Err(PlanError::NoSuchVersion { asked: to, newest }.into());
    }
    refuse_divergent(&known, applied)?;
    let mut steps = Vec::new();
    for one in &known {
        let version = one.version();
        let is_applied = applied.iter().any(|row| row.version == version);
        if !is_applied && version < from {
            return Err(PlanError::Skipped { version }.into());
        }
        if !is_applied && version <= to {
            steps.push(forward(one)?);
        }
    }
    for one in known.iter().rev() {
        let is_applied = applied.iter().any(|row| row.version == one.version());
        if is_applied && one.version() > to {
            steps.push(back(one)?);
        }
    }
    Ok(Plan { from, to, steps })
}

fn refuse_divergent(known: &[Migration], applied: &[Applied]) -> Result<(), PlanError> {
    for row in applied {
        let ours = known.iter().find(|one| one.version() == row.version);
        let same = ours.is_some_and(|one| {
            one.name() == row.name && one.checksum().to_string() == row.checksum
        });
        if !same {
            let (version, name) = (row.version, row.name.clone());
            return Err(PlanError::Divergent { version, name });
        }
    }
    Ok(())
}

fn forward(one: &Migration) -> Result<Step, MigrationError> {
    let found = MIGRATIONS.iter().find(|(name, _)| {
        Migration::unapplied(name, "").is_ok_and(|m| m.version() == one.version())
    });
    let (_, sql) = found.ok_or(PlanError::NoSuchVersion {
        asked: one.version(),
        newest: one.version(),
    })?;
    Ok(Step {
        version: one.version(),
        name: one.name().to_owned(),
        direction: Direction::Forward,
        sql,
        statements: count(sql),
        destroys: None,
    })
}

fn back(one: &Migration) -> Result<Step, MigrationError> {
    let version = one.version();
    let found = BACK.iter().find(|(number, _)| *number == version);
    let (_, sql) = found.ok_or(PlanError::NoWayBack { version })?;
    Ok(Step {
        version,
        name: one.name().to_owned(),
        direction: Direction::Back,
        sql,
        statements: count(sql),
        destroys: Some(destroys(sql).ok_or(PlanError::NoWayBack { version })?),
    })
}
