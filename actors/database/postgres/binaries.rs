//! Which PostgreSQL programs to run.
//!
//! Refuses to guess: an existing cluster is only opened by the major version that made it.

use super::cluster::cluster_version;
use super::{Layout, PostgresError};
use crate::database::EmbeddedConfig;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Where Debian and its kin install each major version.
const INSTALLED: &str = "/usr/lib/postgresql";

/// The oldest major version that is accepted.
pub const OLDEST_VERSION: u32 = 15;

/// One installation of PostgreSQL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Binaries {
    pub(super) dir: PathBuf,
    pub(super) version: u32,
}

/// The directory and major version of the programs that a start with this configuration would run.
///
/// # Errors
/// As the start itself: nothing found, no user to run as, a cluster of another version or gone.
pub fn programs(config: &EmbeddedConfig) -> Result<(PathBuf, u32), PostgresError> {
    let layout = Layout::of(config)?;
    let version = cluster_version(&layout.data_dir)?;
    let found = Binaries::find(config.bin_dir.as_deref(), version, &layout.data_dir)?;
    Ok((found.dir, found.version))
}

impl Binaries {
    pub(super) fn program(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    /// The installation for a cluster of version `cluster`, or the newest for a new one.
    pub(super) fn find(
        configured: Option<&Path>,
        cluster: Option<u32>,
        data_dir: &Path,
    ) -> Result<Self, PostgresError> {
        let mut found = match configured {
            Some(dir) => Vec::from_iter(Self::at(dir)),
            None => installed(Path::new(INSTALLED)),
        };
        found.retain(|binaries| binaries.version >= OLDEST_VERSION);
        found.sort_by_key(|binaries| binaries.version);
        let Some(newest) = found.last().cloned() else {
            let looked = configured.unwrap_or(Path::new(INSTALLED)).to_owned();
            return Err(PostgresError::Missing {
                looked,
                version: cluster.unwrap_or(15),
            });
        };
        let Some(cluster) = cluster else {
            return Ok(newest);
        };
        match found
            .into_iter()
            .find(|binaries| binaries.version == cluster)
        {
            Some(binaries) => Ok(binaries),
            None => Err(PostgresError::Version {
                cluster,
                binaries: newest.version,
                upgrade: upgrade_command(cluster, &newest, data_dir),
            }),
        }
    }

    /// The installation in `dir`, if both programs are there and tell their version.
    fn at(dir: &Path) -> Option<Self> {
        let dir = dir.to_owned();
        if !dir.join("initdb").is_file() {
            return None;
        }
        let told = Command::new(dir.join("postgres"))
            .arg("--version")
            .output()
            .ok()?;
        let version = major_version(&String::from_utf8_lossy(&told.stdout))?;
        Some(Self { dir, version })
    }
}

fn installed(root: &Path) -> Vec<Binaries> {
    let versions = fs::read_dir(root).into_iter().flatten().flatten();
    versions
        .filter_map(|version| Binaries::at(&version.path().join("bin")))
        .collect()
}

/// The major version in `postgres (PostgreSQL) 15.14 (Debian 15.14-0+deb12u1)`.
fn major_version(text: &str) -> Option<u32> {
    let after = text.split("(PostgreSQL) ").nth(1)?;
    let digits: String = after.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok()
}

fn upgrade_command(cluster: u32, newest: &Binaries, data_dir: &Path) -> String {
    let data = data_dir.display();
    format!(
        "{new}/pg_upgrade --old-bindir {INSTALLED}/{cluster}/bin --new-bindir {new} \
         --old-datadir {data} --new-datadir {data}.{version}",
        new = newest.dir.display(),
        version = newest.version,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_major_version_is_read_from_what_the_server_says() {
        let debian = "postgres (PostgreSQL) 15.14 (Debian 15.14-0+deb12u1)\n";
        assert_eq!(major_version(debian), Some(15));
        assert_eq!(major_version("postgres (PostgreSQL) 17beta1"), Some(17));
        assert_eq!(major_version("mysqld 8"), None);
    }

    #[test]
    fn a_missing_installation_names_the_package_and_the_command() {
        let nowhere = Path::new("/nowhere");
        let error = Binaries::find(Some(nowhere), None, nowhere)
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("postgresql-15") && error.contains("make deps"),
            "{error}"
        );
    }

    #[test]
    fn a_cluster_of_another_version_is_refused_with_the_upgrade_command() {
        let data = Path::new("/var/lib/plantao/postgres");
        let error = Binaries::find(None, Some(9), data).unwrap_err().to_string();
        assert!(
            error.contains("pg_upgrade --old-bindir /usr/lib/postgresql/9/bin"),
            "{error}"
        );
        assert!(error.contains("/var/lib/plantao/postgres"), "{error}");
    }
}
