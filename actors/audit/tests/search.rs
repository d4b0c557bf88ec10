//! Searches of the trail against a naive model of them, and what they read to find it.

use super::*;
use crate::audit::search::Search;
use crate::database::testing::TestSession;
use plantao_schema::access::Action;
use plantao_schema::audit::{Deed, Told, deeds};
use std::collections::BTreeSet;

/// A moment that many entries share.
const SAME: i64 = 1_700_000_000_000_000;

/// Writes entries into a node's chain of their tenant, as one batch.
async fn put(session: &TestSession, node: &str, entries: &[Entry]) {
    let insert = store::prepare_insert(session).await.unwrap();
    let batch = batch::Batch::chain(node, &batch::Heads::new(), entries.iter());
    store::insert(session, &insert, &batch.rows).await.unwrap();
}

/// Entries that differ in everything a search asks for, many of them at one moment.
fn varied(tenant: &str, number: usize) -> Vec<Entry> {
    let one = |n: usize| {
        let mixed = |salt: u64| {
            let spread = (n as u64 + 1) * (2 * salt + 3);
            usize::try_from(spread.wrapping_mul(2_654_435_761) >> 11).unwrap()
        };
        let choose = |from: &[&str], salt| from[mixed(salt) % from.len()].to_owned();
        Entry {
            at: Timestamp::from_micros(SAME + i64::try_from(n / 20).unwrap()),
            principal: choose(&["ana", "bia", "caio"], 1),
            patient: Some(choose(&["", "maria", "joao"], 2)).filter(|id| !id.is_empty()),
            action: choose(&["read", "write", "search", "operate", "submit"], 3),
            resource_kind: choose(&["patient", "bundle", "ward", "session"], 4),
            resource_id: Some(format!("r-{n}")).filter(|_| !mixed(5).is_multiple_of(2)),
            outcome: [Outcome::Success, Outcome::Refused, Outcome::Failed][mixed(6) % 3],
            severity: [Severity::Info, Severity::Warning, Severity::Critical][mixed(7) % 3],
            ..entry(tenant)
        }
    };
    (0..number).map(one).collect()
}

async fn pages(test: &TestDatabase, tenant: &str, filter: &Filter, limit: i64) -> Vec<Told> {
    let (database, scope) = (test.database(), scope(tenant));
    let (mut all, mut place) = (Vec::new(), None);
    loop {
        let page = AuditLog::search(&database, &scope, filter, place.as_ref(), limit);
        let page = page.await.unwrap();
        assert!(page.entries.len() <= usize::try_from(limit).unwrap());
        all.extend(page.entries);
        match page.next {
            Some(next) => place = Some(Place::parse(&next.to_string()).unwrap()),
            None => return all,
        }
    }
}

fn matches(filter: &Filter, entry: &Entry) -> bool {
    let is = |wanted: &Option<String>, is: Option<&str>| {
        wanted.as_deref().is_none_or(|wanted| Some(wanted) == is)
    };
    is(&filter.principal, Some(&entry.principal))
        && is(&filter.patient, entry.patient.as_deref())
        && filter.since.is_none_or(|since| entry.at >= since)
        && filter.until.is_none_or(|until| entry.at < until)
        && filter
            .outcome
            .is_none_or(|outcome| entry.outcome == outcome)
        && filter
            .severity
            .is_none_or(|severity| entry.severity == severity)
        && filter
            .deeds
            .as_ref()
            .is_none_or(|deeds| deeds.iter().any(|deed| deed.is(entry)))
}

