//! A server that outlived the process that started it.
//!
//! Refuses to touch `postmaster.pid`: the server itself knows when that file is stale, and deleting
//! it beside a live server lets two of them write the same data. An orphan is stopped rather than
//! adopted: only a parent learns of an exit at once, and only a parent's death stops a child.

use rustix::process::{Pid, Signal, kill_process};
use std::fs;
use std::path::Path;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// How long each kind of shutdown is given before the next, harder one.
const STEPS: &[(Signal, Duration)] = &[
    (Signal::INT, Duration::from_secs(10)),
    (Signal::QUIT, Duration::from_secs(5)),
    (Signal::KILL, Duration::from_secs(5)),
];

const POLL: Duration = Duration::from_millis(10);

/// Stops the server that already runs on `data_dir`, if there is one; says whether there was.
pub(super) async fn stop_orphan(data_dir: &Path) -> bool {
    let Some(pid) = running(data_dir) else {
        return false;
    };
    tracing::warn!(
        pid = pid.as_raw_nonzero().get(),
        "stopping an orphaned database server"
    );
    for (signal, patience) in STEPS {
        if *signal == Signal::KILL {
            // One that was stopped has children that are, and they hold its memory.
            super::stall::kill_orphan(pid);
        } else {
            // Gone between look and signal: the next look says so.
            let _ = kill_process(pid, *signal);
        }
        let deadline = Instant::now() + *patience;
        while Instant::now() < deadline {
            if running(data_dir) != Some(pid) {
                return true;
            }
            sleep(POLL).await;
        }
    }
    true
}

/// The process that `postmaster.pid` names, if it lives and works in that directory. A number that
/// was given to another program in the meantime does not.
pub(in crate::database) fn running(data_dir: &Path) -> Option<Pid> {
    let file = fs::read_to_string(data_dir.join("postmaster.pid")).ok()?;
    let pid = Pid::from_raw(file.lines().next()?.trim().parse().ok()?)?;
    let directory = fs::read_link(format!("/proc/{}/cwd", pid.as_raw_nonzero())).ok()?;
    (directory == fs::canonicalize(data_dir).ok()?).then_some(pid)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_number_that_belongs_to_another_program_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("postmaster.pid");
        assert_eq!(running(dir.path()), None);
        fs::write(
            &file,
            format!("{}\n{}\n", std::process::id(), dir.path().display()),
        )
        .unwrap();
        assert!(!stop_orphan(dir.path()).await);
        assert!(file.exists());
        fs::write(&file, "not a number").unwrap();
        assert_eq!(running(dir.path()), None);
    }
}
