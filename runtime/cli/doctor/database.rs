//! The database's part of an installation: its version, its schema, the trail and its guards.

use super::super::context::Context;
use super::{Finding, external, span};
use crate::service;
use plantao_actors::audit::keeping::{AHEAD, ChainState, Examination, TrailState, examine};
use plantao_actors::database::TrailStorage;

/// The sequencer signs within a second; this long it may be behind a busy trail.
const UNSIGNED_US: i64 = 60_000_000;
/// Clocks apart by more than this put entries out of order.
const CLOCK_US: i64 = 2_000_000;
/// Changes that may be under way.
const UNFINISHED: i64 = 100;

pub(super) async fn look(context: &Context, is_running: bool, now_us: i64) -> Vec<Finding> {
    let config = service::database_config(&context.config, &context.config.state_dir);
    if config.embedded.is_some() && !is_running {
        let (found, todo) = (
            "the private cluster runs with the node, and that is not running",
            "start it and look again: version, schema, guards and trail were not looked at",
        );
        return vec![Finding::warn("database", found, todo)];
    }
    match examine(&config, now_us).await {
        Ok(found) => {
            let mut all = findings(&found, is_running, now_us);
            if config.embedded.is_none() {
                let hours = context.config.vault.period_hours;
                all.splice(1..1, external::look(&config, hours).await);
            }
            all
        }
        Err(error) => {
            let todo = "see the node's log; an external server needs `database.owner_url` to be \
                        able to take the roles plantao_owner and plantao_audit";
            vec![Finding::fail("database", error.to_string(), todo)]
        }
    }
}

fn findings(found: &Examination, is_running: bool, now_us: i64) -> Vec<Finding> {
    let server = format!("PostgreSQL {} answers", found.server);
    let mut all = vec![Finding::ok("database", server), schema(found)];
    all.push(clock(found.server_us.saturating_sub(now_us)));
    if let Some(trail) = &found.trail {
        all.push(storage(trail));
        all.push(partitions(trail));
        all.push(guards(trail));
        all.push(copying(trail));
        all.push(unfinished(trail));
        all.push(signed(&trail.chains, is_running, now_us));
    }
    all
}

fn schema(found: &Examination) -> Finding {
    let (what, schema, known) = ("schema", found.schema, found.known);
    let version = format!("version {schema}");
    if schema == known {
        Finding::ok(what, version)
    } else if schema < known {
        let todo = format!("start the node: it brings the schema to version {known}");
        Finding::warn(what, version, todo)
    } else {
        let found = format!("{version}, and this program knows up to {known}");
        Finding::fail(what, found, "run the newer program, or restore a backup")
    }
}

fn clock(ahead_us: i64) -> Finding {
    let what = "clock";
    if ahead_us.abs() <= CLOCK_US {
        return Finding::ok(what, "this machine's and the database's agree");
    }
    let found = format!("the database's is {} off this machine's", span(ahead_us));
    Finding::fail(
        what,
        found,
        "set both by NTP: entries are dated by this machine's",
    )
}

fn storage(trail: &TrailState) -> Finding {
    let (what, storage) = ("audit storage", &trail.storage);
    match storage.recorded {
        Some(TrailStorage::Timescale) if storage.installed.is_some() && storage.is_preloaded => {
            Finding::warn(
                what,
                "TimescaleDB, chosen at the first start",
                "this way was not run in the project's own tests, and nothing is archived or \
                 dropped in it: try an export and a restore before you rely on it",
            )
        }
        Some(TrailStorage::Timescale) => Finding::fail(
            what,
            "TimescaleDB, and its library is not loaded",
            "give the server its library back: the trail is never moved by itself",
        ),
        Some(TrailStorage::Native) if storage.is_preloaded => Finding::ok(
            what,
            "native partitions, chosen at the first start; TimescaleDB is loaded by now and is \
             not switched to",
        ),
        Some(TrailStorage::Native) => {
            Finding::ok(what, "native partitions, chosen at the first start")
        }
        None => Finding::fail(
            what,
            "no choice is written down",
            "start the node: it makes one",
        ),
    }
}

