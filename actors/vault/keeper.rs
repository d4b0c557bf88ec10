//! `VaultKeeper`: the actor that owns the master key, and `Vault`, what others hold.
//!
//! The key is read from its file at each start and lives in this actor's state alone; the
//! simulator's is handed over instead. A first start makes one; the database remembers the name of
//! the first that was used, and no data key is made under any other: where the file was lost, a new
//! one is no substitute. Assumes a permanent restart. Lost on restart: nothing; callers with a data
//! key in hand keep it.

use super::VaultError;
use super::data_key::{DataKey, IndexKey, KeyBytes, KeySubject};
use super::master_key::{MasterKey, MasterKeySource, NAME_BYTES, Place};
use super::store::KeyStore;
use crate::database::Scope;
use crate::entropy::Entropy;
use plantao_supervisors::{ChildSpec, Envelope, Handle, Limits, Reply};
use ractor::{Actor, ActorProcessingErr, ActorRef};
use std::time::Duration;

/// Wrapping takes microseconds: a longer queue means that the keeper is stuck.
const IN_FLIGHT: usize = 1024;

/// A restart of the keeper fits into it.
const DEADLINE: Duration = Duration::from_secs(2);

/// A tenant's key for blind indexes is one more subject, which no caller can name as its own.
const INDEX_SUBJECT: &str = "index";
const FIRST_VERSION: i32 = 1;

/// The handle to the vault: cheap to clone, made before the tree.
#[derive(Clone)]
pub struct Vault {
    keeper: Handle<Message>,
    entropy: Entropy,
}

impl Default for Vault {
    fn default() -> Self {
        Self::new()
    }
}

/// The keeper as a child; `master` is a file or a key in hand.
#[must_use]
pub fn vault_child(vault: &Vault, master: impl Into<MasterKeySource>) -> ChildSpec {
    let master = master.into();
    let entropy = vault.entropy.clone();
    ChildSpec::worker("vault", &vault.keeper, move || {
        (VaultKeeper, (master.clone(), entropy.clone()))
    })
}

impl Vault {
    /// A handle that no keeper serves yet; keys and nonces are the system's.
    #[must_use]
    pub fn new() -> Self {
        Self::drawing(Entropy::system())
    }

    /// The same with keys and nonces from another source.
    #[must_use]
    pub fn drawing(entropy: Entropy) -> Self {
        Self {
            keeper: Handle::new(Limits::in_flight(IN_FLIGHT)),
            entropy,
        }
    }

    /// Where its keys come from: other secrets are drawn there too.
    pub(crate) const fn entropy(&self) -> &Entropy {
        &self.entropy
    }

    /// The newest key for a subject, made if there is none.
    ///
    /// # Errors
    /// [`VaultError`]; when unavailable, nothing was made. [`VaultError::OtherMasterKey`] when the
    /// database knows another master key than the file holds.
    pub async fn data_key(
        &self,
        store: &(impl KeyStore + ?Sized),
        scope: &Scope,
        subject: &KeySubject,
    ) -> Result<DataKey, VaultError> {
        let (version, bytes) = self.key(store, scope, subject.label()).await?;
        DataKey::new(subject.clone(), version, &bytes, &self.entropy)
    }

    /// One version of a subject's key, to open what was sealed under it. Never makes one.
    ///
    /// # Errors
    /// [`VaultError::Erased`] when there is none, and as [`Vault::data_key`].
    pub async fn data_key_at(
        &self,
        store: &(impl KeyStore + ?Sized),
        scope: &Scope,
        subject: &KeySubject,
        version: i32,
    ) -> Result<DataKey, VaultError> {
        let label = subject.label();
        let found = store.find(scope, &label, Some(version)).await?;
        let (version, wrapped) = found.ok_or(VaultError::Erased)?;
        let place = Place {
            tenant: scope.tenant.to_string(),
            subject: label,
            version,
        };
        let bytes = self.unwrap(place, wrapped).await?;
        DataKey::new(subject.clone(), version, &bytes, &self.entropy)
    }

