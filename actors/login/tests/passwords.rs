//! Name, password and code: refusals as hard as successes.

use super::super::account::{FAILURES_MAX, LOCKED_SECONDS};
use super::*;
use futures_util::future::join_all;

const REFUSED: Result<Identity, LogInError> = Err(LogInError::Refused);

#[tokio::test]
async fn name_password_and_code_together_let_in_and_nothing_less_does() {
    let hospital = hospital().await;
    let ana = hospital.add("ana", PASSWORD).await.unwrap();
    let code = ana.code(hospital.clock.now());
    assert_eq!(
        hospital.log_in("ana", "another password", &code).await,
        REFUSED
    );
    assert_eq!(hospital.log_in("ana", PASSWORD, "").await, REFUSED);
    let other = if code == "000000" { "000001" } else { "000000" };
    assert_eq!(hospital.log_in("ana", PASSWORD, other).await, REFUSED);
    assert_eq!(hospital.log_in("anna", PASSWORD, &code).await, REFUSED);
    assert_eq!(hospital.log_in("an/a", PASSWORD, &code).await, REFUSED);
    let identity = hospital.log_in("ana", PASSWORD, &code).await.unwrap();
    assert_eq!(identity.subject.as_str(), "ana");
    assert_eq!(
        (identity.tenant, identity.role.as_str()),
        (demo(), "physician")
    );
    assert!(identity.multi_factor);
    assert_eq!(identity.authenticated_at, hospital.clock.now());
    hospital.tree.shutdown().await;
}

#[tokio::test]
async fn an_account_of_one_institution_is_none_of_another() {
    let hospital = hospital().await;
    let ana = hospital.add("ana", PASSWORD).await.unwrap();
    let attempt = Attempt {
        tenant: Tenant::parse("another").unwrap(),
        name: "ana".into(),
        password: PASSWORD.into(),
        code: ana.code(hospital.clock.now()).into(),
        peer: HERE,
    };
    assert_eq!(hospital.log_ins.password(attempt).await, REFUSED);
    hospital.tree.shutdown().await;
}

#[tokio::test]
async fn a_code_is_taken_once_even_by_two_at_once_and_no_earlier_one_afterwards() {
    let hospital = hospital().await;
    let ana = hospital.add("ana", PASSWORD).await.unwrap();
    let before = ana.code(hospital.clock.now().plus_seconds(-30));
    let both = join_all([hospital.right(&ana), hospital.right(&ana)]).await;
    let let_in = both.iter().filter(|one| one.is_ok()).count();
    assert_eq!(let_in, 1, "{both:?}");
    assert!(both.contains(&REFUSED));
    assert_eq!(hospital.log_in("ana", PASSWORD, &before).await, REFUSED);
    hospital.pass(30);
    assert!(
        hospital.right(&ana).await.is_ok(),
        "the next code is another"
    );
    hospital.tree.shutdown().await;
}

#[tokio::test]
async fn five_wrong_tries_lock_an_account_for_a_quarter_of_an_hour_across_restarts() {
    let hospital = hospital().await;
    let ana = hospital.add("ana", PASSWORD).await.unwrap();
    for _ in 0..FAILURES_MAX {
        assert_eq!(hospital.log_in("ana", "wrong", "000000").await, REFUSED);
    }
    assert_eq!(hospital.right(&ana).await, REFUSED);
    let locked = hospital.log_ins.locked().await;
    assert_eq!((locked.tenant, locked.principal.as_str()), (demo(), "ana"));
    assert_eq!(locked.until, locked.at.plus_seconds(LOCKED_SECONDS));
    let more = futures_util::FutureExt::now_or_never(hospital.log_ins.locked());
    assert_eq!(more, None, "one lock is told of once");
    let mut changes = hospital.policy.changes();
    hospital.tree.kill("t/log_ins").unwrap();
    changes.changed().await.unwrap();
    let deadline = Instant::now() + Duration::from_secs(20);
    while hospital.right(&ana).await != REFUSED {
        assert!(Instant::now() < deadline, "the desk did not come back");
    }
    hospital.pass(LOCKED_SECONDS - 1);
    assert_eq!(hospital.right(&ana).await, REFUSED);
    hospital.pass(1);
    assert!(hospital.right(&ana).await.is_ok());
    let failed = "SELECT failed::bigint FROM account WHERE locked_until IS NULL";
    assert_eq!(hospital.count(failed).await, 0);
    hospital.tree.shutdown().await;
}

