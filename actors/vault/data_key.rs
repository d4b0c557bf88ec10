//! Keys that seal, open and index, and the place that each sealed value is bound to.
//!
//! Refuses to be printed or copied out: the bytes of a key are visible inside this folder only.
//! What a key seals comes out as a [`Sealed`] of the column that it is for, and as nothing else.

use super::VaultError;
use super::incidents::{IncidentKind, Incidents};
use super::sealed::{Sealed, SealedColumn};
use crate::entropy::Entropy;
use aws_lc_rs::aead::{self, AES_256_GCM, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::hmac;
use plantao_schema::id::{PatientId, Tenant};
use std::fmt;
use std::sync::Arc;
use zeroize::{Zeroize, Zeroizing};

/// Length of every symmetric key here, in bytes.
pub(super) const KEY_BYTES: usize = 32;

/// First byte of every sealed value: AES-256-GCM, nonce in front, tag behind.
const FORMAT: u8 = 1;

/// The bytes of a key on their way into a cipher.
pub(super) type KeyBytes = Zeroizing<[u8; KEY_BYTES]>;

/// Whose data a key seals.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum KeySubject {
    /// One patient: erasing the key erases the patient's records.
    Patient(PatientId),
    /// What belongs to no patient: professionals and institutions.
    Directory,
}

impl KeySubject {
    /// Its name in the database: `patient:ID` or `directory`.
    #[must_use]
    pub fn label(&self) -> String {
        match self {
            Self::Patient(id) => format!("patient:{id}"),
            Self::Directory => "directory".to_owned(),
        }
    }

    /// From its name in the database.
    pub(super) fn parse(label: &str) -> Option<Self> {
        match label.strip_prefix("patient:") {
            Some(id) => PatientId::parse(id).ok().map(Self::Patient),
            None => (label == "directory").then_some(Self::Directory),
        }
    }
}

/// Where a sealed value belongs. It opens nowhere else.
#[derive(Clone, Copy, Debug)]
pub(super) struct Aad<'a> {
    /// The institution.
    pub(super) tenant: &'a Tenant,
    /// The table.
    pub(super) table: &'a str,
    /// The column.
    pub(super) column: &'a str,
    /// The row's key within tenant and table, its version included where it has one.
    pub(super) row: &'a str,
    /// The version of the data key.
    pub(super) key_version: i32,
}

impl Aad<'_> {
    /// Every part with its length, so that no two places share their bytes.
    pub(super) fn bytes(&self) -> Vec<u8> {
        let version = self.key_version.to_be_bytes();
        let parts = [self.tenant.as_str(), self.table, self.column, self.row].map(str::as_bytes);
        lengths_and_bytes(&[parts[0], parts[1], parts[2], parts[3], &version])
    }
}

/// Joins parts so that bytes cannot move from one to the next unseen.
pub(super) fn lengths_and_bytes(parts: &[&[u8]]) -> Vec<u8> {
    let mut joined = Vec::with_capacity(128);
    for part in parts {
        joined.extend_from_slice(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        joined.extend_from_slice(part);
    }
    joined
}

/// A key that seals and opens the data of one subject. Clones share it.
#[derive(Clone)]
pub struct DataKey {
    subject: KeySubject,
    version: i32,
    cipher: Arc<Cipher>,
    incidents: Incidents,
}

impl DataKey {
    pub(super) fn new(
        subject: KeySubject,
        version: i32,
        bytes: &KeyBytes,
        entropy: &Entropy,
        incidents: &Incidents,
    ) -> Result<Self, VaultError> {
        Ok(Self {
            subject,
            version,
            cipher: Arc::new(Cipher::new(bytes, entropy)?),
            incidents: incidents.clone(),
        })
    }

    /// Whose data it seals.
    #[must_use]
    pub const fn subject(&self) -> &KeySubject {
        &self.subject
    }

    /// Its version, to be kept beside what it seals.
    #[must_use]
    pub const fn version(&self) -> i32 {
        self.version
    }

    /// Encrypts a value for one row of a column. `row` is the row's key within tenant and table,
    /// its version included where it has one.
    ///
    /// # Errors
    /// [`VaultError::Random`] when no nonce could be drawn.
    pub fn seal<C: SealedColumn>(
        &self,
        tenant: &Tenant,
        row: &str,
        plain: &[u8],
    ) -> Result<Sealed<C>, VaultError> {
        let place = self.place::<C>(tenant, row);
        let sealed = self.cipher.seal(&place.bytes(), plain)?;
        Ok(Sealed::made(sealed))
    }

    /// Decrypts what was sealed for that row of that column.
    ///
    /// # Errors
    /// [`VaultError::Sealed`], which is a security incident: logged, and told to
    /// [`super::Vault::incident`].
    pub fn open<C: SealedColumn>(
        &self,
        tenant: &Tenant,
        row: &str,
        sealed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, VaultError> {
        let place = self.place::<C>(tenant, row);
        let opened = self.cipher.open(&place.bytes(), sealed);
        if opened.is_err() {
            let what = format!("{}.{} version {}", C::TABLE, C::COLUMN, self.version);
            self.incidents
                .tell(IncidentKind::DecryptionFailed, tenant, &what);
        }
        opened
    }

    const fn place<'a, C: SealedColumn>(&self, tenant: &'a Tenant, row: &'a str) -> Aad<'a> {
        Aad {
            tenant,
            table: C::BOUND_TO,
            column: C::COLUMN,
            row,
            key_version: self.version,
        }
    }
}

impl fmt::Debug for DataKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DataKey")
            .field("version", &self.version)
            .finish_non_exhaustive()
    }
}