/// Every combination of conditions; each value occurs.
fn filters() -> Vec<Filter> {
    let mut all = vec![Filter::default()];
    let mut cross = |change: &[fn(&mut Filter)]| {
        let before = all.clone();
        for change in change {
            all.extend(before.iter().cloned().map(|mut filter| {
                change(&mut filter);
                filter
            }));
        }
    };
    cross(&[|f| f.principal = Some("ana".into())]);
    cross(&[|f| f.patient = Some("maria".into())]);
    cross(&[|f| {
        f.since = Some(Timestamp::from_micros(SAME + 2));
        f.until = Some(Timestamp::from_micros(SAME + 9));
    }]);
    cross(&[
        |f| f.deeds = Some(vec![Deed::any(Action::Operate)]),
        |f| f.deeds = Some(vec![Deed::any(Action::Read)]),
        |f| f.deeds = deeds("C").map(<[_]>::to_vec),
        |f| f.deeds = deeds("U").map(<[_]>::to_vec),
        |f| f.deeds = deeds("E").map(<[_]>::to_vec),
        |f| f.deeds = deeds("D").map(<[_]>::to_vec),
    ]);
    cross(&[|f| f.outcome = Some(Outcome::Refused)]);
    cross(&[|f| f.severity = Some(Severity::Critical)]);
    all
}

#[tokio::test]
async fn every_search_finds_page_by_page_what_a_look_at_every_entry_finds() {
    let test = TestDatabase::create().await;
    let session = test.session(Login::Audit).await;
    // Two chains, and entries of one moment in both.
    put(&session, "node-1", &varied("north", 300)).await;
    put(&session, "node-2", &varied("north", 300)).await;
    put(&session, "node-1", &varied("south", 10)).await;
    let every = pages(&test, "north", &Filter::default(), 1_000).await;
    assert_eq!(every.len(), 600);
    let order = |told: &Told| (told.item.entry.at, told.item.chain.clone(), told.item.seq);
    assert!(
        every.windows(2).all(|two| order(&two[0]) > order(&two[1])),
        "newest first"
    );
    let mut found = 0;
    for filter in filters() {
        let expected: Vec<_> = every
            .iter()
            .filter(|told| matches(&filter, &told.item.entry))
            .cloned()
            .collect();
        found += usize::from(!expected.is_empty());
        assert_eq!(
            pages(&test, "north", &filter, 17).await,
            expected,
            "{filter:?}"
        );
    }
    assert!(found > 163, "only {found} of the filters found anything");
}

#[tokio::test]
async fn entries_that_arrive_while_pages_are_read_move_nothing() {
    let test = TestDatabase::create().await;
    let session = test.session(Login::Audit).await;
    put(&session, "node-1", &varied("north", 23)).await;
    let (database, scope) = (test.database(), scope("north"));
    let before: Vec<_> = pages(&test, "north", &Filter::default(), 1_000).await;
    let (mut read, mut place, mut arrivals) = (Vec::new(), None, 0);
    loop {
        let filter = Filter::default();
        let page = AuditLog::search(&database, &scope, &filter, place.as_ref(), 5).await;
        let page = page.unwrap();
        read.extend(page.entries);
        arrivals += 1;
        // At the newest moment there was, and later.
        let newest = before[0].item.entry.at.micros();
        let at = |us| Entry {
            at: Timestamp::from_micros(us),
            ..entry("north")
        };
        put(
            &session,
            &format!("node-9{arrivals}"),
            &[at(newest), at(newest + 99)],
        )
        .await;
        match page.next {
            Some(next) => place = Some(next),
            None => break,
        }
    }
    assert_eq!(
        read, before,
        "what was there is read once, and nothing else"
    );
    let after = pages(&test, "north", &Filter::default(), 5).await;
    assert_eq!(after.len(), before.len() + 2 * arrivals);
}

#[tokio::test]
async fn a_place_of_one_tenant_opens_nothing_of_another() {
    let test = TestDatabase::create().await;
    let session = test.session(Login::Audit).await;
    put(&session, "node-1", &varied("north", 60)).await;
    put(&session, "node-1", &varied("south", 6)).await;
    let filter = Filter::default();
    let north = AuditLog::search(&test.database(), &scope("north"), &filter, None, 3).await;
    let place = north.unwrap().next.unwrap();
    for tenant in ["south", "east"] {
        let scope = scope(tenant);
        let page = AuditLog::search(&test.database(), &scope, &filter, Some(&place), 100).await;
        let page = page.unwrap();
        let tenants: BTreeSet<_> = page
            .entries
            .iter()
            .map(|told| told.item.entry.tenant.to_string())
            .collect();
        let expected = BTreeSet::from(["south".to_owned()]);
        assert_eq!(
            tenants,
            if tenant == "south" {
                expected
            } else {
                BTreeSet::new()
            }
        );
    }
}

