//! Disclosures and views in the audit trail, on a real PostgreSQL.

use super::*;
use crate::audit::{OpenEntry, audit_child};
use crate::database::Login;
use crate::database::testing::TestDatabase;
use crate::live::standing::{Offices, Standing};
use crate::live::{Admission, DISCLOSURE_WINDOW, Pulse};
use plantao_schema::audit::{Outcome, Phase};

struct Audited {
    stage: Stage,
    audit: AuditLog,
    database: TestDatabase,
}

async fn audited() -> Audited {
    let database = TestDatabase::create().await;
    let clock = WallClock::manual(NOW);
    let audit = AuditLog::new(clock);
    let (log, config) = (audit.clone(), database.config());
    let stage = stage_with(
        LIMITS,
        |_| log.clone(),
        |spec| spec.child(audit_child(&log, config, "test")),
    )
    .await;
    Audited {
        stage,
        audit,
        database,
    }
}

impl Audited {
    async fn opened(&self, permit: &Permit) -> OpenEntry {
        let (access, decision) = (permit.access(), permit.decision());
        let (phase, outcome) = (Phase::Opened, Outcome::Pending);
        let entry = self.audit.decided(access, decision, phase, outcome);
        self.audit.open(entry.unwrap()).await.unwrap()
    }

    /// A viewer as the front door starts one.
    async fn viewer(&self) -> Client {
        let (ours, theirs) = tokio::io::duplex(64 * 1024);
        let stage = &self.stage;
        let permit = stage.permit(stage.access());
        let seat = stage.live.seat(&stage.key(&permit)).await.unwrap();
        let open = self.opened(&permit).await;
        let peer = HERE;
        let admission = Admission { permit, peer, open };
        let io = std::future::ready(Ok::<_, Infallible>(raw(theirs)));
        let drain = stage.drain.subscribe();
        let attached = stage.live.attach(seat, admission, here(None), drain, io);
        let end = attached.await.unwrap();
        let socket = WebSocketStream::from_raw_socket(ours, Role::Client, None).await;
        Client { socket, end }
    }

    /// What the trail says, in order: phase, patient and outcome.
    async fn trail(&self) -> Vec<(String, Option<String>, String)> {
        let session = self.database.session(Login::Audit).await;
        let sql = "SELECT phase, patient, outcome FROM audit_entry ORDER BY seq";
        let rows = session.query(sql, &[]).await.unwrap();
        let row = |row: &tokio_postgres::Row| (row.get(0), row.get(1), row.get(2));
        rows.iter().map(row).collect()
    }

    async fn disclosed(&self) -> Vec<String> {
        let trail = self.trail().await;
        let single = trail.into_iter().filter(|(phase, ..)| phase == "single");
        single.map(|(_, patient, _)| patient.unwrap()).collect()
    }
}

#[tokio::test]
async fn a_view_is_in_the_trail_from_its_opening_to_its_end() {
    let all = audited().await;
    let mut client = all.viewer().await;
    client.whole().await;
    all.stage.drain.send_replace(true);
    client.closed(CloseReason::Draining).await;
    let trail = all.trail().await;
    let phases: Vec<_> = trail
        .iter()
        .map(|(phase, _, outcome)| (&**phase, &**outcome))
        .collect();
    assert_eq!(phases, [("opened", "pending"), ("completed", "success")]);
}

#[tokio::test]
async fn an_ordered_stop_completes_the_view_of_one_who_takes_nothing() {
    let all = audited().await;
    let mut client = all.viewer().await;
    client.whole().await;
    all.stage.show(&"x".repeat(500_000));
    // The frame has begun, and its rest is never taken.
    let mut some = [0; 64];
    let began = tokio::io::AsyncReadExt::read(client.socket.get_mut(), &mut some);
    assert!(timeout(SOON, began).await.unwrap().unwrap() > 0);
    let stopping = Instant::now();
    all.stage.tree.shutdown().await;
    assert!(stopping.elapsed() < Duration::from_secs(3));
    assert_eq!(client.end.await, CloseReason::Draining);
    let trail = all.trail().await;
    let (phase, _, outcome) = trail.last().unwrap();
    assert_eq!((&**phase, &**outcome), ("completed", "success"));
}

#[tokio::test]
async fn a_view_that_the_policy_ends_is_completed_as_refused() {
    let all = audited().await;
    let mut client = all.viewer().await;
    client.whole().await;
    let mut rules = testing::settings().rules;
    for rule in rules.roles.values_mut() {
        rule.grants.retain(|grant| grant.on != ResourceKind::Ward);
    }
    all.stage.policy.reload(rules).await.unwrap();
    client.closed(CloseReason::Denied).await;
    let trail = all.trail().await;
    assert_eq!(trail.last().unwrap().2, "refused");
}

