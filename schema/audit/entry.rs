//! One audit entry and the bytes that its hash covers.

use crate::id::Tenant;
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Where an entry stands in the life of an access.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// The whole access in one entry: a read, a refusal, a notice.
    Single,
    /// A change is about to be made.
    Opened,
    /// What became of the change that `opens` names.
    Completed,
}

/// How loudly an entry speaks to whoever reviews the trail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// An ordinary access.
    Info,
    /// A refusal, or something worth a look.
    Warning,
    /// Emergency access or a security incident: must be reviewed.
    Critical,
}

/// What became of an access.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Not known yet: the entry is an opening.
    Pending,
    /// It was done.
    Success,
    /// The policy, or the resource's own rules, said no.
    Refused,
    /// It was allowed and failed; nothing was changed.
    Failed,
    /// The system stopped in the middle and cannot tell.
    Unknown,
}

macro_rules! named {
    ($type:ident { $($variant:ident => $name:literal,)* }) => {
        impl $type {
            /// Its name in the database, in JSON and in the hash.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// The value of that name, if there is one.
            #[must_use]
            pub fn from_name(name: &str) -> Option<Self> {
                match name { $($name => Some(Self::$variant),)* _ => None }
            }
        }
    };
}

named!(Phase { Single => "single", Opened => "opened", Completed => "completed", });
named!(Severity { Info => "info", Warning => "warning", Critical => "critical", });
named!(Outcome {
    Pending => "pending",
    Success => "success",
    Refused => "refused",
    Failed => "failed",
    Unknown => "unknown",
});

/// One access, decision or incident. Text fields are identifiers or generated sentences; none may
/// hold PHI.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// The entry's own key, made by the caller so that a retry cannot double it.
    pub id: Uuid,
    /// When it happened.
    pub at: Timestamp,
    /// Opening, completion or the whole.
    pub phase: Phase,
    /// For a completion: the entry that opened the change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub opens: Option<Uuid>,
    /// How loudly it speaks.
    pub severity: Severity,
    /// The institution concerned.
    pub tenant: Tenant,
    /// Who acted: a principal's id, or `system`, or `anonymous`.
    pub principal: String,
    /// In which role.
    pub role: String,
    /// What was done or asked.
    pub action: String,
    /// On what kind of thing.
    pub resource_kind: String,
    /// On which one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource_id: Option<String>,
    /// Whose data: the patient's pseudonym.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub patient: Option<String>,
    /// The declared purpose of use.
    pub purpose: String,
    /// The verdict: `allow`, `break_glass`, `step_up`, `deny`, or `none` where none was asked.
    pub verdict: String,
    /// The trust score, 0-100; 0 where none was computed.
    pub score: u8,
    /// Why the verdict came out so, generated, without PHI.
    pub explanation: String,
    /// The request that caused it.
    pub request_id: String,
    /// What became of it.
    pub outcome: Outcome,
    /// SHA-256 (hex) of the plugin that influenced the answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plugin: Option<String>,
    /// In place of the content of a change: a salted hash of it, 64 hexadecimal digits
    /// ([`super::Commitment`]).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commitment: Option<String>,
}

/// The bytes that the chain's hash covers: a tag, then every field, each with its length.
///
/// Lengths are 4-byte big-endian counts, so that no two entries share an encoding; an absent field
/// is the length `0xFFFF_FFFF` with no bytes. An entry without a commitment has the bytes that it
/// had before there were any.
#[must_use]
pub fn canonical(entry: &Entry) -> Vec<u8> {
    let mut bytes = Encoder(Vec::with_capacity(512));
    bytes.field(b"plantao-audit-v1");
    bytes.field(entry.id.as_bytes());
    bytes.field(&entry.at.micros().to_be_bytes());
    bytes.field(entry.phase.as_str().as_bytes());
    bytes.optional(entry.opens.as_ref().map(|id| id.as_bytes().as_slice()));
    bytes.field(entry.severity.as_str().as_bytes());
    bytes.field(entry.tenant.as_str().as_bytes());
    bytes.field(entry.principal.as_bytes());
    bytes.field(entry.role.as_bytes());
    bytes.field(entry.action.as_bytes());
    bytes.field(entry.resource_kind.as_bytes());
    bytes.optional(entry.resource_id.as_ref().map(String::as_bytes));
    bytes.optional(entry.patient.as_ref().map(String::as_bytes));
    bytes.field(entry.purpose.as_bytes());
    bytes.field(entry.verdict.as_bytes());
    bytes.field(&[entry.score]);
    bytes.field(entry.explanation.as_bytes());
    bytes.field(entry.request_id.as_bytes());
    bytes.field(entry.outcome.as_str().as_bytes());
    bytes.optional(entry.plugin.as_ref().map(String::as_bytes));
    if let Some(commitment) = &entry.commitment {
        bytes.field(commitment.as_bytes());
    }
    bytes.0
}

struct Encoder(Vec<u8>);

impl Encoder {
    fn field(&mut self, bytes: &[u8]) {
        // No field comes near 4 GiB: bodies are limited to megabytes long before.
        let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX - 1);
        self.0.extend_from_slice(&length.to_be_bytes());
        self.0.extend_from_slice(bytes);
    }

    fn optional(&mut self, bytes: Option<&[u8]>) {
        match bytes {
            Some(bytes) => self.field(bytes),
            None => self.0.extend_from_slice(&u32::MAX.to_be_bytes()),
        }
    }
}
