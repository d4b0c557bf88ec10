//! One patient: what somebody must know at once, then the score and how it came about, then the
//! trends.
//!
//! PHI: name, date of birth, emergency card and vital signs, as far as the grant's fields go; what
//! is not in them is not in the tree. Retention: while somebody looks; audit: per viewer, by the
//! viewer that a frame is sent to. Neither title nor address names the patient.

mod card;
mod person;
mod templates;
mod view;
mod vitals;

pub(super) use templates::templates;
pub(super) use view::PatientView;
