//! Checkpoints on their way off the host: a folder that another machine holds or collects.
//!
//! `DIR/NODE/TENANT/checkpoint` is the newest, `seal-SIZE` one of each day, `cosigned-WITNESS` the
//! newest that a witness has cosigned, each put in place whole. Refuses to hold up anything: a
//! folder that is not there is told of once and tried again with the next checkpoint. Whoever can
//! write to the folder can remove from it: only what was copied from there is out of reach.

use super::store::Growth;
use crate::aside::aside;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// A checkpoint that could not be put where it should go.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cannot write the checkpoint `{path}`: {kind}", path = .path.display())]
pub struct ShippingError {
    /// Where to.
    pub path: PathBuf,
    /// Why not.
    pub kind: io::ErrorKind,
}

/// Where checkpoints go. Clones share what was told.
#[derive(Clone, Debug, Default)]
pub struct Shipping {
    folder: Option<PathBuf>,
    is_failing: Arc<AtomicBool>,
}

impl Shipping {
    /// To a folder; nowhere without one.
    #[must_use]
    pub fn to(folder: Option<PathBuf>) -> Self {
        Self {
            folder,
            is_failing: Arc::default(),
        }
    }

    /// Whether the last one did not get there.
    #[must_use]
    pub fn is_failing(&self) -> bool {
        self.is_failing.load(Ordering::Relaxed)
    }

    /// Sends one on its way; a failure is told and costs nothing else.
    pub(super) async fn ship(&self, growth: &Growth) {
        let seal = growth.is_seal.then(|| format!("seal-{}", growth.size));
        let names = seal.into_iter().chain(["checkpoint".to_owned()]).collect();
        self.send(&growth.chain, names, &growth.note).await;
    }

    /// The same with one that a witness has cosigned.
    pub(super) async fn ship_cosigned(&self, chain: &str, witness: &str, note: &str) {
        // A name may be an address: what is no part of a file's name is left out of it.
        let plain = |one: char| one.is_ascii_alphanumeric() || "-._".contains(one);
        let witness: String = witness.chars().filter(|one| plain(*one)).collect();
        self.send(chain, vec![format!("cosigned-{witness}")], note)
            .await;
    }

    async fn send(&self, chain: &str, names: Vec<String>, note: &str) {
        let Some(folder) = self.folder.clone() else {
            return;
        };
        let (chain, note) = (chain.to_owned(), note.to_owned());
        let put = move || -> Result<(), ShippingError> {
            let folder = folder.join(chain);
            for name in &names {
                put(&folder, name, note.as_bytes()).map_err(|error| ShippingError {
                    path: folder.join(name),
                    kind: error.kind(),
                })?;
            }
            Ok(())
        };
        let failed = match aside(put).await {
            Some(Ok(())) => None,
            Some(Err(error)) => Some(error.to_string()),
            None => Some("the writing thread panicked".to_owned()),
        };
        let was_failing = self.is_failing.swap(failed.is_some(), Ordering::Relaxed);
        match failed {
            Some(reason) if !was_failing => tracing::warn!(reason, "no checkpoint leaves the host"),
            None if was_failing => tracing::info!("checkpoints leave the host again"),
            _ => {}
        }
    }
}

/// Whole or not at all, and on disk once this returns.
fn put(folder: &Path, name: &str, bytes: &[u8]) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    let fresh = folder.join(format!(".{name}.new"));
    let mut file = File::create(&fresh)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&fresh, folder.join(name))?;
    File::open(folder)?.sync_all()
}