fn partitions(trail: &TrailState) -> Finding {
    let (what, ahead, stray) = ("audit partitions", trail.ahead, trail.stray);
    if trail.storage.recorded == Some(TrailStorage::Timescale) {
        return Finding::ok(what, "kept by TimescaleDB");
    }
    let archived = trail.archived;
    let found = format!("{ahead} months ahead, {archived} archived, {stray} stray entries");
    if stray > 0 {
        let todo = "a clock was wrong by months: entries of the far future stay in the alarm \
                    partition, all others are given their month by the node within the hour";
        Finding::fail(what, found, todo)
    } else if ahead < 1 {
        let todo = "see the node's log for what `partitions` cannot do: next month's entries will \
                    raise the alarm";
        Finding::fail(what, found, todo)
    } else if ahead < i64::from(AHEAD) {
        Finding::warn(what, found, "start the node: it makes them within the hour")
    } else {
        Finding::ok(what, found)
    }
}

fn guards(trail: &TrailState) -> Finding {
    let (what, holes) = ("audit guards", &trail.holes);
    let Some(first) = holes.first() else {
        return Finding::ok(
            what,
            "roles, triggers and row-level security are as they have to be",
        );
    };
    let more = holes.len() - 1;
    let found = if more == 0 {
        first.clone()
    } else {
        format!("{first}, and {more} more like it")
    };
    let todo = "somebody with the owner's rights changed this: find out who, verify the trail \
                against a checkpoint that was kept elsewhere, then put it back";
    Finding::fail(what, found, todo)
}

fn copying(trail: &TrailState) -> Finding {
    let what = "audit writer";
    if trail.may_copy {
        return Finding::ok(what, "writes large batches by COPY");
    }
    let todo = "ALTER ROLE plantao_audit BYPASSRLS, as a superuser: large batches are then faster";
    Finding::warn(
        what,
        "writes by INSERT: row-level security refuses it COPY",
        todo,
    )
}

fn unfinished(trail: &TrailState) -> Finding {
    let what = "audit entries";
    let found = format!("{} changes announced and not completed", trail.unfinished);
    if trail.unfinished > UNFINISHED {
        let todo = "a running node completes its own; those of a node that is gone are completed \
                    when it, or one of its name, starts";
        return Finding::warn(what, found, todo);
    }
    Finding::ok(what, found)
}

