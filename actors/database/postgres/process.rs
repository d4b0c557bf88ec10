//! One operating-system process, watched by a thread that lives exactly as long as it.
//!
//! The kernel ties a parent-death signal to the *thread* that spawned the child, so the spawn must
//! not happen on a worker thread that a runtime may retire. The same thread reaps the child: an
//! unreaped server keeps its lock file valid for seconds. Refuses to signal a process that has been
//! reaped, because its number may belong to another by then.

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, waitid};
use std::io::{self, BufRead, BufReader, Read};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use tokio::sync::watch;

/// Longest line of the server's own output that is passed on.
const LINE_MAX: u64 = 4096;

/// A running child. Dropping it asks the child to stop at once, and its thread still reaps it.
pub(super) struct Process {
    pid: Arc<Mutex<Option<Pid>>>,
    exit: watch::Receiver<Option<String>>,
}

impl Process {
    /// Spawns `command` on a thread of its own. Blocks for as long as `fork` and `exec` take.
    pub(super) fn spawn(mut command: Command) -> io::Result<Self> {
        // A group of its own: Ctrl-C in a terminal reaches the whole foreground group, and the
        // server must outlive whoever drains into it.
        command
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        let (started, start) = mpsc::sync_channel(1);
        let (ended, exit) = watch::channel(None);
        let pid = Arc::new(Mutex::new(None));
        let slot = Arc::clone(&pid);
        std::thread::Builder::new()
            .name("postgres-parent".to_owned())
            .spawn(move || {
                let child = match command.spawn() {
                    Ok(child) => child,
                    Err(error) => return drop(started.send(Err(error))),
                };
                *slot.lock().unwrap_or_else(PoisonError::into_inner) = pid_of(&child);
                drop(started.send(Ok(())));
                let told = attend(child, &slot);
                drop(ended.send(Some(told)));
            })?;
        let lost = |_| io::Error::other("the spawning thread ended");
        start.recv().map_err(lost)??;
        Ok(Self { pid, exit })
    }

    /// Sends a signal, unless the process has already been reaped.
    pub(super) fn signal(&self, signal: Signal) {
        let pid = self.pid.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(pid) = *pid {
            // Gone already: then there is nothing left to signal.
            let _ = kill_process(pid, signal);
        }
    }

    /// The process's number while it lives.
    pub(super) fn pid(&self) -> Option<Pid> {
        *self.pid.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How it ended, once it has.
    pub(super) fn exited(&self) -> impl Future<Output = String> + Send + use<> {
        let mut exit = self.exit.clone();
        async move {
            match exit.wait_for(Option::is_some).await {
                Ok(told) => told.clone().unwrap_or_default(),
                Err(_) => "its thread ended".to_owned(),
            }
        }
    }

    /// How it ended, if it has.
    pub(super) fn ended(&self) -> Option<String> {
        self.exit.borrow().clone()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // SIGQUIT: the server's immediate shutdown, for an owner that had no time to ask nicely.
        self.signal(Signal::QUIT);
    }
}

fn pid_of(child: &Child) -> Option<Pid> {
    i32::try_from(child.id()).ok().and_then(Pid::from_raw)
}

/// Passes on what the child says, waits for its end and reaps it.
fn attend(mut child: Child, slot: &Mutex<Option<Pid>>) -> String {
    let stderr = child.stderr.take();
    let reader = stderr.map(|pipe| {
        std::thread::Builder::new()
            .name("postgres-log".to_owned())
            .spawn(move || pass_on(pipe))
    });
    if let Some(pid) = pid_of(&child) {
        // Look without reaping first, so that nobody signals the number after it is free again.
        let _ = waitid(
            WaitId::Pid(pid),
            WaitIdOptions::EXITED | WaitIdOptions::NOWAIT,
        );
    }
    *slot.lock().unwrap_or_else(PoisonError::into_inner) = None;
    let told = match child.wait() {
        Ok(status) => status.to_string(),
        Err(error) => error.kind().to_string(),
    };
    // Its last words come before the news of its end, unless a grandchild still holds the pipe.
    drop(reader);
    told
}

/// The server's own messages; its settings keep statements and rows out of them.
fn pass_on(pipe: impl Read) {
    let mut pipe = BufReader::new(pipe);
    let mut line = Vec::new();
    while let Ok(count @ 1..) = (&mut pipe).take(LINE_MAX).read_until(b'\n', &mut line) {
        let text = String::from_utf8_lossy(line.get(..count).unwrap_or_default());
        tracing::info!(target: "postgres", "{}", text.trim_end());
        line.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_child_is_reaped_and_then_out_of_reach() {
        let mut command = Command::new("sh");
        command.args(["-c", "echo last words >&2; exit 3"]);
        let process = Process::spawn(command).unwrap();
        assert_eq!(process.exited().await, "exit status: 3");
        assert_eq!(process.pid(), None);
        process.signal(Signal::KILL);
    }

    #[tokio::test]
    async fn a_missing_program_is_an_error_of_the_spawn() {
        let spawned = Process::spawn(Command::new("/nowhere/postgres"));
        assert_eq!(spawned.err().unwrap().kind(), io::ErrorKind::NotFound);
    }

    #[tokio::test]
    async fn dropping_the_owner_ends_the_child() {
        let mut command = Command::new("sleep");
        command.arg("600");
        let process = Process::spawn(command).unwrap();
        let mut exit = process.exit.clone();
        drop(process);
        let told = exit
            .wait_for(Option::is_some)
            .await
            .unwrap()
            .clone()
            .unwrap();
        assert!(told.starts_with("signal: 3"), "{told}");
    }
}
