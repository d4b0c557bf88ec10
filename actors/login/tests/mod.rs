//! Log-ins on a real PostgreSQL with a real vault, seen through what they let in.

mod links;
mod passwords;
mod sessions;

use super::{Attempt, Identity, LogInError, LogIns};
use crate::audit::{AuditLog, OpenEntry, audit_child};
use crate::clock::WallClock;
use crate::database::testing::{TestDatabase, TestSession};
use crate::database::{Database, Login};
use crate::policy::testing::{self, HERE};
use crate::policy::{Owned, Policy, Verdict, Withdrawn};
use crate::vault::{Vault, vault_child};
use plantao_schema::access::{AccessRequest, Action, Reason, ResourceKind, Role};
use plantao_schema::audit::{Entry, Outcome, Phase, Severity};
use plantao_schema::id::{PrincipalId, SessionId, Tenant};
use plantao_schema::time::Timestamp;
use plantao_supervisors::{Intensity, Strategy, SupervisorSpec, Tree};
use std::time::Duration;
use tokio::time::Instant;
use totp_rs::{Builder, Secret};
use uuid::Uuid;

const PASSWORD: &str = "correto cavalo bateria grampo";

struct Hospital {
    log_ins: LogIns,
    policy: Policy,
    audit: AuditLog,
    clock: WallClock,
    tree: Tree,
    _consents: Owned<Withdrawn>,
    database: TestDatabase,
    _key_file: tempfile::TempDir,
}

async fn hospital() -> Hospital {
    let database = TestDatabase::create().await;
    let handle = database.database();
    on(database, handle).await
}

async fn on(database: TestDatabase, handle: Database) -> Hospital {
    let clock = WallClock::manual(Timestamp::from_micros(1_763_800_000_000_000));
    let policy = Policy::new(testing::settings()).unwrap();
    let audit = AuditLog::new(clock.clone());
    let vault = Vault::new();
    let key_file = tempfile::tempdir().unwrap();
    let consents = policy.tables().consents.own();
    let since = policy.tables().consents.doubts();
    consents.load(demo(), Withdrawn::new(), since);
    let log_ins = LogIns::new(handle, vault.clone(), &policy.tables(), clock.clone());
    let often = Intensity::new(20, Duration::from_secs(5));
    let spec = SupervisorSpec::new(Strategy::OneForOne, often)
        .child(vault_child(&vault, key_file.path().join("master.key")))
        .child(crate::policy::child(&policy))
        .child(audit_child(&audit, database.config(), "test"))
        .child(log_ins.child());
    let tree = Tree::start("t", spec).await.unwrap();
    Hospital {
        log_ins,
        policy,
        audit,
        clock,
        tree,
        _consents: consents,
        database,
        _key_file: key_file,
    }
}

fn demo() -> Tenant {
    Tenant::parse("demo").unwrap()
}

/// An account's owner with an authenticator app.
struct Owner {
    name: String,
    secret: String,
}

impl Owner {
    /// The code that the app shows.
    fn code(&self, at: Timestamp) -> String {
        let secret = Secret::try_from_base32(&self.secret).unwrap();
        let totp = Builder::new().with_secret(secret).build().unwrap();
        totp.generate(u64::try_from(at.seconds()).unwrap())
            .to_string()
    }
}

