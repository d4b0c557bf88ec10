//! The ward: every bed in one table, whoever needs somebody first.
//!
//! PHI: names and vital signs, as far as the grant's fields go; what is not in them is not in the
//! tree, so no script and no reader of the page's source finds it. Retention: while somebody
//! looks; audit: per viewer and patient, by the viewer that a frame is sent to.

mod templates;
mod view;

pub(super) use templates::{WardShape, templates};
pub(super) use view::{BedView, Occupant, WardView};
