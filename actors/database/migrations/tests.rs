//! Migrations on a real server: there, back and there again, told first, one at a time, refused.

use super::*;
use crate::database::pool::PoolError;
use crate::database::postgres::{Layout, programs};
use crate::database::testing::TestDatabase;
use crate::database::{DatabaseConfig, Login};
use std::process::Command;

/// The schema as `pg_dump` writes it down, without what differs from one dump to the next.
fn dump(config: &DatabaseConfig) -> String {
    let embedded = config.embedded.as_ref().unwrap();
    let (programs, _) = programs(embedded).unwrap();
    let output = Command::new(programs.join("pg_dump"))
        .args(["--schema-only", "--username=postgres", "--host"])
        .arg(Layout::of(embedded).unwrap().socket_dir)
        .arg(&config.database)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let text = String::from_utf8(output.stdout).unwrap();
    let kept = text.lines().filter(|line| !line.starts_with('\\'));
    kept.collect::<Vec<_>>().join("\n")
}

fn to(version: i32) -> Wish {
    Wish {
        to: Some(version),
        confirmed: true,
        ..Wish::default()
    }
}

async fn run(config: &DatabaseConfig, wish: Wish) -> Result<Plan, PoolError> {
    migrate_to(config, wish, &mut |_| {}).await
}

/// What a run refused; a run that did not refuse fails the test.
async fn refused(config: &DatabaseConfig, wish: Wish) -> MigrationError {
    match run(config, wish).await {
        Err(PoolError::Migration(error)) => error,
        other => panic!("not refused: {other:?}"),
    }
}

fn numbers(plan: &Plan) -> Vec<i32> {
    plan.steps.iter().map(|step| step.version).collect()
}

#[tokio::test]
async fn there_back_to_nothing_and_there_again_is_the_same_schema() {
    let test = TestDatabase::create().await;
    let config = test.config();
    let newest = plan::newest().unwrap();
    let first = dump(&config);
    assert!(
        first.contains("CREATE TABLE plantao.audit_entry"),
        "{first}"
    );
    let (mut told, mut back) = (Vec::new(), Vec::new());
    let plan = migrate_to(&config, to(0), &mut |news| match news {
        Told::Plan(plan) => told.extend(numbers(plan)),
        Told::Done(step) => back.push(step.version),
    })
    .await
    .unwrap();
    assert_eq!(told, (1..=newest).rev().collect::<Vec<_>>());
    assert_eq!(back, told, "each step is told once it is committed");
    assert!(
        plan.steps
            .iter()
            .all(|step| step.destroys.is_some() && step.statements > 0)
    );
    let nothing = dump(&config);
    assert!(
        !nothing.contains("CREATE TABLE plantao.audit_entry"),
        "{nothing}"
    );
    assert!(!nothing.contains("CREATE FUNCTION"), "{nothing}");
    let tables = nothing.matches("CREATE TABLE").count();
    assert_eq!(tables, 1, "the history alone is left: {nothing}");
    run(&config, Wish::default()).await.unwrap();
    assert_eq!(dump(&config), first);
    // And each step for itself.
    for version in (0..newest).rev() {
        run(&config, to(version)).await.unwrap();
        let below = dump(&config);
        run(&config, to(version + 1)).await.unwrap();
        run(&config, to(version)).await.unwrap();
        assert_eq!(dump(&config), below, "version {version}");
    }
    run(&config, Wish::default()).await.unwrap();
    assert_eq!(dump(&config), first);
}

#[tokio::test]
async fn a_dry_run_tells_the_plan_and_changes_nothing() {
    let test = TestDatabase::create().await;
    let config = test.config();
    let before = dump(&config);
    let dry_run = true;
    let wish = Wish { dry_run, ..to(0) };
    let plan = run(&config, wish).await.unwrap();
    assert_eq!(
        plan.steps.len(),
        usize::try_from(plan::newest().unwrap()).unwrap()
    );
    assert_eq!(dump(&config), before);
    run(&config, to(0)).await.unwrap();
    let nothing = dump(&config);
    let plan = run(
        &config,
        Wish {
            dry_run,
            ..Wish::default()
        },
    )
    .await
    .unwrap();
    assert!(!plan.steps.is_empty() && !plan.goes_back());
    assert_eq!(dump(&config), nothing);
}

#[tokio::test]
async fn going_back_is_refused_until_somebody_confirms_it() {
    let test = TestDatabase::create().await;
    let config = test.config();
    let before = dump(&config);
    let wish = Wish {
        confirmed: false,
        ..to(1)
    };
    let error = refused(&config, wish).await;
    assert!(
        matches!(error, MigrationError::Plan(PlanError::Unconfirmed)),
        "{error}"
    );
    assert_eq!(dump(&config), before);
}

#[tokio::test]
async fn a_database_that_a_runtime_has_open_is_refused_unless_forced() {
    let test = TestDatabase::create().await;
    let config = test.config();
    test.database().ping().await.unwrap();
    let error = refused(&config, to(2)).await;
    let serving = PlanError::Serving { connections: 1 };
    assert!(
        matches!(&error, MigrationError::Plan(found) if *found == serving),
        "{error}"
    );
    let plan = run(
        &config,
        Wish {
            forced: true,
            ..to(2)
        },
    )
    .await
    .unwrap();
    assert!(plan.goes_back());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn runs_at_once_wait_for_each_other() {
    let test = TestDatabase::create().await;
    let config = test.config();
    let whole = dump(&config);
    run(&config, to(0)).await.unwrap();
    let runs = (0..4).map(|_| run(&config, Wish::default()));
    let plans = futures_util::future::try_join_all(runs).await.unwrap();
    let at_work: Vec<_> = plans.iter().filter(|plan| !plan.steps.is_empty()).collect();
    assert_eq!(at_work.len(), 1, "{plans:?}");
    assert_eq!(dump(&config), whole);
}

#[tokio::test]
async fn a_newer_schema_a_changed_migration_and_a_hole_are_refused_whatever_is_asked_for() {
    let test = TestDatabase::create().await;
    let config = test.config();
    let history = |statement: &'static str| {
        let test = &test;
        async move {
            let owner = test.session(Login::Owner).await;
            owner.batch_execute(statement).await.unwrap();
        }
    };
    let forced = |version| Wish {
        forced: true,
        ..to(version)
    };
    history("INSERT INTO refinery_schema_history VALUES (999, 'later', '2030', '1')").await;
    for wish in [forced(0), forced(1), Wish::default()] {
        let error = refused(&config, wish).await;
        assert!(
            matches!(error, MigrationError::Newer { found: 999, .. }),
            "{error}"
        );
    }
    history("DELETE FROM refinery_schema_history WHERE version = 999").await;
    let error = refused(&config, forced(77)).await;
    assert!(
        error.to_string().contains("no schema version `77`"),
        "{error}"
    );
    history(
        "UPDATE refinery_schema_history SET checksum = checksum::numeric + 1 WHERE version = 2",
    )
    .await;
    let error = refused(&config, forced(0)).await;
    let divergent = matches!(
        error,
        MigrationError::Plan(PlanError::Divergent { version: 2, .. })
    );
    assert!(divergent, "{error}");
    history("DELETE FROM refinery_schema_history WHERE version = 2").await;
    let error = refused(&config, forced(0)).await;
    let skipped = MigrationError::Plan(PlanError::Skipped { version: 2 });
    assert_eq!(error.to_string(), skipped.to_string());
}
