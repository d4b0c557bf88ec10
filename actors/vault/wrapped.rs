//! Wrapped keys as they are kept, and the places that they are bound to.
//!
//! A key unwraps in its own row, at its own version and under the version of the key that wrapped
//! it, and nowhere else: a row that is moved, renumbered or given an older wrapper does not open.

use super::data_key::lengths_and_bytes;

/// How many bytes name a master key.
pub const NAME_BYTES: usize = 8;

/// The name of a master key: tells it from others, and nothing else about it.
pub type MasterName = [u8; NAME_BYTES];

/// The row that a wrapped data key belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The institution.
    pub tenant: String,
    /// Whose data it seals.
    pub subject: String,
    /// Its version, from 1.
    pub version: i32,
}

impl Place {
    /// As it is bound under a version of the tenant's key.
    pub(super) fn bytes_under(&self, tenant_version: i32) -> Vec<u8> {
        lengths_and_bytes(&[
            b"plantao_keys.data_key",
            b"wrapped",
            self.tenant.as_bytes(),
            self.subject.as_bytes(),
            &self.version.to_be_bytes(),
            &tenant_version.to_be_bytes(),
        ])
    }

    /// As it was bound under the master key itself, before there were tenants' keys.
    pub(super) fn bytes_direct(&self) -> Vec<u8> {
        lengths_and_bytes(&[
            b"vault_data_key",
            self.tenant.as_bytes(),
            self.subject.as_bytes(),
            &self.version.to_be_bytes(),
        ])
    }
}

/// A tenant's key as it is bound under a master key.
pub(super) fn tenant_place(tenant: &str, version: i32, master: &[u8]) -> Vec<u8> {
    lengths_and_bytes(&[
        b"plantao_keys.tenant_key",
        b"wrapped",
        tenant.as_bytes(),
        &version.to_be_bytes(),
        master,
    ])
}

/// A tenant's key, wrapped under a master key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrappedTenantKey {
    /// Its version, from 1.
    pub version: i32,
    /// The name of the master key.
    pub master: Vec<u8>,
    /// The wrapped key.
    pub wrapped: Vec<u8>,
}

/// A data key, wrapped under its tenant's key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrappedDataKey {
    /// Its version, from 1.
    pub version: i32,
    /// The version of the tenant's key; none where the master key itself wraps it, its name in
    /// front, as before there were tenants' keys.
    pub under: Option<i32>,
    /// The wrapped key.
    pub wrapped: Vec<u8>,
}