    /// The tenant's key for blind indexes, made if there is none.
    ///
    /// # Errors
    /// As [`Vault::data_key`].
    pub async fn index_key(
        &self,
        store: &(impl KeyStore + ?Sized),
        scope: &Scope,
    ) -> Result<IndexKey, VaultError> {
        let (_, bytes) = self.key(store, scope, INDEX_SUBJECT.to_owned()).await?;
        Ok(IndexKey::new(&bytes))
    }

    async fn key(
        &self,
        store: &(impl KeyStore + ?Sized),
        scope: &Scope,
        subject: String,
    ) -> Result<(i32, KeyBytes), VaultError> {
        let place = Place {
            tenant: scope.tenant.to_string(),
            subject,
            version: FIRST_VERSION,
        };
        if let Some(found) = store.find(scope, &place.subject, None).await? {
            return self.unwrap_found(place, found).await;
        }
        let made = place.clone();
        let make = |reply| Message::Make { place: made, reply };
        let (made, bytes) = self.keeper.call(DEADLINE, make).await??;
        match store.add(scope, &place, &made).await {
            Ok(true) => return Ok((place.version, bytes)),
            Ok(false) => {}
            Err(error) => {
                if error == VaultError::OtherMasterKey {
                    tracing::error!(incident = "other_master_key", tenant = place.tenant, %error,
                        "security incident: the key file is not the one in use");
                }
                return Err(error);
            }
        }
        // Someone else was first, and what is in the table is the key.
        let found = store.find(scope, &place.subject, None).await?;
        self.unwrap_found(place, found.ok_or(VaultError::Erased)?)
            .await
    }

    async fn unwrap_found(
        &self,
        place: Place,
        (version, wrapped): (i32, Vec<u8>),
    ) -> Result<(i32, KeyBytes), VaultError> {
        Ok((
            version,
            self.unwrap(Place { version, ..place }, wrapped).await?,
        ))
    }

    async fn unwrap(&self, place: Place, wrapped: Vec<u8>) -> Result<KeyBytes, VaultError> {
        self.keeper
            .call(DEADLINE, |reply| Message::Unwrap {
                place,
                wrapped,
                reply,
            })
            .await?
    }
}

/// What the keeper is asked.
pub(super) enum Message {
    Make {
        place: Place,
        reply: Reply<Result<(Made, KeyBytes), VaultError>>,
    },
    Unwrap {
        place: Place,
        wrapped: Vec<u8>,
        reply: Reply<Result<KeyBytes, VaultError>>,
    },
}

/// A wrapped key, and the name of the master key that wrapped it.
pub struct Made {
    /// The wrapped key.
    pub wrapped: Vec<u8>,
    /// The name of the master key.
    pub master: [u8; NAME_BYTES],
}

fn made_by(master: &MasterKey) -> impl FnOnce((Vec<u8>, KeyBytes)) -> (Made, KeyBytes) {
    let master = master.name();
    move |(wrapped, bytes)| (Made { wrapped, master }, bytes)
}

struct VaultKeeper;

impl Actor for VaultKeeper {
    type Msg = Envelope<Message>;
    type State = MasterKey;
    type Arguments = (MasterKeySource, Entropy);

    async fn pre_start(
        &self,
        _myself: ActorRef<Self::Msg>,
        (master, entropy): (MasterKeySource, Entropy),
    ) -> Result<Self::State, ActorProcessingErr> {
        let key_file = match master {
            MasterKeySource::Held(bytes) => return Ok(MasterKey::new(&bytes, &entropy)?),
            MasterKeySource::File(key_file) => key_file,
        };
        let load = move || MasterKey::load(&key_file, &entropy);
        Ok(tokio::task::spawn_blocking(load).await??)
    }

    async fn handle(
        &self,
        _myself: ActorRef<Self::Msg>,
        message: Self::Msg,
        master: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        let (message, _in_flight) = message.open();
        match message {
            Message::Make { place, reply } => reply.send(master.make(&place).map(made_by(master))),
            Message::Unwrap {
                place,
                wrapped,
                reply,
            } => {
                let unwrapped = master.unwrap(&place, &wrapped);
                if let Err(error) = &unwrapped {
                    tracing::error!(incident = "unwrap_failed", tenant = place.tenant, %error,
                        "security incident: a data key does not unwrap");
                }
                reply.send(unwrapped);
            }
        }
        Ok(())
    }
}
