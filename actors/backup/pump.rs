//! Bytes between one of PostgreSQL's programs and a file, encrypted or decrypted on their way.
//!
//! Owns the process for as long as bytes move: it is ended when whoever waits goes away, when
//! nothing has moved for too long, and when the bytes do not authenticate. It is reaped by the
//! thread that made it, which lives as long as it: the kernel ends it with that thread.

use super::Witness;
use super::error::BackupError;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, waitid};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

/// Longer than a checkpoint of a busy server, which comes before the first byte.
const STALL: Duration = Duration::from_mins(10);

/// Between two looks at what has moved.
const LOOK: Duration = Duration::from_secs(1);

/// What of a program's last words is told.
const TOLD_MAX_BYTES: u64 = 4_096;

const BUFFER_BYTES: usize = 128 * 1024;

/// The process of a pump, shared by the thread that made it and whoever may end it.
#[derive(Clone, Default)]
pub(super) struct Pump {
    pid: Arc<Mutex<Option<Pid>>>,
    moved: Arc<AtomicU64>,
    is_cut: Arc<AtomicBool>,
}

/// Ends the process when dropped.
struct Leash(Pump);

impl Drop for Leash {
    fn drop(&mut self) {
        self.0.cut();
    }
}

impl Pump {
    /// Copies what a program writes. Blocks.
    pub(super) fn drain(
        &self,
        mut command: Command,
        program: &'static str,
        to: &mut impl Write,
        failed: impl FnOnce(io::Error) -> BackupError,
    ) -> Result<(), BackupError> {
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        self.attend(
            command,
            program,
            |child| {
                let mut pipe = child.stdout.take().ok_or(ErrorKind::BrokenPipe)?;
                self.copy(&mut pipe, to)
            },
            failed,
        )
    }

    /// Gives a program what it reads. Blocks.
    pub(super) fn feed(
        &self,
        mut command: Command,
        program: &'static str,
        from: &mut impl Read,
        failed: impl FnOnce(io::Error) -> BackupError,
    ) -> Result<(), BackupError> {
        command.stdin(Stdio::piped()).stdout(Stdio::null());
        self.attend(
            command,
            program,
            |child| {
                let mut pipe = child.stdin.take().ok_or(ErrorKind::BrokenPipe)?;
                self.copy(from, &mut pipe)
            },
            failed,
        )
    }

    /// Waits for the thread that moves the bytes, telling how far it is.
    pub(super) async fn watch<T>(
        &self,
        mut task: JoinHandle<Result<T, BackupError>>,
        witness: &mut dyn Witness,
    ) -> Result<T, BackupError> {
        let leash = Leash(self.clone());
        let (mut seen, mut since) = (0, Instant::now());
        loop {
            tokio::select! {
                biased;
                ended = &mut task => return ended.unwrap_or(Err(BackupError::Interrupted)),
                () = sleep(LOOK) => {}
            }
            let moved = self.moved.load(Ordering::Relaxed);
            witness.moved(moved);
            if moved != seen {
                (seen, since) = (moved, Instant::now());
            } else if since.elapsed() > STALL {
                drop(leash);
                return Err(BackupError::Stalled { after: STALL });
            }
        }
    }

    /// Bytes moved so far.
    pub(super) fn moved(&self) -> u64 {
        self.moved.load(Ordering::Relaxed)
    }

    fn cut(&self) {
        self.is_cut.store(true, Ordering::SeqCst);
        let pid = self.pid.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(pid) = *pid {
            // Gone already: then there is nothing left to end.
            let _ = kill_process(pid, Signal::KILL);
        }
    }

    fn copy(&self, from: &mut impl Read, to: &mut impl Write) -> io::Result<()> {
        let mut buffer = vec![0; BUFFER_BYTES];
        loop {
            let count = match from.read(&mut buffer) {
                Ok(0) => return Ok(()),
                Ok(count) => count,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            to.write_all(buffer.get(..count).unwrap_or_default())?;
            let count = u64::try_from(count).unwrap_or_default();
            self.moved.fetch_add(count, Ordering::Relaxed);
            if self.is_cut.load(Ordering::SeqCst) {
                return Err(ErrorKind::BrokenPipe.into());
            }
        }
    }

    /// Spawns, moves, reaps; says what went wrong first.
    fn attend(
        &self,
        mut command: Command,
        program: &'static str,
        body: impl FnOnce(&mut Child) -> io::Result<()>,
        failed: impl FnOnce(io::Error) -> BackupError,
    ) -> Result<(), BackupError> {
        let told = |error: &io::Error| BackupError::Program {
            program,
            told: error.kind().to_string(),
        };
        // A group of its own: Ctrl-C is for whoever waits, who then ends it.
        command.process_group(0).stderr(Stdio::piped());
        let mut child = command.spawn().map_err(|error| told(&error))?;
        let words = child
            .stderr
            .take()
            .map(|pipe| std::thread::spawn(move || last_words(pipe)));
        *self.pid.lock().unwrap_or_else(PoisonError::into_inner) = pid_of(&child);
        let moved = body(&mut child);
        if moved.is_err() || self.is_cut.load(Ordering::SeqCst) {
            // One that has failed says so by itself; one that goes on must not.
            let kind = moved.as_ref().err().map(io::Error::kind);
            if kind != Some(ErrorKind::BrokenPipe) || self.is_cut.load(Ordering::SeqCst) {
                self.cut_now();
            }
        }
        if let Some(pid) = pid_of(&child) {
            // Look without reaping first, so that nobody signals the number after it is free again.
            let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
            let _ = waitid(WaitId::Pid(pid), options);
        }
        *self.pid.lock().unwrap_or_else(PoisonError::into_inner) = None;
        let status = child.wait().map_err(|error| told(&error))?;
        let words = words
            .and_then(|thread| thread.join().ok())
            .unwrap_or_default();
        if self.is_cut.load(Ordering::SeqCst) {
            return Err(BackupError::Interrupted);
        }
        match moved {
            Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(failed(error)),
            Ok(()) if status.success() => Ok(()),
            _ => Err(BackupError::Program {
                program,
                told: format!("{status}; {words}"),
            }),
        }
    }

    fn cut_now(&self) {
        let pid = self.pid.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(pid) = *pid {
            let _ = kill_process(pid, Signal::KILL);
        }
    }
}

fn pid_of(child: &Child) -> Option<Pid> {
    i32::try_from(child.id()).ok().and_then(Pid::from_raw)
}

/// The beginning of what a program complains about, on one line; the rest is read and left.
fn last_words(mut pipe: impl Read) -> String {
    let mut said = Vec::new();
    let _ = (&mut pipe).take(TOLD_MAX_BYTES).read_to_end(&mut said);
    let _ = io::copy(&mut pipe, &mut io::sink());
    let text = String::from_utf8_lossy(&said);
    text.lines().collect::<Vec<_>>().join("; ")
}