#[tokio::test]
async fn each_patient_shown_is_in_the_trail_once_before_anything_is_sent() {
    let all = audited().await;
    all.stage.show_patients(&["maria", "joao"]);
    let mut client = all.viewer().await;
    client.whole().await;
    assert_eq!(all.disclosed().await.len(), 2);
    // The same patients again, in another set, and then one more.
    for text in ["a", "b", "c"] {
        all.stage.show_patients(&["maria", "joao"]);
        all.stage.show(text);
        client.diff().await;
    }
    assert_eq!(all.disclosed().await.len(), 2);
    all.stage.show_patients(&["maria", "joao", "rosa"]);
    all.stage.show("a third");
    client.diff().await;
    let mut disclosed = all.disclosed().await;
    disclosed.sort();
    assert_eq!(disclosed, ["joao", "maria", "rosa"]);
    // Another viewer is another disclosure.
    let mut other = all.viewer().await;
    other.whole().await;
    assert_eq!(all.disclosed().await.len(), 6);
    assert_eq!(all.stage.live.counts().disclosures(), 6);
}

#[tokio::test]
async fn without_receipts_nothing_is_shown_and_with_them_it_goes_on() {
    let all = audited().await;
    let mut client = all.viewer().await;
    let (_, seq, _) = client.whole().await;
    // Whatever the trail's writer tries fails from here on.
    let owner = all.database.session(Login::Owner).await;
    let block = "ALTER TABLE audit_entry RENAME TO hidden";
    owner.batch_execute(block).await.unwrap();
    all.stage.show_patients(&["maria"]);
    all.stage.show("not without a trace");
    let quiet = tokio::time::timeout(Duration::from_secs(3), async {
        loop {
            let heard = client.hear().await;
            assert_eq!(heard, Heard::Heartbeat, "from before the change");
        }
    });
    assert!(quiet.await.is_err());
    assert!(
        timeout(Duration::from_secs(1), client.hear())
            .await
            .is_err(),
        "no heartbeat"
    );
    let unblock = "ALTER TABLE hidden RENAME TO audit_entry";
    owner.batch_execute(unblock).await.unwrap();
    assert_eq!(client.diff().await.0, seq + 1);
    assert_eq!(all.disclosed().await, ["maria"]);
}

#[tokio::test]
async fn a_view_open_for_longer_than_the_window_is_disclosed_again() {
    let all = audited().await;
    let stage = &all.stage;
    let permit = stage.permit(stage.access());
    let grant = stage.policy.view(&permit);
    let offices = Offices {
        policy: stage.policy.clone(),
        audit: all.audit.clone(),
        clock: stage.clock.clone(),
        counts: Arc::default(),
    };
    let mut standing = Standing::new(Arc::new(offices), (&permit, HERE), None, 1);
    let maria = Arc::new([PatientId::parse("maria").unwrap()].into());
    assert!(!standing.covers(&maria));
    for times in 1..=2 {
        assert_eq!(standing.disclose(&grant, &maria).await, Ok(true));
        assert!(standing.covers(&maria));
        assert_eq!(all.disclosed().await, vec!["maria"; times]);
        tokio::time::pause();
        tokio::time::advance(DISCLOSURE_WINDOW).await;
        tokio::time::resume();
        assert!(!standing.covers(&maria));
    }
}

#[tokio::test]
async fn the_pulse_is_felt_while_the_database_answers_and_lost_with_it() {
    let mut database = TestDatabase::create().await;
    let pulse = Pulse::new(database.database());
    let mut felt = pulse.watch();
    assert!(!*felt.borrow());
    let spec = SupervisorSpec::new(
        Strategy::OneForOne,
        Intensity::new(3, Duration::from_secs(5)),
    );
    let tree = Tree::start("t", spec.child(pulse.child())).await.unwrap();
    timeout(SOON, felt.wait_for(|up| *up))
        .await
        .unwrap()
        .unwrap();
    tree.kill("t/pulse").unwrap();
    timeout(SOON, felt.wait_for(|up| !*up))
        .await
        .unwrap()
        .unwrap();
    timeout(SOON, felt.wait_for(|up| *up))
        .await
        .unwrap()
        .unwrap();
    database.lose_pool();
    timeout(SOON, felt.wait_for(|up| !*up))
        .await
        .unwrap()
        .unwrap();
    tree.shutdown().await;
    assert!(!*felt.borrow());
}
