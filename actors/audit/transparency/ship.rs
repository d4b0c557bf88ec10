//! Checkpoints on their way off the host: a folder that another machine holds or collects.
//!
//! `DIR/NODE/TENANT/checkpoint` is the newest, `seal-SIZE` one of each day, `cosigned-WITNESS` the
//! newest that a witness has cosigned, each put in place whole. Refuses to hold up anything: a
//! folder that is not there is told of once and tried again by and by. Whoever can
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

    /// Sends one on its way, and says whether it got there; a failure is told and costs nothing
    /// else.
    pub(super) async fn ship(&self, growth: &Growth) -> bool {
        let seal = growth.is_seal.then(|| format!("seal-{}", growth.size));
        let names = seal.into_iter().chain(["checkpoint".to_owned()]).collect();
        self.send(&growth.chain, names, &growth.note).await
    }

    /// The same with one that may be there already, or be less than what is there: then that is
    /// left alone. That a longer trail was signed than the one that is here is told loudly.
    pub(super) async fn catch_up(&self, growth: &Growth) -> bool {
        let Some(folder) = self.folder.clone() else {
            return true;
        };
        let newest = folder.join(&growth.chain).join("checkpoint");
        let read = aside(move || fs::read_to_string(newest)).await;
        let sent = read.and_then(Result::ok).and_then(|note| size(&note));
        let (chain, ours) = (&growth.chain, growth.size);
        match sent {
            Some(theirs) if theirs > ours => {
                tracing::error!(
                    chain,
                    theirs,
                    ours,
                    "SECURITY: a checkpoint that left the host is \
                    of more entries than the trail was signed with: it was cut, or restored"
                );
                true
            }
            Some(theirs) if theirs == ours => true,
            _ => self.ship(growth).await,
        }
    }

    /// The same with one that a witness has cosigned.
    pub(super) async fn ship_cosigned(&self, chain: &str, witness: &str, note: &str) {
        // A name may be an address: what is no part of a file's name is left out of it.
        let plain = |one: char| one.is_ascii_alphanumeric() || "-._".contains(one);
        let witness: String = witness.chars().filter(|one| plain(*one)).collect();
        let names = vec![format!("cosigned-{witness}")];
        let _told = self.send(chain, names, note).await;
    }

    async fn send(&self, chain: &str, names: Vec<String>, note: &str) -> bool {
        let Some(folder) = self.folder.clone() else {
            return true;
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
        let is_there = failed.is_none();
        let was_failing = self.is_failing.swap(!is_there, Ordering::Relaxed);
        match failed {
            Some(reason) if !was_failing => tracing::warn!(reason, "no checkpoint leaves the host"),
            None if was_failing => tracing::info!("checkpoints leave the host again"),
            _ => {}
        }
        is_there
    }
}

/// How many entries a checkpoint is of: its second line (C2SP tlog-checkpoint).
fn size(note: &str) -> Option<u64> {
    note.lines().nth(1)?.parse().ok()
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
