//! The nouns and verbs of an access request.

use crate::id::{PatientId, PrincipalId, RequestId, ResourceId, SessionId, Tenant};
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::fmt;

/// A name outside a closed set. Carries what was expected, never what was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown {kind}: expected one of {expected}")]
pub struct UnknownName {
    /// What was being read.
    pub kind: &'static str,
    /// The names that exist.
    pub expected: &'static str,
}

macro_rules! closed_set {
    ($(#[$doc:meta])* $type:ident, $kind:literal, $expected:literal,
     { $($(#[$vdoc:meta])* $variant:ident => $name:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum $type { $($(#[$vdoc])* #[serde(rename = $name)] $variant,)* }

        impl $type {
            /// Every value.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// Its name in tokens, headers, configuration and the audit trail.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// Reads a name.
            ///
            /// # Errors
            /// [`UnknownName`] listing the names that exist.
            pub fn parse(name: &str) -> Result<Self, UnknownName> {
                match name {
                    $($name => Ok(Self::$variant),)*
                    _ => Err(UnknownName { kind: $kind, expected: $expected }),
                }
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

closed_set!(
    /// What is asked to be done.
    Action, "action", "`read`, `search`, `write`, `submit`, `operate`",
    {
        /// Look at one resource.
        Read => "read",
        /// Find resources.
        Search => "search",
        /// Create or change.
        Write => "write",
        /// Hand in for checking.
        Submit => "submit",
        /// Change how the system runs.
        Operate => "operate",
    }
);

closed_set!(
    /// On what kind of thing.
    ResourceKind, "resource kind",
    "`patient`, `observation`, `allergy_intolerance`, `medication_request`, `condition`, \
     `emergency_card`, `practitioner`, `organization`, `bundle`, `ward`, `consent`, `session`, \
     `content`, `audit`, `plugin`, `system`",
    {
        /// A patient's demographics (FHIR Patient). PHI.
        Patient => "patient",
        /// Measurements (FHIR Observation). PHI.
        Observation => "observation",
        /// What a patient must not be given (FHIR AllergyIntolerance). PHI.
        AllergyIntolerance => "allergy_intolerance",
        /// What a patient is to be given (FHIR MedicationRequest). PHI.
        MedicationRequest => "medication_request",
        /// What a patient suffers from (FHIR Condition). PHI.
        Condition => "condition",
        /// A patient's allergies, medication and conditions on one card. PHI.
        EmergencyCard => "emergency_card",
        /// A health professional (FHIR Practitioner).
        Practitioner => "practitioner",
        /// An institution (FHIR Organization).
        Organization => "organization",
        /// A transaction over several resources (FHIR Bundle). PHI.
        Bundle => "bundle",
        /// A ward: its beds and who lies in them. PHI.
        Ward => "ward",
        /// A patient's consent to a purpose.
        Consent => "consent",
        /// A principal's session.
        Session => "session",
        /// An article or page.
        Content => "content",
        /// The audit trail.
        Audit => "audit",
        /// A plugin.
        Plugin => "plugin",
        /// The running system.
        System => "system",
    }
);

closed_set!(
    /// Why: the purpose of use (LGPD Art. 6 I; codes in the manner of HL7 v3 PurposeOfUse).
    Purpose, "purpose", "`treatment`, `operations`, `publication`, `audit`, `research`",
    {
        /// Care of this patient (TREAT).
        Treatment => "treatment",
        /// Running the institution (HOPERAT).
        Operations => "operations",
        /// Writing and publishing content.
        Publication => "publication",
        /// Accountability (HCOMPL).
        Audit => "audit",
        /// Research on anonymised data (HRESCH).
        Research => "research",
    }
);

closed_set!(
    /// What is known of the device.
    DevicePosture, "device posture", "`managed`, `unknown`, `compromised`",
    {
        /// Enrolled and in order.
        Managed => "managed",
        /// Nothing is known.
        Unknown => "unknown",
        /// Reported lost, stolen or infected.
        Compromised => "compromised",
    }
);

closed_set!(
    /// Where the request comes from.
    Network, "network", "`trusted`, `foreign`, `threat`",
    {
        /// This machine or one of the institution's networks.
        Trusted => "trusted",
        /// Any other address.
        Foreign => "foreign",
        /// An address of the threat list.
        Threat => "threat",
    }
);

closed_set!(
    /// What a patient has said about one purpose of use (LGPD Art. 8).
    ConsentStatus, "consent status", "`not_asked`, `granted`, `revoked`",
    {
        /// Nothing is recorded: the purpose stands on another legal basis (LGPD Art. 11 II), or
        /// nobody has asked yet.
        NotAsked => "not_asked",
        /// Given.
        Granted => "granted",
        /// Withdrawn: what was allowed on it ends at once (LGPD Art. 8 § 5).
        Revoked => "revoked",
    }
);

/// A role's name, as the configuration defines it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Role(String);

impl Role {
    /// Reads a role's name: lower-case letters, digits and `_`, at most 32.
    ///
    /// # Errors
    /// [`UnknownName`] when the text has another form.
    pub fn parse(name: &str) -> Result<Self, UnknownName> {
        let plain = name
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
        if name.is_empty() || name.len() > 32 || !plain {
            let expected = "1 to 32 characters of a-z, 0-9 and `_`";
            return Err(UnknownName {
                kind: "role",
                expected,
            });
        }
        Ok(Self(name.to_owned()))
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Role {
    type Error = UnknownName;
    fn try_from(name: String) -> Result<Self, UnknownName> {
        Self::parse(&name)
    }
}

impl From<Role> for String {
    fn from(role: Role) -> Self {
        role.0
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Who acts, as a verified credential says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal {
    /// The credential's subject.
    pub id: PrincipalId,
    /// The institution it acts in.
    pub tenant: Tenant,
    /// The role it acts in.
    pub role: Role,
    /// What is known of its device.
    pub device: DevicePosture,
    /// Whether more than one factor authenticated it.
    pub multi_factor: bool,
    /// When it authenticated.
    pub authenticated_at: Timestamp,
    /// When its credential ends.
    pub expires_at: Timestamp,
    /// The session it acts in, when its credential names one that can be ended early.
    pub session: Option<SessionId>,
}

/// One request for access, complete: what a decision is made from and a permit is bound to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessRequest {
    /// The request.
    pub request_id: RequestId,
    /// Who.
    pub principal: Principal,
    /// Does what.
    pub action: Action,
    /// On what kind.
    pub kind: ResourceKind,
    /// On which one, when one is named.
    pub resource: Option<ResourceId>,
    /// Whose data, when it is known before the look-up.
    pub patient: Option<PatientId>,
    /// Why.
    pub purpose: Purpose,
    /// The reason given for emergency access, when it is asked for.
    pub break_glass: Option<String>,
    /// When.
    pub at: Timestamp,
}
