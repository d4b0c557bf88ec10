//! Who a module comes from, and whether this hospital takes plugins from there.
//!
//! Owns the publishers that an operator trusts, each with a key and the names it may publish under,
//! and the look at every file before a compiler sees it. Refuses a package whose signature does not
//! hold, whose publisher nobody configured or may not publish that name, and one that calls itself
//! otherwise than the operator does: a file put in another one's place would have its grants.
//! A file that nobody signed is refused too, unless the operator says that this is development.
//!
//! What runs is the signed part alone, and its SHA-256 is the plugin's hash everywhere: the same
//! module has the same hash before and after it was signed. What it does not give: an older
//! version that was signed once stays valid until its publisher's key goes.

mod key;
#[cfg(test)]
mod tests;

use std::path::Path;
use std::sync::Arc;

use plantao_schema::plugin::package::{KeyId, Package, PackageError, Statement};
use plantao_schema::plugin::{Manifest, ManifestError};
use serde::{Deserialize, Serialize};

use super::error::PluginError;
use super::host::MODULE_MAX_BYTES;
use super::manifest::read_manifest;
use super::module::read_capped;

pub use key::{PublisherKey, PublisherKeyError, PublisherSecret, SignError, Signed};

/// As a plugin's own: both stand beside each other in lists.
const NAME_MAX_BYTES: usize = 48;

/// What becomes of a file that nobody signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unsigned {
    /// It is refused.
    Refuse,
    /// It is loaded: for whoever writes plugins.
    Development,
}

/// Which plugins a publisher may publish: a name, or its beginning and `*`.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Names(Vec<String>);

impl Names {
    fn hold(&self, name: &str) -> bool {
        self.0
            .iter()
            .any(|pattern| match pattern.strip_suffix('*') {
                Some(beginning) => name.starts_with(beginning),
                None => name == pattern,
            })
    }
}

/// One publisher.
#[derive(Clone, Debug)]
struct Publisher {
    name: Arc<str>,
    key: PublisherKey,
    names: Names,
}

/// Those whose plugins are taken. Clones share them.
#[derive(Clone, Debug)]
pub struct Publishers {
    unsigned: Unsigned,
    known: Arc<Vec<Publisher>>,
}

/// Why a publisher cannot be trusted as configured.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PublisherError {
    /// Its key is none.
    #[error("`key` {0}")]
    Key(#[from] PublisherKeyError),
    /// A name that cannot stand in a list or a log line.
    #[error("is no name: expected 1 to 48 characters of a-z, 0-9 and `-`")]
    Called,
    /// Two have one key: whose a package is could not be told.
    #[error("`key` is that of publisher `{0}` too: expected one of its own")]
    SameKey(String),
    /// A name that no plugin can have.
    #[error("`plugins` has `{0}`: expected a name of a-z, 0-9 and `-`, or its beginning and `*`")]
    Name(String),
    /// It could publish nothing.
    #[error("`plugins` is empty: expected the names it may publish, such as \"reading-*\"")]
    NoNames,
}

/// Why a file's origin is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProvenanceRefusal {
    /// Nobody signed it.
    #[error("is not signed: expected a package of a publisher in `plugin_host.publishers`")]
    Unsigned,
    /// It is no package.
    #[error("is no package: {0}")]
    Package(#[from] PackageError),
    /// Its manifest does not say what it is.
    #[error("is no package: its manifest {0}")]
    Manifest(#[from] ManifestError),
    /// The key is of no publisher that the operator knows.
    #[error("is signed with key {key}, which is of no publisher in `plugin_host.publishers`")]
    UnknownPublisher {
        /// Whose it is, as its signature says.
        key: KeyId,
    },
    /// A signature is missing, is there without a key, or does not hold.
    #[error("has no {algorithm} signature of publisher `{publisher}` that holds")]
    Signature {
        /// Whose it should be.
        publisher: String,
        /// Which of them.
        algorithm: &'static str,
    },
    /// The publisher may not publish it.
    #[error("is of publisher `{publisher}`, whose `plugins` do not have `{name}`")]
    NotAllowed {
        /// Who signed it.
        publisher: String,
        /// What it is called.
        name: String,
    },
    /// It is another plugin.
    #[error("is a package of plugin `{name}`: expected one of the name it is configured under")]
    OtherName {
        /// What it is called.
        name: String,
    },
}

/// A file whose origin is known, or need not be.
#[derive(Debug)]
pub(super) struct Admitted {
    /// The module without its signature.
    pub(super) bytes: Vec<u8>,
    /// What was found of who signed it; nothing when nobody did.
    pub(super) verified: Option<Verified>,
}

/// A package that verified, as it is told to people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// Who signed it.
    pub publisher: String,
    /// What it is called.
    pub name: String,
    /// Its version.
    pub version: String,
    /// The hash of what was signed.
    pub sha256: String,
}

impl Publishers {
    /// Nobody yet.
    #[must_use]
    pub fn new(unsigned: Unsigned) -> Self {
        let known = Arc::default();
        Self { unsigned, known }
    }

