//! Memory that is never written to a file: this process and PostgreSQL hold keys and open records.

use rustix::process::{Resource, Rlimit, setrlimit};

/// Forbids core files to this process and to those it starts, for good. Whoever collects them
/// through a pipe (`kernel.core_pattern`) is asked nothing by a limit of zero either, but for a few
/// collectors that look at the process themselves.
pub(super) fn forbid_core_files() {
    let none = Rlimit {
        current: Some(0),
        maximum: Some(0),
    };
    if let Err(error) = setrlimit(Resource::Core, none) {
        tracing::warn!(%error, "core files cannot be forbidden: memory may be written to disk");
    }
}