#[tokio::test]
async fn what_is_opened_and_completed_is_told_once_with_its_beginning() {
    let test = TestDatabase::create().await;
    let clock = clock();
    let log = AuditLog::new(clock.clone());
    let tree = writer(&log, test.config()).await;
    let opened = Timestamp::from_micros(SAME);
    let done = log.open(entry("north")).await.unwrap();
    let (done_id, open) = (done.id(), log.open(entry("north")).await.unwrap());
    log.complete(done, Outcome::Success).await.unwrap();
    log.append(entry("north")).await.unwrap();
    let raw = pages(&test, "north", &Filter::default(), 2).await;
    assert_eq!(raw.len(), 4);
    assert!(raw.iter().all(|told| told.began.is_none()));
    let once = Filter {
        once: true,
        ..Filter::default()
    };
    let told = pages(&test, "north", &once, 2).await;
    assert_eq!(told.len(), 3);
    let completed = told
        .iter()
        .find(|told| told.item.entry.opens == Some(done_id))
        .unwrap();
    assert_eq!(completed.began, Some(opened));
    let pending = told
        .iter()
        .find(|told| told.item.entry.id == open.id())
        .unwrap();
    assert_eq!(pending.item.entry.outcome, Outcome::Pending);
    assert!(told.iter().all(|told| told.item.entry.id != done_id));
    log.complete(open, Outcome::Failed).await.unwrap();
    tree.shutdown().await;
}

/// A trail of 60,000 entries of one tenant and 20,000 of another, with what is common and what is
/// rare in it.
const TRAIL: &str = "INSERT INTO audit_entry SELECT 'n/' || t, n, md5(t || n)::uuid, \
     1700000000000000 + n * 1000, \
     CASE n % 10 WHEN 0 THEN 'opened' WHEN 1 THEN 'completed' ELSE 'single' END, \
     CASE n % 10 WHEN 1 THEN md5(t || n - 1)::uuid END, \
     CASE WHEN n % 4001 = 0 THEN 'critical' WHEN n % 997 = 0 THEN 'warning' ELSE 'info' END, \
     t, 'u' || n % 40, 'physician', \
     CASE WHEN n % 5003 = 0 THEN 'operate' WHEN n % 7 = 0 THEN 'write' \
          WHEN n % 11 = 0 THEN 'search' ELSE 'read' END, \
     CASE WHEN n % 13 = 0 THEN 'bundle' ELSE 'patient' END, \
     CASE WHEN n % 3 > 0 THEN 'r' || n % 300 END, CASE WHEN n % 5 > 0 THEN 'p' || n % 300 END, \
     'treatment', 'allow', 80, 'x', 'r', \
     CASE WHEN n % 997 = 0 THEN 'refused' WHEN n % 10 = 0 THEN 'pending' ELSE 'success' END, \
     NULL, decode(repeat('00', 32), 'hex'), decode(repeat('00', 32), 'hex') \
     FROM (VALUES ('north', 60000), ('south', 20000)) AS v(t, many), \
     generate_series(1, many) AS n";

/// Rows of the trail that a search read one after the other, and rows that it fetched by an index.
async fn rows_read(session: &TestSession, search: &Search) -> (i64, i64) {
    session.batch_execute("BEGIN").await.unwrap();
    let declare = "SELECT set_config('plantao.tenant', 'north', true)";
    session.query(declare, &[]).await.unwrap();
    // What earlier transactions of the session read is in the counts until the server takes it out,
    // which it does between transactions.
    let before = counts(session).await;
    let params = search.query.params();
    session.query(&search.sql, &params).await.unwrap();
    let after = counts(session).await;
    session.batch_execute("ROLLBACK").await.unwrap();
    (after.0 - before.0, after.1 - before.1)
}

