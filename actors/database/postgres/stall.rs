//! A server that is there and does not answer: stopped by a signal, or stuck.
//!
//! Its process lives, so that nobody is told of an end that has not come, and every new session
//! waits in vain. What is asked is the least that a server does: to take a connection and to say
//! whether it speaks TLS, which it says even while it recovers, shuts down or has no session to
//! spare. One that has not for `stall_limit` is killed, its children with it, and started anew:
//! what was committed is on disk, and a server that comes to its senses halfway through would meet
//! another one on its data if any part of it were left.

use super::process::Process;
use rustix::process::{Pid, Signal, kill_process};
use std::fs;
use std::path::Path;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::time::{Instant, sleep, timeout};

/// Between two questions.
const EVERY: Duration = Duration::from_secs(2);

/// `SSLRequest` (PostgreSQL's protocol, 55.7): its length and its code.
const QUESTION: [u8; 8] = [0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f];

/// Returns once the server behind `socket` has not answered for `limit`.
pub(super) async fn stalled(socket: &Path, limit: Duration) {
    let patience = EVERY.min(limit / 2);
    let mut answered = Instant::now();
    loop {
        sleep(patience).await;
        let asked = Instant::now();
        if timeout(patience, answers(socket)).await.unwrap_or(false) {
            answered = asked;
        } else if answered.elapsed() >= limit {
            return;
        }
    }
}

/// Whether there is an answer. One that refuses is one: whoever does not listen has ended, which is
/// somebody else's to see.
async fn answers(socket: &Path) -> bool {
    let Ok(mut stream) = UnixStream::connect(socket).await else {
        return true;
    };
    let mut answer = [0; 1];
    if stream.write_all(&QUESTION).await.is_err() {
        return true;
    }
    // A reset is an answer too; only silence is none, which is the caller's deadline to see.
    let _any = stream.read(&mut answer).await;
    true
}

/// Ends a server that does not end by itself, and what it left running.
pub(super) fn kill(process: &Process) {
    let Some(pid) = process.pid() else { return };
    let children = children_of(pid);
    // The parent first: it starts no others then.
    process.signal(Signal::KILL);
    kill_each(&children);
}

/// The same for one that is nobody's child here.
pub(super) fn kill_orphan(pid: Pid) {
    let mut all = vec![pid];
    all.extend(children_of(pid));
    kill_each(&all);
}

fn kill_each(processes: &[Pid]) {
    for pid in processes {
        // Gone between look and signal.
        let _ = kill_process(*pid, Signal::KILL);
    }
}

fn children_of(parent: Pid) -> Vec<Pid> {
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let of_parent = |pid: &Pid| parent_of(*pid) == Some(parent);
    let number = |name: std::ffi::OsString| name.to_str()?.parse().ok().and_then(Pid::from_raw);
    processes
        .filter_map(|entry| number(entry.file_name()))
        .filter(of_parent)
        .collect()
}

/// From `/proc/PID/stat`: the name in parentheses may hold anything, the rest is fields.
fn parent_of(pid: Pid) -> Option<Pid> {
    let stat = fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero())).ok()?;
    let after_name = stat.rsplit_once(')')?.1;
    let parent = after_name.split_whitespace().nth(1)?;
    Pid::from_raw(parent.parse().ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::net::UnixListener;

    #[tokio::test]
    async fn a_server_that_takes_a_connection_and_says_nothing_has_stalled() {
        let dir = tempfile::tempdir().unwrap();
        let socket = dir.path().join("socket");
        let _silent = UnixListener::bind(&socket).unwrap();
        let limit = Duration::from_millis(100);
        timeout(Duration::from_secs(30), stalled(&socket, limit))
            .await
            .unwrap();
    }

    #[tokio::test]
    async fn one_that_refuses_or_hangs_up_has_not() {
        let dir = tempfile::tempdir().unwrap();
        let socket = dir.path().join("socket");
        assert!(answers(&socket).await, "nobody listens");
        let listener = UnixListener::bind(&socket).unwrap();
        let server = tokio::spawn(async move { drop(listener.accept().await.unwrap()) });
        assert!(answers(&socket).await, "it hung up");
        server.await.unwrap();
    }

    #[test]
    fn a_parent_is_known_by_its_children() {
        let mut child = std::process::Command::new("sleep")
            .arg("60")
            .spawn()
            .unwrap();
        let pid = Pid::from_child(&child);
        let own = rustix::process::getpid();
        assert_eq!(parent_of(pid), Some(own));
        assert!(children_of(own).contains(&pid));
        child.kill().unwrap();
        child.wait().unwrap();
    }
}
