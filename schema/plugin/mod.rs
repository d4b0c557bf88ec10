//! What a plugin declares: who it is, what it does, what it asks of its host.
//!
//! Owns [`Manifest`], the text a module carries in its section [`MANIFEST_SECTION`], and
//! [`Capability`], the closed list of what can be asked for. Refuses a field it does not know and a
//! value it cannot use, by name: what is not understood is not granted. Exists so that the kit, the
//! host and the command line read one vocabulary. An ask is not a grant: the host holds it against
//! what the operator wrote.

mod capability;
mod field;
mod manifest;

pub use capability::{Capability, CapabilityError, CapabilityKind};
pub use manifest::{Asked, Manifest, ManifestError, OutputKind};

/// Where a module carries its manifest.
pub const MANIFEST_SECTION: &str = "plantao.manifest";
