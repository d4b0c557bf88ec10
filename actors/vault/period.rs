//! The period key: what makes an old copy of the key store worthless.
//!
//! Tenants' keys are wrapped twice: under the master key, and around that under the key of the
//! present period, which lies in a file of this host and in no database. When a period ends (each
//! day, or when an operator says so) every tenant gets a new key, every data key is wrapped under
//! it, and the key of the period before is forgotten. What a copy of the database holds from before
//! is then wrapped under keys that are nowhere: not in the database, not in any file, and not to be
//! worked out from what is. Without this, one old copy of the database and the master key would
//! open everybody who was erased since.
//!
//! The next key is made from the present one by a one-way function, so that nodes that share a
//! database agree on it from a number alone: they need the file once, when they join. The other
//! side of that coin: whoever keeps a file of long ago works out every later key. No copy of this
//! file may be kept for longer than key backups are (see [`crate::backup`]), which hold it. A file
//! system may keep what was overwritten; where that matters, put `keys/` on an encrypted one.
//!
//! Refuses to make a key where the database has one already, and to go back.

use super::VaultError;
use super::data_key::{Cipher, KEY_BYTES, KeyBytes, lengths_and_bytes};
use super::master::{MasterKeyError, file, key_of, random};
use super::wrapped::{NAME_BYTES, WrappedTenantKey};
use crate::entropy::Entropy;
use aws_lc_rs::hmac;
use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// First byte of a tenant's key that is wrapped under a period as well: number and name of the
/// period follow, and then what the period key sealed.
const FORMAT: u8 = 2;

const NUMBER_BYTES: usize = 8;

/// Length of the file: the period's number, and its key.
pub(crate) const FILE_BYTES: usize = NUMBER_BYTES + KEY_BYTES;

/// How far ahead of what is held a period may be: a century of days, in milliseconds of work.
const AHEAD_MAX: i64 = 40_000;

/// A period as the database knows it: no secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PeriodMark {
    /// Its number, from 1.
    pub number: i64,
    /// What tells its key from others of that number.
    pub name: [u8; NAME_BYTES],
}

/// The key of a period.
#[derive(Clone)]
struct PeriodKey {
    number: i64,
    bytes: KeyBytes,
}

impl PeriodKey {
    fn derived(&self, what: &[u8]) -> hmac::Tag {
        hmac::sign(
            &hmac::Key::new(hmac::HMAC_SHA256, self.bytes.as_slice()),
            what,
        )
    }

    fn next(&self) -> Result<Self, VaultError> {
        let derived = self.derived(b"plantao period key v1 next");
        Ok(Self {
            number: self.number.saturating_add(1),
            bytes: key_of(derived.as_ref())?,
        })
    }

    /// The key of that period; none of one that is over, and of one that cannot be meant.
    fn at(&self, number: i64) -> Result<Self, VaultError> {
        let ahead = number.saturating_sub(self.number);
        if !(0..=AHEAD_MAX).contains(&ahead) {
            return Err(VaultError::OtherPeriodKey);
        }
        let mut key = self.clone();
        while key.number < number {
            key = key.next()?;
        }
        Ok(key)
    }

    fn mark(&self) -> PeriodMark {
        let mut name = [0; NAME_BYTES];
        let derived = self.derived(b"plantao period key v1 name");
        for (to, from) in name.iter_mut().zip(derived.as_ref()) {
            *to = *from;
        }
        PeriodMark {
            number: self.number,
            name,
        }
    }

    fn to_file(&self) -> Zeroizing<Vec<u8>> {
        let number = self.number.to_be_bytes();
        Zeroizing::new([number.as_slice(), self.bytes.as_slice()].concat())
    }

    fn from_file(bytes: &[u8]) -> Result<Self, VaultError> {
        let (number, key) = bytes
            .split_first_chunk::<NUMBER_BYTES>()
            .ok_or(VaultError::OtherPeriodKey)?;
        let number = i64::from_be_bytes(*number);
        if number < 1 {
            return Err(VaultError::OtherPeriodKey);
        }
        Ok(Self {
            number,
            bytes: key_of(key)?,
        })
    }
}

/// The periods that a keeper can unwrap under.
pub(super) struct Periods {
    file: Option<PathBuf>,
    held: Option<PeriodKey>,
    entropy: Entropy,
}

impl Periods {
    /// Reads the file, where there is to be one. Makes none. Blocks.
    pub(super) fn load(file: Option<PathBuf>, entropy: &Entropy) -> Result<Self, MasterKeyError> {
        let held = match &file {
            None => None,
            Some(path) => match file::read_sized(path, FILE_BYTES)? {
                None => None,
                Some(bytes) => Some(PeriodKey::from_file(&bytes)?),
            },
        };
        Ok(Self {
            file,
            held,
            entropy: entropy.clone(),
        })
    }

    /// Of a file's bytes, which may be none. Writes nothing.
    pub(super) fn of(bytes: &[u8], entropy: &Entropy) -> Result<Self, VaultError> {
        let held = match bytes {
            [] => None,
            bytes => Some(PeriodKey::from_file(bytes)?),
        };
        Ok(Self {
            file: None,
            held,
            entropy: entropy.clone(),
        })
    }

