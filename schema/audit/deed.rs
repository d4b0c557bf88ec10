//! What was done, as FHIR's `AuditEvent.action` divides it: narrower than the trail's own actions.
//!
//! The trail knows `write`; FHIR asks whether something was created or updated. What is named in
//! the address existed or was given that name (update), what is not was new (create), and a bundle
//! or a session is executed. One rule, so that a search finds what an export calls so.

use super::Entry;
use crate::access::Action;

/// What an action was done on, as far as FHIR tells actions apart by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum On {
    /// Whatever it was.
    Anything,
    /// A resource that the request named.
    Named,
    /// A resource that the request did not name.
    Unnamed,
    /// A transaction over several resources, or a session.
    Whole,
}

/// The kinds of [`On::Whole`].
pub const WHOLE_KINDS: [&str; 2] = ["bundle", "session"];

/// An action and what it was done on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deed {
    /// The action.
    pub action: Action,
    /// What it was done on.
    pub on: On,
}

impl Deed {
    /// An action, on whatever it was done.
    #[must_use]
    pub const fn any(action: Action) -> Self {
        let on = On::Anything;
        Self { action, on }
    }

    const fn write(on: On) -> Self {
        let action = Action::Write;
        Self { action, on }
    }

    /// Whether an entry is one of these.
    #[must_use]
    pub fn is(&self, entry: &Entry) -> bool {
        let whole = WHOLE_KINDS.contains(&entry.resource_kind.as_str());
        let named = entry.resource_id.is_some();
        let on = match self.on {
            On::Anything => true,
            On::Named => !whole && named,
            On::Unnamed => !whole && !named,
            On::Whole => whole,
        };
        on && entry.action == self.action.as_str()
    }
}

const CREATE: &[Deed] = &[Deed::write(On::Unnamed)];
const READ: &[Deed] = &[Deed::any(Action::Read)];
const UPDATE: &[Deed] = &[Deed::write(On::Named)];
const EXECUTE: &[Deed] = &[
    Deed::any(Action::Search),
    Deed::any(Action::Submit),
    Deed::any(Action::Operate),
    Deed::write(On::Whole),
];

/// The entries that a code of `http://hl7.org/fhir/audit-event-action` stands for; `None` when
/// there is no such code. Nothing is ever deleted here, so that `D` stands for none.
#[must_use]
pub fn deeds(code: &str) -> Option<&'static [Deed]> {
    match code {
        "C" => Some(CREATE),
        "R" => Some(READ),
        "U" => Some(UPDATE),
        "D" => Some(&[]),
        "E" => Some(EXECUTE),
        _ => None,
    }
}

/// The code of an entry. An action that no request has is executed.
#[must_use]
pub fn action_code(entry: &Entry) -> &'static str {
    ["C", "R", "U"]
        .into_iter()
        .find(|code| deeds(code).is_some_and(|all| all.iter().any(|deed| deed.is(entry))))
        .unwrap_or("E")
}
