//! The machine's part of an installation: configuration, state directory, keys, certificates, the
//! PostgreSQL programs, open files, disk.

use super::super::context::Context;
use super::{Finding, provenance, span};
use crate::net;
use crate::service;
use crate::state_dir::StatePaths;
use plantao_actors::database::{EmbeddedConfig, postgres};
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use x509_parser::pem::Pem;

/// Connections, files of the database and of plugins: with fewer a busy shift is refused.
const FILES_WANTED: u64 = 4_096;
const FILES_NEEDED: u64 = 512;
const GIB: u64 = 1 << 30;
/// PostgreSQL ends in a panic on a full disk, and what is left has to outlast a weekend.
const DISK_WANTED: u64 = 10 * GIB;
const DISK_NEEDED: u64 = GIB;
/// A certificate of an authority takes days to renew.
const RENEW_DAYS: i64 = 30;
const DAY_US: i64 = 86_400_000_000;

pub(super) fn look(context: &Context, now_us: i64) -> Vec<Finding> {
    let mut findings = vec![configuration(context)];
    findings.extend(provenance::plugins(&context.config));
    let state = StatePaths::find(&context.config.state_dir);
    match &state {
        Err(error) => findings.push(Finding::warn(
            "state directory",
            error.to_string(),
            "start the node once, or name its directory with --state-dir",
        )),
        Ok(state) => {
            findings.push(state_dir(state));
            findings.push(keys(state));
        }
    }
    findings.push(certificate(context, state.as_ref().ok(), now_us));
    findings.push(programs(context));
    findings.push(open_files());
    findings.push(disk("disk", &context.config.state_dir));
    findings.push(checkpoints(context));
    findings.push(archive(context));
    findings
}

fn configuration(context: &Context) -> Finding {
    let config = &context.config;
    let (roles, plugins) = (config.policy.rules.roles.len(), config.plugins.len());
    let found = format!("{roles} roles, {plugins} plugins");
    if config.demo {
        let todo = "run without `--demo`: its principals have tokens on the disk";
        return Finding::warn("configuration", format!("{found}; a demonstration"), todo);
    }
    Finding::ok("configuration", found)
}

fn state_dir(state: &StatePaths) -> Finding {
    let (what, path) = ("state directory", state.root());
    let shown = path.display();
    match fs::metadata(path) {
        Ok(data) if data.mode() & 0o066 != 0 => {
            let found = format!("`{shown}` can be read or written by others");
            Finding::fail(what, found, format!("chmod go-rw {shown}"))
        }
        Ok(_) => Finding::ok(what, format!("`{shown}`")),
        Err(error) => Finding::fail(what, format!("`{shown}`: {error}"), "run as its owner"),
    }
}

fn keys(state: &StatePaths) -> Finding {
    let what = "keys";
    let mut looked = 0;
    for folder in [state.keys(), state.tls()] {
        let mut paths = vec![folder.clone()];
        match fs::read_dir(&folder) {
            Ok(entries) => paths.extend(entries.flatten().map(|entry| entry.path())),
            Err(error) => {
                let found = format!("`{}`: {error}", folder.display());
                return Finding::fail(what, found, "run as the state directory's owner");
            }
        }
        for path in paths {
            let Ok(data) = fs::metadata(&path) else {
                continue;
            };
            if data.permissions().mode() & 0o077 != 0 && !is_public(&path) {
                let shown = path.display();
                let found = format!("`{shown}` is open to others");
                return Finding::fail(what, found, format!("chmod go-rwx {shown}"));
            }
            looked += 1;
        }
    }
    let master = state.keys().join("master.key");
    if !master.exists() && state.postgres_record().exists() {
        let todo = "bring it back from your copy: what is sealed cannot be opened without it";
        return Finding::fail(what, format!("`{}` is gone", master.display()), todo);
    }
    Finding::ok(
        what,
        format!("{looked} files and folders, open to their owner alone"),
    )
}

/// Certificates are shown to everybody who connects.
fn is_public(path: &Path) -> bool {
    path.file_name()
        .is_some_and(|name| name == "ca.pem" || name == "server.pem")
}

fn certificate(context: &Context, state: Option<&StatePaths>, now_us: i64) -> Finding {
    let what = "certificate";
    let configured = context.config.front_door.certificate.clone();
    let made = state.map(|state| state.tls().join("server.pem"));
    let is_development = configured.is_none();
    let Some(path) = configured
        .or(made)
        .filter(|path| path.exists() || !is_development)
    else {
        return Finding::ok(what, "a development certificate is made at the first start");
    };
    let shown = path.display();
    let Some(until_us) = ends_at(&path) else {
        let todo = "name a PEM file with `front_door.certificate`";
        return Finding::fail(
            what,
            format!("`{shown}` cannot be read as a certificate"),
            todo,
        );
    };
    let left_us = until_us.saturating_sub(now_us);
    let renew = "put a new one in its place and start again";
    if left_us <= 0 {
        let found = format!("`{shown}` ended {} ago", span(left_us));
        return Finding::fail(what, found, renew);
    }
    let found = format!("`{shown}` ends in {}", span(left_us));
    if is_development {
        let todo = "set `front_door.certificate` and `private_key` to ones of an authority that \
                    the hospital's browsers trust";
        return Finding::warn(what, format!("{found}; a development certificate"), todo);
    }
    if left_us < RENEW_DAYS * DAY_US {
        return Finding::warn(what, found, renew);
    }
    Finding::ok(what, found)
}

