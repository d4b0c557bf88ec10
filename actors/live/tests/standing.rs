//! A view is decided anew while it lasts: on a clock, and at whatever a decision rests on.

use super::*;
use plantao_schema::access::{ConsentStatus, Purpose};
use plantao_schema::id::SessionId;

const MARIA: &str = "maria-exemplo";

impl Stage {
    fn of_maria(&self) -> AccessRequest {
        let mut access = self.access();
        access.kind = ResourceKind::Patient;
        access.patient = Some(PatientId::parse(MARIA).unwrap());
        access
    }
}

#[tokio::test(start_paused = true)]
async fn withdrawn_consent_closes_the_view_of_that_patient_and_no_other() {
    let stage = stage().await;
    let mut view = stage.viewer_of(stage.of_maria(), here(None)).await;
    view.whole().await;
    let mut ward = stage.viewer().await;
    ward.whole().await;
    let maria = PatientId::parse(MARIA).unwrap();
    let withdrawn = Instant::now();
    let revoked = ConsentStatus::Revoked;
    stage.tables.say(&maria, Purpose::Treatment, revoked);
    // Whatever changes now does not reach the view any more.
    stage.show("too late");
    assert_eq!(
        view.news().await,
        Heard::Closed {
            code: 4003,
            reason: "consent_revoked".into()
        }
    );
    assert!(withdrawn.elapsed() < Duration::from_secs(1));
    assert_eq!(ward.diff().await.1[1], "too late");
}

#[tokio::test(start_paused = true)]
async fn what_is_withdrawn_while_the_connection_is_made_is_not_shown() {
    let stage = stage().await;
    let permit = stage.permit(stage.of_maria());
    let maria = PatientId::parse(MARIA).unwrap();
    let revoked = ConsentStatus::Revoked;
    stage.tables.say(&maria, Purpose::Treatment, revoked);
    let (ours, theirs) = tokio::io::duplex(4_096);
    let end = stage.attach(&permit, here(None), raw(theirs)).await;
    let socket = WebSocketStream::from_raw_socket(ours, Role::Client, None).await;
    let end = end.unwrap();
    let mut client = Client { socket, end };
    assert!(matches!(
        client.hear().await,
        Heard::Closed { code: 4003, .. }
    ));
    assert_eq!(stage.live.counts().frames_sent(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_session_that_was_ended_closes_its_views() {
    let stage = stage().await;
    let session = SessionId::parse("s-1").unwrap();
    let mut access = stage.access();
    access.principal.session = Some(session.clone());
    let mut mine = stage.viewer_of(access, here(None)).await;
    mine.whole().await;
    let mut other = stage.viewer().await;
    other.whole().await;
    stage.tables.end(&session, NOW.plus_seconds(3_600));
    mine.closed(CloseReason::SessionRevoked).await;
    stage.show("for the others");
    other.diff().await;
}

#[tokio::test(start_paused = true)]
async fn an_expired_credential_closes_the_view_without_any_notice() {
    let stage = stage().await;
    let mut access = stage.access();
    access.principal.expires_at = NOW.plus_seconds(20);
    let mut client = stage.viewer_of(access, here(None)).await;
    client.whole().await;
    let started = Instant::now();
    stage.clock.set(NOW.plus_seconds(21));
    client.closed(CloseReason::CredentialExpired).await;
    assert!(
        started.elapsed() < Duration::from_secs(25),
        "{:?}",
        started.elapsed()
    );
}

#[tokio::test(start_paused = true)]
async fn rules_that_show_another_set_of_fields_make_the_page_load_anew() {
    let stage = stage().await;
    let mut client = stage.viewer().await;
    client.whole().await;
    let mut rules = testing::settings().rules;
    for rule in rules.roles.values_mut() {
        rule.grants
            .retain(|grant| grant.on != ResourceKind::AllergyIntolerance);
    }
    stage.policy.reload(rules).await.unwrap();
    client.closed(CloseReason::Resync).await;
}

#[tokio::test(start_paused = true)]
async fn a_role_that_loses_its_grant_loses_the_view() {
    let stage = stage().await;
    let mut client = stage.viewer().await;
    client.whole().await;
    let mut rules = testing::settings().rules;
    for rule in rules.roles.values_mut() {
        rule.grants.retain(|grant| grant.on != ResourceKind::Ward);
    }
    stage.policy.reload(rules).await.unwrap();
    client.closed(CloseReason::Denied).await;
}

#[tokio::test(start_paused = true)]
async fn a_policy_engine_that_restarts_closes_nothing() {
    let stage = stage().await;
    let mut client = stage.viewer().await;
    let (_, seq, _) = client.whole().await;
    stage.tree.kill("t/policy").unwrap();
    stage
        .until("it is back", |stage| stage.policy.is_up())
        .await;
    stage.show("afterwards");
    assert_eq!(client.diff().await.0, seq + 1);
}

#[tokio::test(start_paused = true)]
async fn without_a_policy_nothing_more_is_shown_and_the_view_closes() {
    let stage = stage().await;
    let mut client = stage.viewer_of(stage.of_maria(), here(None)).await;
    client.whole().await;
    drop(stage.tables);
    stage
        .scenes
        .0
        .send_modify(|scene| scene.text = "unseen".into());
    let heard = client.news().await;
    let reason = "policy_unavailable".to_owned();
    assert_eq!(heard, Heard::Closed { code: 1013, reason });
}

#[tokio::test(start_paused = true)]
async fn a_weaker_standing_asks_for_a_stronger_authentication() {
    let stage = stage().await;
    let mut client = stage.viewer().await;
    client.whole().await;
    let mut rules = testing::settings().rules;
    for threshold in rules.thresholds.values_mut() {
        (threshold.allow, threshold.step_up) = (100, 0);
    }
    // An authentication older than a shift, and rules that want the highest score.
    stage.clock.set(NOW.plus_seconds(13 * 3_600));
    let mut access = stage.access();
    access.principal.authenticated_at = NOW;
    let mut old = stage.viewer_of(access, here(None)).await;
    old.whole().await;
    stage.policy.reload(rules).await.unwrap();
    old.closed(CloseReason::StepUp).await;
    client.closed(CloseReason::CredentialExpired).await;
}
