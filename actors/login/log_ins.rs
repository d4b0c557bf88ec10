//! `LogIns`: what others hold to let somebody in and to end a session.

use super::account::{self, NewAccount};
use super::codes::{self, OneTimeCode};
use super::desk::{LogInDesk, Message, Parts};
use super::locks::{AccountLocked, Locks};
use super::passwords::{self, Passwords, Turn};
use super::second_factor::{Provisioning, Secret};
use super::store::{Ending, LogInStore, PostgresLogIns};
use super::{Attempt, Identity, LogInError};
use crate::audit::OpenEntry;
use crate::clock::WallClock;
use crate::database::{Database, Scope};
use crate::policy::{Ended, Permit, Shelf, Tables};
use crate::vault::{KeyStore, KeySubject, Vault};
use plantao_schema::access::{Action, DevicePosture, ResourceKind, Role};
use plantao_schema::id::{PrincipalId, SessionId, Tenant};
use plantao_schema::time::Timestamp;
use plantao_supervisors::{ChildSpec, Handle, Limits};
use secrecy::SecretString;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::time::{Duration, Instant, sleep_until};

/// Requests at the desk. Each takes microseconds, unless a table is being loaded.
const IN_FLIGHT: usize = 4_096;

/// The desk's answer; a restart of it fits in.
const DESK_DEADLINE: Duration = Duration::from_secs(3);

/// When a refusal is told, counted from the attempt's turn: longer than any way to it takes, so
/// that time tells nothing of the way.
const REFUSAL_AFTER: Duration = Duration::from_millis(400);

/// The handle: cheap to clone, made before the tree.
#[derive(Clone)]
pub struct LogIns {
    pub(super) desk: Handle<Message>,
    store: Arc<dyn LogInStore>,
    keys: Arc<dyn KeyStore>,
    vault: Vault,
    clock: WallClock,
    shelf: Shelf<Ended>,
    passwords: Passwords,
    locks: Locks,
}

impl LogIns {
    /// A handle that no desk serves yet. `tables` are those of the policy that decides.
    #[must_use]
    pub fn new(database: Database, vault: Vault, tables: &Tables, clock: WallClock) -> Self {
        let store = Arc::new(PostgresLogIns::new(database.clone()));
        Self::with_store(store, Arc::new(database), vault, tables, clock)
    }

    /// The same over any store, the second factors' keys in `keys`.
    #[must_use]
    pub fn with_store(
        store: Arc<dyn LogInStore>,
        keys: Arc<dyn KeyStore>,
        vault: Vault,
        tables: &Tables,
        clock: WallClock,
    ) -> Self {
        Self {
            desk: Handle::new(Limits::in_flight(IN_FLIGHT)),
            store,
            keys,
            vault,
            clock,
            shelf: tables.sessions.clone(),
            passwords: Passwords::new(),
            locks: Locks::new(),
        }
    }

    /// The desk as a child of a supervisor.
    #[must_use]
    pub fn child(&self) -> ChildSpec {
        let parts = Parts {
            store: Arc::clone(&self.store),
            clock: self.clock.clone(),
            shelf: self.shelf.clone(),
            handle: self.desk.clone(),
        };
        ChildSpec::worker("log_ins", &self.desk, move || (LogInDesk, parts.clone()))
    }

    /// A link for the permit's own principal, called `name` on a screen: good for one log-in
    /// within five minutes, never longer than the session that asks for it.
    ///
    /// # Errors
    /// [`LogInError`]; [`LogInError::Overloaded`] when too many links are open.
    pub async fn offer(
        &self,
        permit: Permit,
        name: Option<String>,
    ) -> Result<OneTimeCode, LogInError> {
        permit.hand_in(self.clock.now()).await?;
        if permit.action() != Action::Write || permit.resource_kind() != ResourceKind::Session {
            return Err(LogInError::PermitMismatch);
        }
        let principal = permit.principal();
        let identity = Identity {
            subject: principal.id.clone(),
            tenant: principal.tenant.clone(),
            role: principal.role.clone(),
            device: principal.device,
            multi_factor: principal.multi_factor,
            name,
            authenticated_at: principal.authenticated_at,
            expires_by: Some(principal.expires_at),
        };
        let code = OneTimeCode::draw(self.vault.entropy())?;
        let hash = codes::hash(code.as_str()).ok_or(LogInError::Internal)?;
        let make = |reply| Message::Offer {
            hash,
            identity: Box::new(identity),
            session: principal.session.clone(),
            reply,
        };
        self.desk.call(DESK_DEADLINE, make).await??;
        Ok(code)
    }