    /// One more.
    ///
    /// # Errors
    /// [`PublisherError`] naming the field.
    pub fn with(
        mut self,
        name: &str,
        key: &str,
        plugins: &[String],
    ) -> Result<Self, PublisherError> {
        if !(1..=NAME_MAX_BYTES).contains(&name.len()) || !name.bytes().all(is_in_names) {
            return Err(PublisherError::Called);
        }
        let key = PublisherKey::parse(key)?;
        if let Some(other) = self.known.iter().find(|one| one.key.id() == key.id()) {
            return Err(PublisherError::SameKey(other.name.to_string()));
        }
        if plugins.is_empty() {
            return Err(PublisherError::NoNames);
        }
        let is_name = |name: &&String| {
            let beginning = name.strip_suffix('*');
            beginning.unwrap_or(name).bytes().all(is_in_names) && !name.is_empty()
        };
        if let Some(wrong) = plugins.iter().find(|name| !is_name(name)) {
            return Err(PublisherError::Name(wrong.clone()));
        }
        let names = Names(plugins.to_vec());
        let name = name.into();
        Arc::make_mut(&mut self.known).push(Publisher { name, key, names });
        Ok(self)
    }

    /// What becomes of a file that nobody signed.
    #[must_use]
    pub fn unsigned(&self) -> Unsigned {
        self.unsigned
    }

    /// Their names.
    #[must_use]
    pub fn names(&self) -> Vec<&str> {
        self.known.iter().map(|one| &*one.name).collect()
    }

    /// The one of this name alone.
    #[must_use]
    pub fn only(&self, name: &str) -> Option<Self> {
        let found = self.known.iter().find(|one| &*one.name == name)?;
        Some(Self {
            unsigned: self.unsigned,
            known: Arc::new(vec![found.clone()]),
        })
    }

    /// Looks at a plugin's file as the host does that is to load it.
    ///
    /// # Errors
    /// [`PluginError`] as loading it would end in, before a compiler sees it.
    pub fn look(&self, plugin: &str, path: &Path) -> Result<Option<Verified>, PluginError> {
        let bytes = read_capped(path, MODULE_MAX_BYTES, plugin)?;
        Ok(self.admit(plugin, bytes)?.verified)
    }

    /// Looks at the content of a file of the plugin of this name.
    pub(super) fn admit(&self, plugin: &str, mut bytes: Vec<u8>) -> Result<Admitted, PluginError> {
        let refuse = |refusal| PluginError::Provenance {
            plugin: plugin.to_owned(),
            refusal,
        };
        let package = Package::split(&bytes);
        let is_unsigned = match &package {
            Ok(package) => package.block.is_none(),
            // Nobody signed that either; what is wrong with it is told by whoever reads modules.
            Err(error) => *error == PackageError::Frame,
        };
        if is_unsigned && self.unsigned == Unsigned::Development {
            let verified = None;
            return Ok(Admitted { bytes, verified });
        }
        let package = package.map_err(|error| refuse(error.into()))?;
        let verified = self.checked(&package).map_err(refuse)?;
        if verified.name != plugin {
            let name = verified.name;
            return Err(refuse(ProvenanceRefusal::OtherName { name }));
        }
        let length = package.signed.len();
        bytes.truncate(length);
        let verified = Some(verified);
        Ok(Admitted { bytes, verified })
    }

    /// Verifies a file as a host does that configures it under its own name.
    ///
    /// # Errors
    /// [`ProvenanceRefusal`].
    pub fn verify(&self, bytes: &[u8]) -> Result<Verified, ProvenanceRefusal> {
        self.checked(&Package::split(bytes)?)
    }

    fn checked(&self, package: &Package<'_>) -> Result<Verified, ProvenanceRefusal> {
        let block = package.block.as_ref().ok_or(ProvenanceRefusal::Unsigned)?;
        let mut known = self.known.iter();
        let publisher = known.find(|one| one.key.id() == block.key);
        let key = block.key;
        let publisher = publisher.ok_or(ProvenanceRefusal::UnknownPublisher { key })?;
        let Manifest { name, version, .. } = read_manifest(package.manifest()?)?;
        let hash = package.hash();
        let statement = Statement {
            key,
            hash,
            name: &name,
            version: &version,
        };
        let wrong = publisher.key.wrong(block, &statement.message());
        let who = || publisher.name.to_string();
        if let Some(algorithm) = wrong {
            let (publisher, algorithm) = (who(), algorithm.name());
            return Err(ProvenanceRefusal::Signature {
                publisher,
                algorithm,
            });
        }
        if !publisher.names.hold(&name) {
            let publisher = who();
            return Err(ProvenanceRefusal::NotAllowed { publisher, name });
        }
        Ok(Verified {
            publisher: who(),
            name,
            version,
            sha256: hash.to_string(),
        })
    }
}

/// The module of a file, whoever signed it: for an author, who looks at code.
///
/// # Errors
/// [`PluginError::Provenance`] for a signature that is malformed; whether it holds is not asked.
pub fn unsigned(plugin: &str, mut bytes: Vec<u8>) -> Result<Vec<u8>, PluginError> {
    let length = match Package::split(&bytes) {
        Ok(package) => package.signed.len(),
        Err(PackageError::Frame) => bytes.len(),
        Err(error) => {
            return Err(PluginError::Provenance {
                plugin: plugin.to_owned(),
                refusal: error.into(),
            });
        }
    };
    bytes.truncate(length);
    Ok(bytes)
}

/// Whether plugins and publishers may have it in their names.
fn is_in_names(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-'
}