/// Connections are tasks: whatever they await must be able to move between threads.
#[expect(dead_code, reason = "it is enough that it compiles")]
fn log_ins_can_be_awaited_by_any_task<'a>(
    log_ins: &'a LogIns,
    attempt: Attempt,
    (open, again): (OpenEntry, OpenEntry),
    (tenant, name, role): (&'a Tenant, &'a PrincipalId, &'a Role),
    (permit, session): (crate::policy::Permit, &'a SessionId),
) -> [Box<dyn Send + 'a>; 5] {
    let until = Timestamp::from_micros(0);
    [
        Box::new(log_ins.password(attempt)),
        Box::new(log_ins.redeem("")),
        Box::new(log_ins.offer(permit, None)),
        Box::new(log_ins.add_account(tenant, open, name, role, "".into())),
        Box::new(log_ins.revoke_session(tenant, again, session, until)),
    ]
}

impl Hospital {
    async fn session(&self) -> TestSession {
        let session = self.database.session(Login::Application).await;
        let declare = "SELECT set_config('plantao.tenant', 'demo', false)";
        session.batch_execute(declare).await.unwrap();
        session
    }

    async fn count(&self, sql: &str) -> i64 {
        let session = self.session().await;
        session.query_one(sql, &[]).await.unwrap().get(0)
    }

    async fn opened(&self) -> OpenEntry {
        let entry = Entry {
            id: Uuid::now_v7(),
            at: self.clock.now(),
            phase: Phase::Opened,
            opens: None,
            severity: Severity::Info,
            tenant: demo(),
            principal: "uid-0".into(),
            role: "operator".into(),
            action: "operate".into(),
            resource_kind: "session".into(),
            resource_id: None,
            patient: None,
            purpose: "operations".into(),
            verdict: "allow".into(),
            score: 0,
            explanation: "test".into(),
            request_id: "test-request".into(),
            outcome: Outcome::Pending,
            plugin: None,
            commitment: None,
        };
        self.audit.open(entry).await.unwrap()
    }

    async fn add(&self, name: &str, password: &str) -> Result<Owner, LogInError> {
        let open = self.opened().await;
        let principal = PrincipalId::parse(name).unwrap();
        let role = Role::parse("physician").unwrap();
        let added = self
            .log_ins
            .add_account(&demo(), open, &principal, &role, password.into())
            .await;
        match added {
            Ok((provisioning, open)) => {
                self.audit.complete(open, Outcome::Success).await.unwrap();
                let secret = provisioning.secret_base32().to_owned();
                let name = name.to_owned();
                Ok(Owner { name, secret })
            }
            Err((error, open)) => {
                self.audit.abandon(open, Outcome::Failed).await.unwrap();
                Err(error)
            }
        }
    }

    async fn log_in(&self, name: &str, password: &str, code: &str) -> Result<Identity, LogInError> {
        let attempt = Attempt {
            tenant: demo(),
            name: name.to_owned(),
            password: password.into(),
            code: code.into(),
            peer: HERE,
        };
        self.log_ins.password(attempt).await
    }

    /// Everything right, as of now.
    async fn right(&self, owner: &Owner) -> Result<Identity, LogInError> {
        let code = owner.code(self.clock.now());
        self.log_in(&owner.name, PASSWORD, &code).await
    }

    fn pass(&self, seconds: i64) {
        self.clock.set(self.clock.now().plus_seconds(seconds));
    }

    async fn end(&self, session: &str, until: Timestamp) -> Result<(), LogInError> {
        let open = self.opened().await;
        let session = SessionId::parse(session).unwrap();
        let ended = self
            .log_ins
            .revoke_session(&demo(), open, &session, until)
            .await;
        match ended {
            Ok(open) => {
                self.audit.complete(open, Outcome::Success).await.unwrap();
                Ok(())
            }
            Err((error, open)) => {
                self.audit.abandon(open, Outcome::Failed).await.unwrap();
                Err(error)
            }
        }
    }

    fn access(&self, session: &str) -> AccessRequest {
        let mut access = testing::access(Action::Write, ResourceKind::Session, self.clock.now());
        access.principal.session = Some(SessionId::parse(session).unwrap());
        access
    }

    fn reason(&self, session: &str) -> Reason {
        match self.policy.decide(self.access(session), HERE) {
            Verdict::Permit(permit) => permit.decision().reason,
            Verdict::StepUp(refusal) | Verdict::Denial(refusal) => refusal.decision.reason,
        }
    }

    async fn until(&self, session: &str, wanted: Reason) {
        let deadline = Instant::now() + Duration::from_secs(20);
        while self.reason(session) != wanted {
            assert!(
                Instant::now() < deadline,
                "still {:?}",
                self.reason(session)
            );
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }
}
