//! What guests say about themselves, on its way to the log.
//!
//! Owns the lines of one call: how many, how long, at which level. Refuses to log a line before
//! redaction and never cuts one in two, since half an identifier is no longer recognised: a line
//! that is too long is only counted. Redaction finds identifiers that stand there as people write
//! them; a guest can write a name without its context, or anything in base64. So of a guest that
//! is shown text as it came nothing is logged but how many lines it wrote at each level. PHI:
//! identifiers are redacted from what was redacted before; purpose is operation.

use std::sync::Arc;

use plantao_schema::phi;
use tracing::Level;

use super::guard::GuestInput;

/// A guest that says more than this in one call is counted, not heard.
const LINES_MAX: usize = 32;
/// Longest line whose text is logged.
pub(super) const LINE_MAX_BYTES: usize = 1024;
/// What `get_log_level` answers when nothing is logged: the guest then builds no line at all.
const SILENT: i32 = i32::MAX;

/// The log of one call.
pub(super) struct LogLines {
    plugin: Arc<str>,
    heard: Heard,
}

/// What becomes of the lines.
enum Heard {
    /// The guest was shown redacted text, and its lines are redacted too.
    Text { written: usize, withheld: usize },
    /// The guest was shown text as it came.
    Counts(Counts),
}

/// How many lines there were at each level.
#[derive(Default)]
struct Counts {
    trace: usize,
    debug: usize,
    info: usize,
    warn: usize,
    error: usize,
}

impl LogLines {
    /// The lines of a guest that is shown this input.
    pub(super) fn about(plugin: Arc<str>, input: &GuestInput) -> Self {
        if input.is_redacted() {
            return Self::of_no_call(plugin);
        }
        let heard = Heard::Counts(Counts::default());
        Self { plugin, heard }
    }

    /// The lines of a guest that is shown nothing.
    pub(super) fn of_no_call(plugin: Arc<str>) -> Self {
        let (written, withheld) = (0, 0);
        let heard = Heard::Text { written, withheld };
        Self { plugin, heard }
    }

    /// Logs one line, redacted, or counts it.
    pub(super) fn write(&mut self, level: Level, line: &[u8]) {
        match &mut self.heard {
            Heard::Counts(counts) => *counts.of(level) += 1,
            Heard::Text { written, withheld } => match presentable(line) {
                Some(text) if *written < LINES_MAX => {
                    *written += 1;
                    log(level, &self.plugin, &text);
                }
                _ => *withheld += 1,
            },
        }
    }
}

impl Counts {
    fn of(&mut self, level: Level) -> &mut usize {
        match level {
            Level::TRACE => &mut self.trace,
            Level::DEBUG => &mut self.debug,
            Level::INFO => &mut self.info,
            Level::WARN => &mut self.warn,
            _ => &mut self.error,
        }
    }

    fn all(&self) -> usize {
        self.trace + self.debug + self.info + self.warn + self.error
    }
}

impl Drop for LogLines {
    fn drop(&mut self) {
        let plugin = &*self.plugin;
        match &self.heard {
            Heard::Text { withheld: 0, .. } => {}
            Heard::Text { withheld, .. } => {
                tracing::warn!(plugin, lines = withheld, "guest lines withheld");
            }
            Heard::Counts(counts) if counts.all() == 0 => {}
            Heard::Counts(counts) => tracing::info!(
                plugin,
                trace = counts.trace,
                debug = counts.debug,
                info = counts.info,
                warn = counts.warn,
                error = counts.error,
                "guest lines counted"
            ),
        }
    }
}

fn log(level: Level, plugin: &str, text: &str) {
    match level {
        Level::TRACE => tracing::trace!(plugin, text, "guest line"),
        Level::DEBUG => tracing::debug!(plugin, text, "guest line"),
        Level::INFO => tracing::info!(plugin, text, "guest line"),
        Level::WARN => tracing::warn!(plugin, text, "guest line"),
        _ => tracing::error!(plugin, text, "guest line"),
    }
}

/// A guest's text as it may be shown: redacted, on one line; nothing when it is too long or is
/// not text.
pub(super) fn presentable(text: &[u8]) -> Option<String> {
    if text.len() > LINE_MAX_BYTES {
        return None;
    }
    let text = str::from_utf8(text).ok()?;
    let redacted = phi::redact(text);
    Some(redacted.as_str().replace(char::is_control, " "))
}

/// What `get_log_level` tells a guest: the lowest level anybody listens to, in Extism's numbers.
pub(super) fn level_for_guests() -> i32 {
    if tracing::enabled!(Level::TRACE) {
        0
    } else if tracing::enabled!(Level::DEBUG) {
        1
    } else if tracing::enabled!(Level::INFO) {
        2
    } else if tracing::enabled!(Level::WARN) {
        3
    } else if tracing::enabled!(Level::ERROR) {
        4
    } else {
        SILENT
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guest_line_is_shown_without_its_identifiers() {
        let shown = presentable("paciente\nCPF 529.982.247-25".as_bytes()).unwrap();
        assert!(shown.starts_with("paciente "), "{shown}");
        assert!(!shown.contains("529.982.247-25"), "{shown}");
    }

    #[test]
    fn a_line_too_long_or_not_text_is_withheld_whole() {
        assert_eq!(presentable(&[b'a'; LINE_MAX_BYTES + 1]), None);
        assert_eq!(presentable(&[0xff, 0xfe]), None);
    }
}
