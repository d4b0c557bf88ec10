//! The terminal that somebody sits at, asked for something that must not be seen.
//!
//! Speaks to the controlling terminal itself, so that the standard input and output stay free for
//! pipes. Echo comes back whatever happens to the question: by the guard's drop on every way out,
//! Ctrl-C included.

use std::fs::File;
use std::io::{BufRead, BufReader, Error, ErrorKind, Read, Result, Write};

use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use tokio::sync::oneshot;
use zeroize::Zeroizing;

/// A terminal's own line is at most 4,095 bytes.
const LINE_MAX_BYTES: u64 = 4_096;

/// The controlling terminal of this process.
pub(super) struct Terminal {
    file: File,
}

/// Puts a terminal's modes back.
struct Restore<'a> {
    file: &'a File,
    modes: Termios,
}

impl Terminal {
    /// Where it is found.
    pub(super) const PATH: &'static str = "/dev/tty";

    /// Fails where nobody sits, as in a service.
    pub(super) fn open() -> Result<Self> {
        let file = File::options().read(true).write(true).open(Self::PATH)?;
        Ok(Self { file })
    }

    /// Asks, and reads one line without showing it.
    pub(super) async fn ask_unseen(&self, prompt: &str) -> Result<Zeroizing<String>> {
        let before = tcgetattr(&self.file)?;
        let mut unseen = before.clone();
        unseen.local_modes.remove(LocalModes::ECHO);
        unseen.local_modes.insert(LocalModes::ECHONL);
        let _restore = Restore {
            file: &self.file,
            modes: before,
        };
        tcsetattr(&self.file, OptionalActions::Flush, &unseen)?;
        (&self.file).write_all(prompt.as_bytes())?;
        let (sender, line) = oneshot::channel();
        let file = self.file.try_clone()?;
        // A thread of its own: the reactor's would be waited for after Ctrl-C, to the next Enter.
        std::thread::spawn(move || {
            let _asker_gone = sender.send(read_line(file));
        });
        tokio::select! {
            biased;
            interrupted = tokio::signal::ctrl_c() => {
                interrupted?;
                (&self.file).write_all(b"\n")?;
                Err(Error::new(ErrorKind::Interrupted, "interrupted"))
            }
            line = line => line.unwrap_or_else(|_| Err(ErrorKind::UnexpectedEof.into())),
        }
    }
}

fn read_line(file: File) -> Result<Zeroizing<String>> {
    let mut line = Zeroizing::new(String::new());
    BufReader::new(file.take(LINE_MAX_BYTES)).read_line(&mut line)?;
    if !line.ends_with('\n') {
        return Err(ErrorKind::UnexpectedEof.into());
    }
    Ok(Zeroizing::new(line.trim_end_matches('\n').to_owned()))
}

impl Drop for Restore<'_> {
    fn drop(&mut self) {
        let _terminal_gone = tcsetattr(self.file, OptionalActions::Flush, &self.modes);
    }
}
