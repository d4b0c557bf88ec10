//! A master key in a PKCS#11 token: a hardware module, or SoftHSM2.
//!
//! The token encrypts and decrypts with AES-256-GCM; the key never leaves it, and one that could is
//! refused at the start. The session is opened again when the token was away. Every call here
//! blocks: callers leave the reactor.
//!
//! Its name is made of its label and id, which a clone of the token keeps; whether it is the right
//! key the first unwrapping tells.

use super::{MasterKeyError, VaultError};
use crate::entropy::Entropy;
use crate::vault::wrapped::{MasterName, NAME_BYTES};
use aws_lc_rs::digest;
use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::error::{Error, RvError};
use cryptoki::mechanism::Mechanism;
use cryptoki::mechanism::aead::GcmParams;
use cryptoki::object::{Attribute, AttributeType, KeyType, ObjectClass, ObjectHandle};
use cryptoki::session::{Session, UserType};
use cryptoki::slot::Slot;
use secrecy::SecretString;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use zeroize::Zeroizing;

/// As [`crate::vault::data_key`] seals: AES-256-GCM, nonce in front, tag behind.
const FORMAT: u8 = 1;
const NONCE_BYTES: usize = 12;
const TAG_BITS: u64 = 128;

/// Longer is a file that was named by mistake.
const PIN_MAX_BYTES: u64 = 256;

/// Which key, and how to reach it.
#[derive(Clone, Debug)]
pub struct TokenConfig {
    /// The module of the token's maker, a shared library.
    pub module: PathBuf,
    /// The token by its label.
    pub token: Option<String>,
    /// Or by the number of its slot.
    pub slot: Option<u64>,
    /// The label of the key in it.
    pub key: String,
    /// The file that holds the user's PIN.
    pub pin_file: PathBuf,
}

/// The key, by way of a session that is opened again when it is lost.
pub(crate) struct TokenKey {
    config: TokenConfig,
    entropy: Entropy,
    name: MasterName,
    session: Mutex<Option<Opened>>,
}

struct Opened {
    session: Session,
    key: ObjectHandle,
}

impl TokenKey {
    /// Finds the key and looks at what may be done with it.
    pub(super) fn open(config: &TokenConfig, entropy: &Entropy) -> Result<Self, MasterKeyError> {
        let (opened, name) = open(config)?;
        Ok(Self {
            config: config.clone(),
            entropy: entropy.clone(),
            name,
            session: Mutex::new(Some(opened)),
        })
    }

    pub(super) const fn name(&self) -> MasterName {
        self.name
    }

    /// Encrypts in the token.
    pub(super) fn seal(&self, place: &[u8], plain: &[u8]) -> Result<Vec<u8>, VaultError> {
        let mut nonce = [0; NONCE_BYTES];
        self.entropy
            .fill(&mut nonce)
            .map_err(|_| VaultError::Random)?;
        self.with_session(|opened| {
            let params = GcmParams::new(&mut nonce, place, TAG_BITS.into())?;
            let mut mechanism = Mechanism::AesGcm(params);
            let body = opened.session.encrypt(&mechanism, opened.key, plain)?;
            // Some tokens draw the nonce themselves and write it here.
            let drawn = match &mut mechanism {
                Mechanism::AesGcm(params) => params.iv().to_vec(),
                _ => Vec::new(),
            };
            Ok([&[FORMAT], drawn.as_slice(), &body].concat())
        })
    }