    /// The period that a new tenant's key is wrapped under; none where there are no periods. The
    /// first is made here, and only where the database knows of none.
    pub(super) async fn current(
        &mut self,
        known: Option<PeriodMark>,
    ) -> Result<Option<PeriodMark>, VaultError> {
        let Some(path) = self.file.clone() else {
            return Ok(None);
        };
        if let Some(known) = known {
            return self.key(known).map(|_| Some(known));
        }
        if let Some(held) = &self.held {
            return Ok(Some(held.mark()));
        }
        let made = PeriodKey {
            number: 1,
            bytes: random(&self.entropy)?,
        };
        put(path, made.clone()).await?;
        let mark = made.mark();
        self.held = Some(made);
        Ok(Some(mark))
    }

    /// The period after the one that the database knows, or the first.
    pub(super) async fn next(
        &mut self,
        known: Option<PeriodMark>,
    ) -> Result<PeriodMark, VaultError> {
        match known {
            Some(known) => Ok(self.key(known)?.next()?.mark()),
            None => self.current(None).await?.ok_or(VaultError::OtherPeriodKey),
        }
    }

    /// Nothing is wrapped under an earlier period any more: their keys are forgotten. False where
    /// none was held.
    pub(super) async fn settle(&mut self, current: PeriodMark) -> Result<bool, VaultError> {
        let (Some(path), Some(held)) = (self.file.clone(), &self.held) else {
            return Ok(false);
        };
        if held.number >= current.number {
            return Ok(false);
        }
        let key = self.key(current)?;
        put(path, key.clone()).await?;
        tracing::info!(
            period = key.number,
            "the keys of earlier periods are forgotten"
        );
        self.held = Some(key);
        Ok(true)
    }

    /// Wraps what the master key wrapped.
    pub(super) fn wrap(
        &self,
        tenant: &str,
        key: WrappedTenantKey,
        under: PeriodMark,
    ) -> Result<WrappedTenantKey, VaultError> {
        let period = self.key(under)?;
        let cipher = Cipher::new(&period.bytes, &self.entropy)?;
        let sealed = cipher.seal(&place(tenant, &key, under.number), &key.wrapped)?;
        let number = under.number.to_be_bytes();
        let wrapped = [&[FORMAT], number.as_slice(), &under.name, &sealed].concat();
        Ok(WrappedTenantKey { wrapped, ..key })
    }

    /// What the master key wrapped, and the period around it if there was one.
    pub(super) fn unwrap(
        &self,
        tenant: &str,
        key: &WrappedTenantKey,
    ) -> Result<(WrappedTenantKey, Option<PeriodMark>), VaultError> {
        let Some((under, sealed)) = header(&key.wrapped) else {
            return Ok((key.clone(), None));
        };
        let cipher = Cipher::new(&self.key(under)?.bytes, &self.entropy)?;
        let wrapped = cipher.open(&place(tenant, key, under.number), sealed)?;
        let wrapped = wrapped.to_vec();
        Ok((
            WrappedTenantKey {
                wrapped,
                ..key.clone()
            },
            Some(under),
        ))
    }

    fn key(&self, mark: PeriodMark) -> Result<PeriodKey, VaultError> {
        let held = self.held.as_ref().ok_or(VaultError::OtherPeriodKey)?;
        let key = held.at(mark.number)?;
        if key.mark() == mark {
            Ok(key)
        } else {
            Err(VaultError::OtherPeriodKey)
        }
    }
}

/// The period that a tenant's key is wrapped under.
pub(super) fn period_of(key: &WrappedTenantKey) -> Option<PeriodMark> {
    header(&key.wrapped).map(|(mark, _)| mark)
}

fn header(wrapped: &[u8]) -> Option<(PeriodMark, &[u8])> {
    let (format, rest) = wrapped.split_first()?;
    let (number, rest) = rest.split_first_chunk::<NUMBER_BYTES>()?;
    let (name, sealed) = rest.split_first_chunk::<NAME_BYTES>()?;
    let number = i64::from_be_bytes(*number);
    (*format == FORMAT).then_some((
        PeriodMark {
            number,
            name: *name,
        },
        sealed,
    ))
}

fn place(tenant: &str, key: &WrappedTenantKey, number: i64) -> Vec<u8> {
    lengths_and_bytes(&[
        b"plantao_keys.tenant_key",
        b"period",
        tenant.as_bytes(),
        &key.version.to_be_bytes(),
        &number.to_be_bytes(),
    ])
}

async fn put(path: PathBuf, key: PeriodKey) -> Result<(), VaultError> {
    let written = tokio::task::spawn_blocking(move || write(&path, &key.to_file())).await;
    written.map_err(|_| VaultError::Unmade)?.map_err(|error| {
        tracing::error!(%error, "the file of the period key could not be written");
        VaultError::Unmade
    })
}

/// Puts a period key's file into its place, whole and synced, and overwrites what was there.
/// Blocks.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let old = File::options().write(true).open(path).ok();
    let fresh = path.with_extension("new");
    match std::fs::remove_file(&fresh) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut options = File::options();
    let mut file = options
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&fresh)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    std::fs::rename(&fresh, path)?;
    file::sync_folder(path)?;
    if let Some(mut old) = old {
        old.write_all(&[0; FILE_BYTES])?;
        old.sync_all()?;
    }
    Ok(())
}

/// Whether the key in a period key's file is that of this period, or of one before it.
pub(crate) fn leads_to(bytes: &[u8], number: i64, name: &[u8]) -> bool {
    let key = PeriodKey::from_file(bytes).and_then(|key| key.at(number));
    key.is_ok_and(|key| key.mark().name.as_slice() == name)
}

/// The bytes of a period key's file; none where there is no file. Blocks.
pub(crate) fn read(path: &Path) -> Result<Option<Zeroizing<Vec<u8>>>, MasterKeyError> {
    file::read_sized(path, FILE_BYTES)
}