#[tokio::test]
async fn after_a_lock_there_are_five_tries_again_and_a_right_one_clears_the_count() {
    let hospital = hospital().await;
    let ana = hospital.add("ana", PASSWORD).await.unwrap();
    for _ in 0..FAILURES_MAX {
        assert_eq!(hospital.log_in("ana", "wrong", "000000").await, REFUSED);
    }
    hospital.pass(LOCKED_SECONDS);
    for _ in 1..FAILURES_MAX {
        assert_eq!(hospital.log_in("ana", "wrong", "000000").await, REFUSED);
    }
    assert!(hospital.right(&ana).await.is_ok(), "the fifth was right");
    hospital.pass(30);
    assert_eq!(hospital.log_in("ana", "wrong", "000000").await, REFUSED);
    assert!(hospital.right(&ana).await.is_ok());
    hospital.tree.shutdown().await;
}

#[tokio::test]
async fn tries_made_at_once_are_counted_one_by_one() {
    let hospital = hospital().await;
    let ana = hospital.add("ana", PASSWORD).await.unwrap();
    let tries = (0..12).map(|_| hospital.log_in("ana", "wrong", "000000"));
    assert!(join_all(tries).await.iter().all(|one| *one == REFUSED));
    let failed = "SELECT failed::bigint FROM account";
    assert_eq!(hospital.count(failed).await, i64::from(FAILURES_MAX));
    assert_eq!(hospital.right(&ana).await, REFUSED, "it is locked");
    hospital.tree.shutdown().await;
}

#[tokio::test]
async fn an_address_that_is_refused_often_waits_before_anything_is_checked() {
    let hospital = hospital().await;
    let tries = (0..20).map(|number| {
        let hospital = &hospital;
        async move {
            hospital
                .log_in(&format!("p{number}"), "wrong", "000000")
                .await
        }
    });
    assert!(join_all(tries).await.iter().all(|one| *one == REFUSED));
    let throttled = hospital.log_in("ana", PASSWORD, "000000").await;
    assert!(
        matches!(throttled, Err(LogInError::Throttled { .. })),
        "{throttled:?}"
    );
    let elsewhere = Attempt {
        tenant: demo(),
        name: "ana".into(),
        password: PASSWORD.into(),
        code: "000000".into(),
        peer: "203.0.113.9".parse().unwrap(),
    };
    assert_eq!(hospital.log_ins.password(elsewhere).await, REFUSED);
    hospital.tree.shutdown().await;
}

#[tokio::test]
async fn an_account_is_added_once_with_a_sealed_secret_and_a_complete_audit_entry() {
    let hospital = hospital().await;
    let short = hospital.add("ana", "too short").await;
    assert_eq!(short.err(), Some(LogInError::BadPassword));
    let ana = hospital.add("ana", PASSWORD).await.unwrap();
    let twice = hospital.add("ana", PASSWORD).await;
    assert_eq!(twice.err(), Some(LogInError::AccountExists));
    assert_eq!(hospital.count("SELECT count(*) FROM account").await, 1);
    let outcomes = "SELECT count(*) FROM audit_completion WHERE outcome = 'success'";
    assert_eq!(hospital.count(outcomes).await, 1);
    let session = hospital.session().await;
    let row = session.query_one("SELECT password_hash, totp_sealed FROM account", &[]);
    let row = row.await.unwrap();
    assert!(
        row.get::<_, String>(0)
            .starts_with("$argon2id$v=19$m=19456,t=2,p=1$")
    );
    let sealed: Vec<u8> = row.get(1);
    let secret = Secret::try_from_base32(&ana.secret).unwrap();
    let bytes = secret.as_bytes();
    assert!(!sealed.windows(bytes.len()).any(|window| window == bytes));
    hospital.tree.shutdown().await;
}

#[tokio::test]
async fn a_sealed_secret_moved_to_another_account_opens_nothing() {
    let hospital = hospital().await;
    let ana = hospital.add("ana", PASSWORD).await.unwrap();
    hospital.add("bia", PASSWORD).await.unwrap();
    let session = hospital.session().await;
    let swap = "UPDATE account SET totp_sealed = \
                (SELECT totp_sealed FROM account WHERE principal = 'ana') WHERE principal = 'bia'";
    session.batch_execute(swap).await.unwrap();
    let code = ana.code(hospital.clock.now());
    let stolen = hospital.log_in("bia", PASSWORD, &code).await;
    assert_eq!(stolen, Err(LogInError::Internal));
    hospital.tree.shutdown().await;
}

#[tokio::test]
async fn without_a_database_nobody_is_let_in_and_nobody_is_blamed() {
    let database = TestDatabase::create().await;
    let hospital = on(database, Database::new()).await;
    for _ in 0..30 {
        let unavailable = hospital.log_in("ana", PASSWORD, "000000").await;
        assert_eq!(unavailable, Err(LogInError::Unavailable));
    }
    let added = hospital.add("ana", PASSWORD).await;
    assert_eq!(added.err(), Some(LogInError::Unavailable));
    hospital.tree.shutdown().await;
}