    /// Decrypts in the token.
    pub(super) fn open_sealed(
        &self,
        place: &[u8],
        sealed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, VaultError> {
        let Some((&FORMAT, rest)) = sealed.split_first() else {
            return Err(VaultError::Sealed);
        };
        let Some((nonce, body)) = rest.split_at_checked(NONCE_BYTES) else {
            return Err(VaultError::Sealed);
        };
        self.with_session(|opened| {
            let mut nonce = nonce.to_vec();
            let params = GcmParams::new(&mut nonce, place, TAG_BITS.into())?;
            let mechanism = Mechanism::AesGcm(params);
            let plain = opened.session.decrypt(&mechanism, opened.key, body)?;
            Ok(Zeroizing::new(plain))
        })
    }

    /// Works on the session, and once more on a new one where the old one was lost.
    fn with_session<T>(
        &self,
        mut work: impl FnMut(&Opened) -> Result<T, Error>,
    ) -> Result<T, VaultError> {
        let mut session = self.session.lock().unwrap_or_else(PoisonError::into_inner);
        for _ in 0..2 {
            let opened = match session.take() {
                Some(opened) => opened,
                None => match open(&self.config) {
                    Ok((opened, name)) if name == self.name => opened,
                    Ok(_) => return Err(VaultError::OtherMasterKey),
                    Err(error) => {
                        tracing::error!(%error, "the token with the master key cannot be used");
                        return Err(VaultError::Token);
                    }
                },
            };
            match work(&opened) {
                Ok(done) => {
                    *session = Some(opened);
                    return Ok(done);
                }
                Err(Error::Pkcs11(fault, _)) if !is_lost(fault) => {
                    *session = Some(opened);
                    return Err(VaultError::Sealed);
                }
                Err(error) => tracing::warn!(%error, "the token's session is opened again"),
            }
        }
        Err(VaultError::Token)
    }
}

/// Whether the token or its session is away, as opposed to a value that does not open.
const fn is_lost(fault: RvError) -> bool {
    matches!(
        fault,
        RvError::SessionHandleInvalid
            | RvError::SessionClosed
            | RvError::UserNotLoggedIn
            | RvError::KeyHandleInvalid
            | RvError::ObjectHandleInvalid
            | RvError::TokenNotPresent
            | RvError::TokenNotRecognized
            | RvError::DeviceError
            | RvError::DeviceMemory
            | RvError::DeviceRemoved
            | RvError::HostMemory
            | RvError::CryptokiNotInitialized
            | RvError::SlotIdInvalid
            | RvError::OperationActive
    )
}

fn refused(what: impl Into<String>, remedy: &'static str) -> MasterKeyError {
    MasterKeyError::Token {
        what: what.into(),
        remedy,
    }
}

fn open(config: &TokenConfig) -> Result<(Opened, MasterName), MasterKeyError> {
    let module = config.module.display();
    let context = Pkcs11::new(&config.module).map_err(|error| {
        let what = format!("the PKCS#11 module `{module}` cannot be loaded ({error})");
        refused(
            what,
            "set `vault.pkcs11.module` to the shared library of the token's maker",
        )
    })?;
    match context.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK)) {
        Ok(()) | Err(Error::Pkcs11(RvError::CryptokiAlreadyInitialized, _)) => {}
        Err(error) => {
            let what = format!("the PKCS#11 module `{module}` does not start ({error})");
            return Err(refused(what, "see the documentation of the token's maker"));
        }
    }
    let slot = slot(config, &context)?;
    let session = context.open_ro_session(slot).map_err(|error| {
        let what = format!("no session with the token ({error})");
        refused(
            what,
            "see whether the token is free and takes one more session",
        )
    })?;
    match session.login(UserType::User, Some(&pin(config)?)) {
        Ok(()) | Err(Error::Pkcs11(RvError::UserAlreadyLoggedIn, _)) => {}
        Err(error) => {
            let what = format!("the token refuses the PIN ({error})");
            return Err(refused(
                what,
                "put the user's PIN into `vault.pkcs11.pin_file`",
            ));
        }
    }
    let (key, name) = find(config, &session)?;
    Ok((Opened { session, key }, name))
}

