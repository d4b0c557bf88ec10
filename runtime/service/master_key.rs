//! Where a configuration says that the master key comes from.

use super::ServiceError;
use crate::config::{Config, ConfigError, Pkcs11, Provider};
use crate::state_dir::StatePaths;
use plantao_actors::vault::{MasterKeySource, TokenConfig};
use std::path::{Path, PathBuf};

/// Where systemd says that a service's credentials are.
const CREDENTIALS: &str = "CREDENTIALS_DIRECTORY";

/// The source, and the one that it replaces.
pub(crate) fn source(config: &Config, paths: &StatePaths) -> Result<MasterKeySource, ServiceError> {
    let vault = &config.vault;
    let file = vault.file.clone().unwrap_or_else(|| paths.master_key());
    let (credential, token) = (vault.credential.as_ref(), vault.pkcs11.as_ref());
    let new = one("vault", vault.provider, &file, credential, token)?;
    let replaced = match &vault.previous {
        None => None,
        Some(old) => {
            let file = old.file.clone().unwrap_or_else(|| paths.master_key());
            let (credential, token) = (old.credential.as_ref(), old.pkcs11.as_ref());
            let section = "vault.previous";
            Some(one(section, old.provider, &file, credential, token)?)
        }
    };
    // A new file is no substitute for one that was lost.
    let lost = vault.provider == Provider::File && replaced.is_none() && !file.exists();
    if lost && paths.postgres_record().exists() {
        return Err(ServiceError::MasterKeyGone { path: file });
    }
    Ok(match replaced {
        None => new,
        Some(old) => new.replacing(old),
    })
}

fn one(
    section: &str,
    provider: Provider,
    file: &Path,
    credential: Option<&String>,
    token: Option<&Pkcs11>,
) -> Result<MasterKeySource, ServiceError> {
    let missing = |key: &str| ConfigError::Missing {
        key: format!("{section}.{key}"),
    };
    Ok(match provider {
        Provider::File => MasterKeySource::File(file.to_owned()),
        Provider::Systemd => {
            let name = credential.ok_or_else(|| missing("credential"))?;
            MasterKeySource::Credential(handed_over(&format!("{section}.credential"), name)?)
        }
        Provider::Pkcs11 => {
            let token = token.ok_or_else(|| missing("pkcs11"))?;
            let pin_file = match (&token.pin_file, &token.pin_credential) {
                (Some(path), _) => path.clone(),
                (None, Some(name)) => {
                    handed_over(&format!("{section}.pkcs11.pin_credential"), name)?
                }
                (None, None) => return Err(missing("pkcs11.pin_file").into()),
            };
            MasterKeySource::Token(TokenConfig {
                module: token.module.clone(),
                token: token.token.clone(),
                slot: token.slot,
                key: token.key.clone(),
                pin_file,
            })
        }
    })
}

/// The file of a credential.
fn handed_over(key: &str, name: &str) -> Result<PathBuf, ServiceError> {
    let folder = std::env::var_os(CREDENTIALS).ok_or_else(|| ConfigError::OutOfBounds {
        key: key.to_owned(),
        reason: format!(
            "is `{name}`, and systemd handed over no credentials (`{CREDENTIALS}` is not set): \
             start the service by its unit, with `LoadCredentialEncrypted={name}:FILE` in it"
        ),
    })?;
    Ok(PathBuf::from(folder).join(name))
}