    /// Takes a link's code: the second to come is refused. To be called for what a person did, a
    /// POST, and never for a link that something fetched in advance.
    ///
    /// # Errors
    /// [`LogInError::Refused`] for a code that is not, no longer or was never good, and others
    /// when that is not known.
    pub async fn redeem(&self, code: &str) -> Result<Identity, LogInError> {
        let hash = codes::hash(code).ok_or(LogInError::Refused)?;
        let make = |reply| Message::Redeem { hash, reply };
        let identity = self.desk.call(DESK_DEADLINE, make).await??;
        let over = |by: &Timestamp| *by <= self.clock.now();
        if identity.expires_by.as_ref().is_some_and(over) {
            return Err(LogInError::Refused);
        }
        Ok(identity)
    }

    /// Checks name, password and code.
    ///
    /// # Errors
    /// [`LogInError::Refused`], whatever was wrong and always after the same time; others say
    /// that nothing was checked.
    pub async fn password(&self, attempt: Attempt) -> Result<Identity, LogInError> {
        let peer = attempt.peer;
        let make = |reply| Message::Admit { peer, reply };
        self.desk.call(DESK_DEADLINE, make).await??;
        let result = match self.passwords.turn().await {
            Ok(turn) => {
                let told_at = Instant::now() + REFUSAL_AFTER;
                let result = self.check(turn, attempt).await;
                if result == Err(LogInError::Refused) {
                    sleep_until(told_at).await;
                }
                result
            }
            Err(error) => Err(error),
        };
        if result != Err(LogInError::Refused) {
            // Lost, it counts against the address, and too much is the safe side.
            let _ = self.desk.cast(Message::LoggedIn { peer });
        }
        result
    }

    /// The next account that wrong tries have locked, for an entry in the trail: whoever tried was
    /// told no more than at any other refusal. For one reader at a time; cancel safe, and what
    /// nobody reads waits.
    pub async fn locked(&self) -> AccountLocked {
        self.locks.next().await
    }

    async fn check(&self, turn: Turn, attempt: Attempt) -> Result<Identity, LogInError> {
        let Attempt {
            tenant,
            name,
            password,
            code,
            peer: _,
        } = attempt;
        let scope = Scope::system(tenant);
        let now = self.clock.now();
        let principal = PrincipalId::parse(&name).ok();
        let account = match &principal {
            Some(principal) => self.store.charge(&scope, principal, now).await?,
            None => None,
        };
        let known = principal.zip(account);
        // Opened before the password is known to be right: a vault that is away tells nothing.
        let secret = match &known {
            Some((principal, account)) => Some(self.secret(&scope, principal, account).await?),
            None => None,
        };
        let hashed = known
            .as_ref()
            .map(|(_, account)| account.password_hash.clone());
        let right = passwords::matches(turn, password, hashed).await?;
        let step = secret.and_then(|secret| secret.step_of(&code, now));
        let last = known.as_ref().filter(|(_, account)| account.last_try);
        let locked = last.map(|(principal, _)| principal.clone());
        let (Some((principal, account)), Some(step), true) = (known, step, right) else {
            if let Some(principal) = locked {
                self.locks.tell(AccountLocked {
                    tenant: scope.tenant,
                    principal,
                    at: now,
                    until: now.plus_seconds(account::LOCKED_SECONDS),
                });
            }
            return Err(LogInError::Refused);
        };
        if !self.store.acquit(&scope, &principal, step).await? {
            return Err(LogInError::Refused);
        }
        Ok(Identity {
            subject: principal,
            tenant: scope.tenant,
            role: account.role,
            device: DevicePosture::Unknown,
            multi_factor: true,
            name: None,
            authenticated_at: now,
            expires_by: None,
        })
    }

    async fn secret(
        &self,
        scope: &Scope,
        principal: &PrincipalId,
        account: &account::Account,
    ) -> Result<Secret, LogInError> {
        let (subject, version) = (KeySubject::Directory, account.key_version);
        let key = self
            .vault
            .data_key_at(&*self.keys, scope, &subject, version);
        Secret::open(&key.await?, &scope.tenant, principal, &account.sealed)
    }

