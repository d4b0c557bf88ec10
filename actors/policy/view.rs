//! What a page may show, as the permit that opened it allows: a value that can be shared.
//!
//! A permit is used once and belongs to one viewer; pages are rendered once for everybody who may
//! see the same. A grant has no public constructor either, so it still proves a decision, but it is
//! only what viewers can have in common:
//!
//! ```compile_fail,E0451
//! use plantao_actors::policy::ViewGrant;
//! use plantao_schema::access::{Fields, Purpose};
//! use plantao_schema::id::Tenant;
//! fn forge(tenant: Tenant, fields: Fields) -> ViewGrant {
//!     let purpose = Purpose::Treatment;
//!     ViewGrant { tenant, patient: None, fields, purpose, break_glass: false }
//! }
//! ```

use plantao_schema::access::{Fields, Purpose};
use plantao_schema::id::{PatientId, Tenant};

/// Leave to show something. Whoever holds one re-decides its access on a short clock.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ViewGrant {
    pub(super) tenant: Tenant,
    pub(super) patient: Option<PatientId>,
    pub(super) fields: Fields,
    pub(super) purpose: Purpose,
    pub(super) break_glass: bool,
}

impl ViewGrant {
    /// In which institution.
    #[must_use]
    pub const fn tenant(&self) -> &Tenant {
        &self.tenant
    }

    /// Of whom alone, when the permit named a patient.
    #[must_use]
    pub const fn patient(&self) -> Option<&PatientId> {
        self.patient.as_ref()
    }

    /// What of it.
    #[must_use]
    pub const fn fields(&self) -> Fields {
        self.fields
    }

    /// For what.
    #[must_use]
    pub const fn purpose(&self) -> Purpose {
        self.purpose
    }

    /// Whether it was given as emergency access, which withdrawn consent does not close.
    #[must_use]
    pub const fn is_break_glass(&self) -> bool {
        self.break_glass
    }
}