/// The earliest end of a chain's certificates.
fn ends_at(path: &Path) -> Option<i64> {
    let bytes = fs::read(path).ok()?;
    let mut ends = Vec::new();
    for pem in Pem::iter_from_buffer(&bytes) {
        let pem = pem.ok()?;
        if pem.label == "CERTIFICATE" {
            let parsed = pem.parse_x509().ok()?;
            ends.push(parsed.validity().not_after.timestamp());
        }
    }
    ends.into_iter()
        .min()
        .map(|seconds| seconds.saturating_mul(1_000_000))
}

fn programs(context: &Context) -> Finding {
    let what = "postgresql programs";
    let config = service::database_config(&context.config, &context.config.state_dir);
    let Some(cluster) = config.embedded else {
        return Finding::ok(what, "not needed: `database.url` names a server");
    };
    let looked = EmbeddedConfig {
        state_dir: if cluster.state_dir.exists() {
            cluster.state_dir.clone()
        } else {
            std::env::temp_dir()
        },
        ..cluster
    };
    match postgres::programs(&looked) {
        Ok((dir, version)) => Finding::ok(what, format!("{version} in `{}`", dir.display())),
        Err(error) => Finding::fail(what, error.to_string(), "see what it says"),
    }
}

fn open_files() -> Finding {
    let (what, limit) = ("open files", net::raise_open_files());
    let found = format!("{limit} allowed");
    let todo = format!("raise the limit (`LimitNOFILE=` of the service) to {FILES_WANTED} or more");
    if limit < FILES_NEEDED {
        Finding::fail(what, found, todo)
    } else if limit < FILES_WANTED {
        Finding::warn(what, found, todo)
    } else {
        Finding::ok(what, found)
    }
}

/// The room of the file system that a path is on, or will be.
fn disk(what: &'static str, path: &Path) -> Finding {
    let there = path.ancestors().find(|one| one.exists());
    let here = PathBuf::from(".");
    let there = there
        .filter(|one| !one.as_os_str().is_empty())
        .unwrap_or(&here);
    let shown = there.display();
    match rustix::fs::statvfs(there) {
        Ok(room) => {
            let free = room.f_bavail.saturating_mul(room.f_frsize);
            let all = room.f_blocks.saturating_mul(room.f_frsize).max(1);
            let percent = free / (all / 100).max(1);
            let found = format!("{} GiB free ({percent} %) at `{shown}`", free / GIB);
            let todo = "make room: a full disk stops the trail, and with it every access";
            if free < DISK_NEEDED {
                Finding::fail(what, found, todo)
            } else if free < DISK_WANTED {
                Finding::warn(what, found, todo)
            } else {
                Finding::ok(what, found)
            }
        }
        Err(error) => Finding::fail(what, format!("`{shown}`: {error}"), "look at the mount"),
    }
}

fn checkpoints(context: &Context) -> Finding {
    let what = "audit checkpoints";
    match &context.config.audit.checkpoints {
        None => Finding::warn(
            what,
            "no signed checkpoint leaves this host",
            "set `audit.checkpoints` to a folder that another machine collects: without one, who \
             owns this host can rewrite the trail unseen",
        ),
        Some(folder) => folder_of(what, folder),
    }
}

fn archive(context: &Context) -> Finding {
    let (what, years) = ("audit archive", context.config.audit.retention_years);
    match &context.config.audit.archive {
        None => Finding::ok(
            what,
            format!("none: entries older than {years} years stay too, and nothing is dropped"),
        ),
        Some(folder) => folder_of(what, folder),
    }
}

fn folder_of(what: &'static str, folder: &Path) -> Finding {
    let shown = folder.display();
    match fs::metadata(folder) {
        Ok(data) if data.is_dir() => disk(what, folder),
        Ok(_) => Finding::fail(what, format!("`{shown}` is not a folder"), "name a folder"),
        Err(_) => Finding::warn(
            what,
            format!("`{shown}` is not there"),
            "it is made with the first file, unless a mount is missing",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Status;
    use super::*;

    #[test]
    fn a_missing_folder_is_a_warning_and_a_file_in_its_place_a_failure() {
        let temp = tempfile::tempdir().unwrap();
        let missing = folder_of("audit archive", &temp.path().join("none"));
        assert_eq!(missing.status, Status::Warn);
        let file = temp.path().join("file");
        fs::write(&file, "").unwrap();
        assert_eq!(folder_of("audit archive", &file).status, Status::Fail);
        assert!(
            disk("disk", &temp.path().join("not/yet"))
                .found
                .contains("GiB free")
        );
    }

    #[test]
    fn the_end_of_a_certificate_is_read_and_of_no_other_file() {
        let temp = tempfile::tempdir().unwrap();
        let (chain, other) = (temp.path().join("chain.pem"), temp.path().join("other.pem"));
        let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        fs::write(&chain, made.cert.pem()).unwrap();
        fs::write(&other, "no certificate").unwrap();
        assert!(ends_at(&chain).unwrap() > 4_000_000_000_000_000);
        assert_eq!(ends_at(&other), None);
    }
}
