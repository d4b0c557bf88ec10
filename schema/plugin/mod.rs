//! What is known of a plugin before it runs: who it is, what it asks of its host, who signed it.
//!
//! Owns [`Manifest`], the text a module carries in its section [`MANIFEST_SECTION`], and
//! [`Capability`], the closed list of what can be asked for. Refuses a field it does not know and a
//! value it cannot use, by name: what is not understood is not granted. Exists so that the kit, the
//! host and the command line read one vocabulary. An ask is not a grant: the host holds it against
//! what the operator wrote. A [`package`] is a module with a signature; its [`sections`] are read
//! in one place. No compiler and no key is known here: bytes come in, types go out.

mod capability;
mod field;
mod manifest;
pub mod package;
pub mod sections;

pub use capability::{Capability, CapabilityError, CapabilityKind};
pub use manifest::{Asked, Manifest, ManifestError, OutputKind};

/// Where a module carries its manifest.
pub const MANIFEST_SECTION: &str = "plantao.manifest";
