//! The modules that are measured: the built ones, and one without what it declares.

use std::path::{Path, PathBuf};

use plantao_schema::plugin::MANIFEST_SECTION;

/// The module with its manifest under a name that means nothing: the host then grants and keeps
/// what the rows here ask of it, `phi:raw` or not.
pub(super) fn undeclared(mut module: Vec<u8>) -> Vec<u8> {
    let name = MANIFEST_SECTION.as_bytes();
    let mut windows = module.windows(name.len());
    let at = windows.position(|window| window == name).unwrap();
    module[at..at + name.len()].make_ascii_uppercase();
    module
}

/// Where the built plugins are.
pub(super) fn dist() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("plugins/dist")
}
