//! On whose behalf a statement runs: what row-level security compares each row with.

use crate::policy::Permit;
use plantao_schema::access::Purpose;
use plantao_schema::id::Tenant;

/// The tenant, the principal and the purpose that a transaction declares to the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scope {
    /// The only tenant whose rows exist for the transaction.
    pub tenant: Tenant,
    /// Who acts, by pseudonym.
    pub principal: String,
    /// Why.
    pub purpose: Purpose,
}

impl Scope {
    /// The scope that a permit allows.
    #[must_use]
    pub fn of(permit: &Permit) -> Self {
        Self {
            tenant: permit.tenant().clone(),
            principal: permit.principal().id.to_string(),
            purpose: permit.purpose(),
        }
    }

    /// The system acting for itself inside one tenant: key creation, audit reading by an operator.
    #[must_use]
    pub fn system(tenant: Tenant) -> Self {
        Self {
            tenant,
            principal: "system".to_owned(),
            purpose: Purpose::Operations,
        }
    }
}