async fn counts(session: &TestSession) -> (i64, i64) {
    let counts = "SELECT coalesce(sum(seq_tup_read), 0)::int8, \
         coalesce(sum(idx_tup_fetch), 0)::int8 \
         FROM pg_stat_xact_user_tables WHERE relname LIKE 'audit_entry%'";
    let row = session.query_one(counts, &[]).await.unwrap();
    (row.get(0), row.get(1))
}

async fn plan(session: &TestSession, search: &Search) -> String {
    session.batch_execute("BEGIN").await.unwrap();
    let declare = "SELECT set_config('plantao.tenant', 'north', true)";
    session.query(declare, &[]).await.unwrap();
    let explain = format!("EXPLAIN {}", search.sql);
    let rows = session
        .query(&explain, &search.query.params())
        .await
        .unwrap();
    session.batch_execute("ROLLBACK").await.unwrap();
    rows.iter()
        .map(|row| row.get::<_, String>(0) + "\n")
        .collect()
}

#[tokio::test]
async fn no_search_reads_the_whole_trail_whatever_it_asks_for() {
    let test = TestDatabase::create().await;
    let owner = test.session(Login::Owner).await;
    owner.batch_execute(TRAIL).await.unwrap();
    owner.batch_execute("ANALYZE audit_entry").await.unwrap();
    let session = test.session(Login::Application).await;
    let middle = Filter {
        until: Some(Timestamp::from_micros(1_700_000_030_000_000)),
        ..Filter::default()
    };
    let middle = AuditLog::search(&test.database(), &scope("north"), &middle, None, 1).await;
    let places = [None, middle.unwrap().next];
    assert!(places[1].is_some());
    let mut searches = 0;
    // As the values are known, and as a statement that was prepared long ago is planned.
    for mode in ["force_custom_plan", "force_generic_plan"] {
        let set = format!("SET plan_cache_mode = {mode}");
        session.batch_execute(&set).await.unwrap();
        for (place, once) in [(0, false), (0, true), (1, false), (1, true)] {
            for mut filter in filters() {
                filter.once = once;
                filter.principal = filter.principal.map(|_| "u3".into());
                filter.patient = filter.patient.map(|_| "p13".into());
                filter.since = filter
                    .since
                    .map(|_| Timestamp::from_micros(1_700_000_010_000_000));
                filter.until = filter
                    .until
                    .map(|_| Timestamp::from_micros(1_700_000_050_000_000));
                let scope = scope("north");
                let Some(search) = Search::new(&scope, &filter, places[place].as_ref(), 20) else {
                    continue;
                };
                let (one_by_one, by_index) = rows_read(&session, &search).await;
                assert_eq!(
                    one_by_one,
                    0,
                    "{mode}: {filter:?}\n{}",
                    plan(&session, &search).await
                );
                // The rarest condition's entries, or the page's: a twentieth of the trail at most.
                assert!(
                    by_index <= 4_000,
                    "{by_index} by index, {mode}: {filter:?}\n{}",
                    plan(&session, &search).await
                );
                searches += 1;
            }
        }
    }
    assert_eq!(searches, 2 * 4 * 6 * 2 * 2 * 2 * 2 * 2);
    // The measure itself sees what it is there for.
    let whole = Search::new(&scope("north"), &Filter::default(), None, 20).unwrap();
    let whole = Search {
        sql: whole
            .sql
            .replace("ORDER BY at_us DESC", "ORDER BY score DESC, at_us DESC"),
        ..whole
    };
    session
        .batch_execute(
            "SET enable_indexscan = off; SET enable_bitmapscan = off; \
             SET max_parallel_workers_per_gather = 0",
        )
        .await
        .unwrap();
    assert!(rows_read(&session, &whole).await.0 >= 60_000);
    assert!(
        plan(&session, &whole)
            .await
            .contains("Seq Scan on audit_entry")
    );
}
