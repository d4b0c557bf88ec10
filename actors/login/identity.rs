//! Who asks to be let in, and who was.

use plantao_schema::access::{DevicePosture, Role};
use plantao_schema::id::{PrincipalId, Tenant};
use plantao_schema::time::Timestamp;
use secrecy::SecretString;
use std::net::IpAddr;

/// Who was let in, and what its credential may say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Who.
    pub subject: PrincipalId,
    /// In which institution.
    pub tenant: Tenant,
    /// As what.
    pub role: Role,
    /// What is known of its device.
    pub device: DevicePosture,
    /// Whether more than one factor was used.
    pub multi_factor: bool,
    /// How it is called on a screen.
    pub name: Option<String>,
    /// When it authenticated. A link passes this on: following one proves nothing anew.
    pub authenticated_at: Timestamp,
    /// When a credential made from it must end at the latest: that of whoever offered the link.
    pub expires_by: Option<Timestamp>,
}

/// What somebody typed. Secrets are zeroized when it is dropped; it prints nothing of them.
pub struct Attempt {
    /// The institution.
    pub tenant: Tenant,
    /// The account's name, as typed.
    pub name: String,
    /// The password.
    pub password: SecretString,
    /// The time-based code, six digits.
    pub code: SecretString,
    /// The address it comes from.
    pub peer: IpAddr,
}
