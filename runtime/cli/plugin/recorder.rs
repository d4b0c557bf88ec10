//! What a guest's lines come to in the host's log, kept for its author to read.
//!
//! Sees what the host would log and nothing before it: a plugin that is shown text as it came has
//! its lines counted here too.

use std::fmt::{Debug, Write};
use std::sync::{Arc, Mutex, PoisonError};

use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

/// Lines, in order. Clones share them.
#[derive(Clone, Default)]
pub(super) struct Recorder {
    lines: Arc<Mutex<Vec<String>>>,
}

impl Recorder {
    /// What was written since the last look.
    pub(super) fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.lines.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl<S: Subscriber> Layer<S> for Recorder {
    fn on_event(&self, event: &Event<'_>, _context: Context<'_, S>) {
        if !event
            .metadata()
            .target()
            .starts_with("plantao_actors::plugin")
        {
            return;
        }
        let mut line = Line::default();
        event.record(&mut line);
        let level = event.metadata().level();
        let text = match line.text {
            Some(text) => format!("{level} {text}"),
            None => format!("{level} ({}{})", line.message, line.rest),
        };
        self.lines
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(text);
    }
}

#[derive(Default)]
struct Line {
    message: String,
    text: Option<String>,
    rest: String,
}

impl Visit for Line {
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "text" {
            self.text = Some(value.to_owned());
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        match field.name() {
            "message" => self.message = format!("{value:?}"),
            "text" => self.text = Some(format!("{value:?}")),
            "plugin" => {}
            // Writing to a string does not fail.
            name => drop(write!(self.rest, " {name}={value:?}")),
        }
    }
}