fn slot(config: &TokenConfig, context: &Pkcs11) -> Result<Slot, MasterKeyError> {
    const REMEDY: &str = "set `vault.pkcs11.token` to the label of one token, or \
                          `vault.pkcs11.slot` to its number";
    let slots = context.get_slots_with_initialized_token();
    let slots = slots.map_err(|error| refused(format!("no slots ({error})"), REMEDY))?;
    let is_meant = |slot: &Slot| match (config.slot, &config.token) {
        (Some(number), _) => slot.id() == number,
        (None, Some(label)) => {
            let info = context.get_token_info(*slot);
            info.is_ok_and(|info| info.label() == label)
        }
        (None, None) => true,
    };
    let mut meant = slots.into_iter().filter(is_meant);
    match (meant.next(), meant.next()) {
        (Some(slot), None) => Ok(slot),
        (None, _) => Err(refused("there is no such token", REMEDY)),
        (Some(_), Some(_)) => Err(refused("more than one token is meant", REMEDY)),
    }
}

fn pin(config: &TokenConfig) -> Result<SecretString, MasterKeyError> {
    use std::io::Read;
    let unreadable = |what: String| {
        let path = config.pin_file.display();
        refused(
            format!("the PIN file `{path}` {what}"),
            "set `vault.pkcs11.pin_file` or `vault.pkcs11.pin_credential` to a file with the PIN",
        )
    };
    let file = std::fs::File::open(&config.pin_file);
    let file = file.map_err(|error| unreadable(format!("cannot be read ({error})")))?;
    let mut text = Zeroizing::new(String::new());
    let read = file.take(PIN_MAX_BYTES).read_to_string(&mut text);
    read.map_err(|_| unreadable("is not text".to_owned()))?;
    let pin = text.trim_end_matches(['\r', '\n']);
    if pin.is_empty() {
        return Err(unreadable("is empty".to_owned()));
    }
    Ok(SecretString::from(pin))
}

fn find(
    config: &TokenConfig,
    session: &Session,
) -> Result<(ObjectHandle, MasterName), MasterKeyError> {
    const REMEDY: &str = "make one AES key of 256 bits of that label in the token, sensitive, not \
                          extractable, for encryption and decryption, and set `vault.pkcs11.key`";
    let label = &config.key;
    let template = [
        Attribute::Class(ObjectClass::SECRET_KEY),
        Attribute::KeyType(KeyType::AES),
        Attribute::Label(label.as_bytes().to_vec()),
    ];
    let found = session.find_objects(&template);
    let found = found.map_err(|error| refused(format!("no keys ({error})"), REMEDY))?;
    let key = match found.as_slice() {
        [key] => *key,
        [] => {
            return Err(refused(
                format!("the token has no AES key `{label}`"),
                REMEDY,
            ));
        }
        _ => {
            return Err(refused(
                format!("more than one key is called `{label}`"),
                REMEDY,
            ));
        }
    };
    let wanted = [
        AttributeType::Extractable,
        AttributeType::Sensitive,
        AttributeType::Encrypt,
        AttributeType::Decrypt,
        AttributeType::ValueLen,
        AttributeType::Id,
    ];
    let attributes = session.get_attributes(key, &wanted);
    let attributes = attributes.map_err(|error| refused(format!("no key ({error})"), REMEDY))?;
    let mut id = Vec::new();
    for attribute in attributes {
        let wrong = match attribute {
            Attribute::Extractable(true) => "can be taken out of the token",
            Attribute::Sensitive(false) => "can be read in clear",
            Attribute::Encrypt(false) | Attribute::Decrypt(false) => "may not encrypt or decrypt",
            Attribute::ValueLen(length) if *length != 32 => "does not have 256 bits",
            Attribute::Id(value) => {
                id = value;
                continue;
            }
            _ => continue,
        };
        return Err(refused(format!("the key `{label}` {wrong}"), REMEDY));
    }
    Ok((key, name_of(label, &id)))
}

fn name_of(label: &str, id: &[u8]) -> MasterName {
    let parts: [&[u8]; 3] = [b"plantao pkcs11 key name v1", label.as_bytes(), id];
    let joined = crate::vault::data_key::lengths_and_bytes(&parts);
    let digest = digest::digest(&digest::SHA256, &joined);
    let mut name = [0; NAME_BYTES];
    for (to, from) in name.iter_mut().zip(digest.as_ref()) {
        *to = *from;
    }
    name
}