fn signed(chains: &[ChainState], is_running: bool, now_us: i64) -> Finding {
    let what = "audit signatures";
    let is_behind = |one: &&ChainState| {
        let since = one.signed_us.unwrap_or(one.at_us);
        one.signed < one.seq && now_us.saturating_sub(since) > UNSIGNED_US
    };
    let shorter = chains.iter().find(|one| one.signed > one.seq);
    if let Some(one) = shorter {
        let (chain, signed, seq) = (&one.chain, one.signed, one.seq);
        let found = format!("chain `{chain}` was signed up to {signed} and ends at {seq}");
        return Finding::fail(what, found, "its end was removed: restore a backup");
    }
    let behind: Vec<&ChainState> = chains.iter().filter(is_behind).collect();
    let newest = chains.iter().filter_map(|one| one.signed_us).max();
    let newest = newest.map_or_else(
        || "never signed".to_owned(),
        |at| format!("the newest {} old", span(now_us.saturating_sub(at))),
    );
    let found = format!("{} chains, {newest}", chains.len());
    match behind.first() {
        None => Finding::ok(what, found),
        Some(one) => {
            let left = one.seq.saturating_sub(one.signed);
            let found = format!(
                "{found}; `{}` has {left} entries that are not signed",
                one.chain
            );
            let todo = if is_running {
                "`plantao audit verify`: a chain that does not hold is signed no further"
            } else {
                "start the node of that chain: it signs them"
            };
            if is_running {
                Finding::fail(what, found, todo)
            } else {
                Finding::warn(what, found, todo)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Status;
    use super::*;
    use plantao_actors::database::Found;

    fn trail() -> TrailState {
        TrailState {
            storage: Found {
                recorded: Some(TrailStorage::Native),
                available: None,
                installed: None,
                is_preloaded: false,
                is_empty: false,
                server: "15.1".into(),
            },
            ahead: 3,
            stray: 0,
            archived: 0,
            holes: Vec::new(),
            may_copy: true,
            unfinished: 0,
            chains: Vec::new(),
        }
    }

    fn chain(seq: i64, signed: i64, signed_us: i64) -> ChainState {
        ChainState {
            chain: "n/t".into(),
            seq,
            at_us: signed_us,
            signed,
            signed_us: Some(signed_us),
        }
    }

    #[test]
    fn a_stray_entry_a_hole_and_a_missing_month_are_failures() {
        assert_eq!(partitions(&trail()).status, Status::Ok);
        let stray = TrailState {
            stray: 1,
            ..trail()
        };
        assert_eq!(partitions(&stray).status, Status::Fail);
        let none = TrailState {
            ahead: 0,
            ..trail()
        };
        assert_eq!(partitions(&none).status, Status::Fail);
        let few = TrailState {
            ahead: 2,
            ..trail()
        };
        assert_eq!(partitions(&few).status, Status::Warn);
        let holes = vec!["plantao_app has TRUNCATE on audit_entry".to_owned(); 3];
        let open = guards(&TrailState { holes, ..trail() });
        assert_eq!(open.status, Status::Fail);
        assert!(open.found.ends_with("and 2 more like it"), "{}", open.found);
    }

    #[test]
    fn a_storage_that_turned_up_later_is_told_and_one_that_is_gone_fails() {
        let mut loaded = trail();
        loaded.storage.is_preloaded = true;
        let said = storage(&loaded);
        assert_eq!(said.status, Status::Ok);
        assert!(said.found.contains("not switched"), "{}", said.found);
        loaded.storage.recorded = Some(TrailStorage::Timescale);
        assert_eq!(storage(&loaded).status, Status::Fail);
        loaded.storage.installed = Some("2.20.0".into());
        let said = storage(&loaded);
        assert!(said.todo.unwrap().contains("not run"));
        loaded.storage.recorded = None;
        assert_eq!(storage(&loaded).status, Status::Fail);
    }

    #[test]
    fn unsigned_entries_are_a_failure_while_a_node_runs_and_a_removed_end_always() {
        let (now, old) = (1_000_000_000, 1_000);
        assert_eq!(signed(&[chain(5, 5, old)], true, now).status, Status::Ok);
        assert_eq!(signed(&[chain(6, 5, now)], true, now).status, Status::Ok);
        assert_eq!(signed(&[chain(6, 5, old)], true, now).status, Status::Fail);
        assert_eq!(signed(&[chain(6, 5, old)], false, now).status, Status::Warn);
        assert_eq!(signed(&[chain(4, 5, now)], false, now).status, Status::Fail);
    }

    #[test]
    fn a_schema_of_another_version_and_clocks_apart_say_what_to_do() {
        let of = |schema| Examination {
            server: "15.1".into(),
            server_us: 0,
            schema,
            known: 6,
            trail: None,
        };
        assert_eq!(schema(&of(6)).status, Status::Ok);
        assert_eq!(schema(&of(3)).status, Status::Warn);
        assert_eq!(schema(&of(7)).status, Status::Fail);
        assert_eq!(clock(-1_000_000).status, Status::Ok);
        assert_eq!(
            clock(-7_200_000_000).found,
            "the database's is 2 h off this machine's"
        );
    }
}
