//! A master key that systemd hands to the service (`LoadCredentialEncrypted=`): read, never
//! written.
//!
//! The folder of credentials is in memory, and only the service sees it; its modes differ from one
//! version of systemd to the next, so they are not looked at.

use super::MasterKeyError;
use crate::vault::data_key::{KEY_BYTES, KeyBytes};
use std::fs::File;
use std::io::Read;
use std::path::Path;
use zeroize::Zeroizing;

/// Reads it. Blocks.
pub(super) fn load(path: &Path) -> Result<KeyBytes, MasterKeyError> {
    let refused = |reason: String| MasterKeyError::Credential {
        path: path.to_owned(),
        reason,
    };
    let mut file =
        File::open(path).map_err(|error| refused(format!("cannot be read ({error})")))?;
    let mut bytes = Zeroizing::new([0; KEY_BYTES]);
    let mut more = [0; 1];
    let read = file.read_exact(bytes.as_mut_slice());
    read.map_err(|_| refused("is shorter than 32 bytes".to_owned()))?;
    match file.read(&mut more) {
        Ok(0) => Ok(bytes),
        _ => Err(refused("is longer than 32 bytes".to_owned())),
    }
}