/// AES-256-GCM with a fresh random nonce each time: 2^32 values may share a key, and a patient has
/// thousands. The nonce is drawn within sealing and nowhere else: no caller can give one twice.
pub(super) struct Cipher {
    key: LessSafeKey,
    entropy: Entropy,
}

impl Cipher {
    pub(super) fn new(bytes: &KeyBytes, entropy: &Entropy) -> Result<Self, VaultError> {
        // A key of the right length is never refused.
        let key = UnboundKey::new(&AES_256_GCM, bytes.as_slice());
        Ok(Self {
            key: LessSafeKey::new(key.map_err(|_| VaultError::Sealed)?),
            entropy: entropy.clone(),
        })
    }

    pub(super) fn seal(&self, place: &[u8], plain: &[u8]) -> Result<Vec<u8>, VaultError> {
        let mut nonce = [0; NONCE_LEN];
        self.entropy
            .fill(&mut nonce)
            .map_err(|_| VaultError::Random)?;
        let tag_bytes = AES_256_GCM.tag_len();
        let mut value = Vec::with_capacity(1 + NONCE_LEN + plain.len() + tag_bytes);
        value.push(FORMAT);
        value.extend_from_slice(&nonce);
        value.extend_from_slice(plain);
        let (_, body) = value.split_at_mut(1 + NONCE_LEN);
        let nonce = Nonce::assume_unique_for_key(nonce);
        let sealed = self
            .key
            .seal_in_place_separate_tag(nonce, aead::Aad::from(place), body);
        match sealed {
            Ok(tag) => {
                value.extend_from_slice(tag.as_ref());
                Ok(value)
            }
            // Only a body of more than 64 GiB is refused; it is not left in clear.
            Err(_) => {
                value.zeroize();
                Err(VaultError::Sealed)
            }
        }
    }

    pub(super) fn open(
        &self,
        place: &[u8],
        sealed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, VaultError> {
        let Some((&FORMAT, rest)) = sealed.split_first() else {
            return Err(VaultError::Sealed);
        };
        let Some((nonce, body)) = rest.split_at_checked(NONCE_LEN) else {
            return Err(VaultError::Sealed);
        };
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| VaultError::Sealed)?;
        let mut plain = Zeroizing::new(body.to_vec());
        let opened = self
            .key
            .open_in_place(nonce, aead::Aad::from(place), plain.as_mut_slice());
        let length = opened.map_err(|_| VaultError::Sealed)?.len();
        plain.truncate(length);
        Ok(plain)
    }
}

/// A tenant's key for blind indexes. Clones share it.
#[derive(Clone)]
pub struct IndexKey(Arc<hmac::Key>);

impl IndexKey {
    pub(super) fn new(bytes: &KeyBytes) -> Self {
        Self(Arc::new(hmac::Key::new(
            hmac::HMAC_SHA256,
            bytes.as_slice(),
        )))
    }

    /// The index of an identifier: equal for equal pairs, and nothing else can be told from it.
    #[must_use]
    pub fn index(&self, system: &str, value: &str) -> [u8; 32] {
        let message = Zeroizing::new(lengths_and_bytes(&[system.as_bytes(), value.as_bytes()]));
        let mut index = [0; 32];
        for (to, from) in index.iter_mut().zip(hmac::sign(&self.0, &message).as_ref()) {
            *to = *from;
        }
        index
    }
}

impl fmt::Debug for IndexKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("IndexKey(..)")
    }
}