    /// Adds an account, durable with the outcome of `open`; what its owner needs for the second
    /// factor is told this once. The entry comes back to be completed.
    ///
    /// # Errors
    /// [`LogInError`] with the entry, for the caller to complete with what happened.
    pub async fn add_account(
        &self,
        tenant: &Tenant,
        open: OpenEntry,
        name: &PrincipalId,
        role: &Role,
        password: SecretString,
    ) -> Result<(Provisioning, OpenEntry), (LogInError, OpenEntry)> {
        let scope = Scope::system(tenant.clone());
        match self.add_under(&scope, &open, name, role, password).await {
            Ok(provisioning) => Ok((provisioning, open)),
            Err(error) => Err((error, open)),
        }
    }

    async fn add_under(
        &self,
        scope: &Scope,
        open: &OpenEntry,
        principal: &PrincipalId,
        role: &Role,
        password: SecretString,
    ) -> Result<Provisioning, LogInError> {
        passwords::acceptable(&password)?;
        let turn = self.passwords.turn().await?;
        let password_hash = passwords::hash(turn, password, self.vault.entropy()).await?;
        let directory = KeySubject::Directory;
        let key = self.vault.data_key(&*self.keys, scope, &directory).await?;
        let secret = Secret::draw(self.vault.entropy())?;
        let account = NewAccount {
            principal,
            role,
            password_hash,
            sealed: secret.seal(&key, &scope.tenant, principal)?,
            key_version: key.version(),
        };
        let provisioning = secret.provisioning(&scope.tenant, principal)?;
        self.store.add(scope, &account, open).await?;
        Ok(provisioning)
    }

    /// Ends a session before its credential's time, which is `until`. Durable with the outcome of
    /// `open`, and known to every decision, before this returns; the entry comes back to be
    /// completed. Links that the session offered end with it.
    ///
    /// # Errors
    /// [`LogInError`] with the entry. After [`LogInError::InDoubt`] the session is ended on this
    /// node, or its tenant undecided, until the table is read again.
    pub async fn revoke_session(
        &self,
        tenant: &Tenant,
        open: OpenEntry,
        session: &SessionId,
        until: Timestamp,
    ) -> Result<OpenEntry, (LogInError, OpenEntry)> {
        let scope = Scope::system(tenant.clone());
        match self.revoke_under(&scope, &open, session, until).await {
            Ok(()) => Ok(open),
            Err(error) => Err((error, open)),
        }
    }

    async fn revoke_under(
        &self,
        scope: &Scope,
        open: &OpenEntry,
        session: &SessionId,
        until: Timestamp,
    ) -> Result<(), LogInError> {
        let committing = AtomicBool::new(false);
        let ending = Ending {
            session,
            until,
            now: self.clock.now(),
            committing: &committing,
        };
        let mut notice = Notice {
            of: self,
            tenant: &scope.tenant,
            session,
            until,
            committing: &committing,
            owed: true,
        };
        let ended = self.store.end(scope, &ending, open).await;
        notice.owed = false;
        if !matches!(ended, Ok(()) | Err(LogInError::InDoubt)) {
            return ended;
        }
        let make = |reply| notice.message(Some(reply));
        match self.desk.call(DESK_DEADLINE, make).await {
            Ok(()) => {}
            // It may have died or lost the message, and its successor read too early.
            Err(_) => self.shelf.doubt(&scope.tenant),
        }
        ended
    }
}

/// Tells the desk of a session whose ending was cut short by its caller going away.
struct Notice<'a> {
    of: &'a LogIns,
    tenant: &'a Tenant,
    session: &'a SessionId,
    until: Timestamp,
    /// From here on it may be durable, whatever becomes of the caller or of the answer.
    committing: &'a AtomicBool,
    owed: bool,
}

impl Notice<'_> {
    fn message(&self, reply: Option<plantao_supervisors::Reply<()>>) -> Message {
        Message::SessionEnded {
            news: self.of.shelf.news(self.tenant),
            tenant: self.tenant.clone(),
            session: self.session.clone(),
            until: self.until,
            reply,
        }
    }
}

impl Drop for Notice<'_> {
    fn drop(&mut self) {
        if !self.owed || !self.committing.load(Ordering::Acquire) {
            return;
        }
        let told = self.of.desk.cast(self.message(None));
        if told.is_err() {
            self.of.shelf.doubt(self.tenant);
        }
    }
}
