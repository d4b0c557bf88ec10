//! What guests say about themselves, on its way to the log.
//!
//! Owns the lines of one call: how many, how long, at which level. Refuses to log a line before
//! redaction and never cuts one in two, since half an identifier is no longer recognised: a line
//! that is too long is only counted. PHI: identifiers are redacted; purpose is operation.

use std::sync::Arc;

use plantao_schema::phi;
use tracing::Level;

/// A guest that says more than this in one call is counted, not heard.
const LINES_MAX: usize = 32;
/// Longest line whose text is logged.
pub(super) const LINE_MAX_BYTES: usize = 1024;
/// What `get_log_level` answers when nothing is logged: the guest then builds no line at all.
const SILENT: i32 = i32::MAX;

/// The log of one call.
pub(super) struct LogLines {
    plugin: Arc<str>,
    written: usize,
    withheld: usize,
}

impl LogLines {
    pub(super) fn new(plugin: Arc<str>) -> Self {
        Self {
            plugin,
            written: 0,
            withheld: 0,
        }
    }

    /// Logs one line, redacted, or counts it as withheld.
    pub(super) fn write(&mut self, level: Level, line: &[u8]) {
        if self.written >= LINES_MAX {
            self.withheld += 1;
            return;
        }
        let Some(text) = presentable(line) else {
            self.withheld += 1;
            return;
        };
        self.written += 1;
        let plugin = &*self.plugin;
        match level {
            Level::TRACE => tracing::trace!(plugin, text, "guest line"),
            Level::DEBUG => tracing::debug!(plugin, text, "guest line"),
            Level::INFO => tracing::info!(plugin, text, "guest line"),
            Level::WARN => tracing::warn!(plugin, text, "guest line"),
            _ => tracing::error!(plugin, text, "guest line"),
        }
    }
}

impl Drop for LogLines {
    fn drop(&mut self) {
        if self.withheld > 0 {
            tracing::warn!(
                plugin = &*self.plugin,
                lines = self.withheld,
                "guest lines withheld"
            );
        }
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
