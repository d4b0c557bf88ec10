//! The policy as data: roles with least privilege, and a threshold per kind of resource.

use super::{Action, Fields, Purpose, ResourceKind, Role};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The trust that a kind of resource demands, each 0-100.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Threshold {
    /// From here on: allow.
    pub allow: u8,
    /// From here on: ask for a stronger authentication. Below: deny.
    pub step_up: u8,
}

/// One thing a role may do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Grant {
    /// On this kind.
    pub on: ResourceKind,
    /// These actions.
    pub actions: Vec<Action>,
    /// For these purposes and no other.
    pub purposes: Vec<Purpose>,
}

/// What a role may do; everything else it may not.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RoleRule {
    /// Whether it may read a patient's record in an emergency, reason given, whatever the score.
    #[serde(default)]
    pub break_glass: bool,
    /// Its grants.
    #[serde(default)]
    pub grants: Vec<Grant>,
}

/// A whole policy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rules {
    /// The trust that each kind demands.
    pub thresholds: BTreeMap<ResourceKind, Threshold>,
    /// The roles.
    pub roles: BTreeMap<Role, RoleRule>,
}

/// Why a policy cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RulesError {
    /// A kind of resource has no threshold.
    #[error("`thresholds.{kind}` is missing: every kind of resource needs one")]
    NoThreshold {
        /// The kind.
        kind: ResourceKind,
    },
    /// A threshold is outside 0-100, or its step-up lies above its allow.
    #[error("`thresholds.{kind}`: expected 0 <= step_up <= allow <= 100")]
    BadThreshold {
        /// The kind.
        kind: ResourceKind,
    },
    /// A grant allows nothing.
    #[error("`roles.{role}`: the grant on `{kind}` names no action or no purpose")]
    EmptyGrant {
        /// The role.
        role: Role,
        /// The kind.
        kind: ResourceKind,
    },
}

impl Rules {
    /// Checks that the policy is complete and within bounds.
    ///
    /// # Errors
    /// [`RulesError`] naming the first key at fault.
    pub fn validate(&self) -> Result<(), RulesError> {
        for &kind in ResourceKind::ALL {
            let threshold = self
                .thresholds
                .get(&kind)
                .ok_or(RulesError::NoThreshold { kind })?;
            if threshold.step_up > threshold.allow || threshold.allow > 100 {
                return Err(RulesError::BadThreshold { kind });
            }
        }
        for (role, rule) in &self.roles {
            for grant in &rule.grants {
                if grant.actions.is_empty() || grant.purposes.is_empty() {
                    return Err(RulesError::EmptyGrant {
                        role: role.clone(),
                        kind: grant.on,
                    });
                }
            }
        }
        Ok(())
    }

    /// Whether the role may do this, whatever the purpose.
    #[must_use]
    pub fn may(&self, role: &Role, action: Action, kind: ResourceKind) -> bool {
        self.grants(role, action, kind).next().is_some()
    }

    /// Whether the role may do this for this purpose.
    #[must_use]
    pub fn may_for(&self, role: &Role, action: Action, kind: ResourceKind, why: Purpose) -> bool {
        self.grants(role, action, kind)
            .any(|grant| grant.purposes.contains(&why))
    }

    /// What of a patient, and of the running system, the role may see for this purpose at this
    /// score: each part as if it were read by itself.
    #[must_use]
    pub fn fields(&self, role: &Role, purpose: Purpose, score: u8) -> Fields {
        let reaches = |kind: ResourceKind| {
            let threshold = self.thresholds.get(&kind);
            threshold.is_some_and(|threshold| score >= threshold.allow)
        };
        Fields::SOURCES
            .iter()
            .filter(|(_, kind)| reaches(*kind) && self.may_for(role, Action::Read, *kind, purpose))
            .fold(Fields::default(), |all, (field, _)| all.union(*field))
    }

    fn grants<'a>(
        &'a self,
        role: &Role,
        action: Action,
        kind: ResourceKind,
    ) -> impl Iterator<Item = &'a Grant> {
        self.roles
            .get(role)
            .into_iter()
            .flat_map(|rule| &rule.grants)
            .filter(move |grant| grant.on == kind && grant.actions.contains(&action))
    }
}
