//! What one side did with a script: at each step its answer, what happened, and what was there
//! once everything was at rest.

use std::fmt::{self, Display, Formatter, Write};

use crate::roster::Roster;

/// One thing that happened, in the words that both sides use.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Event {
    /// A worker's start began; `detail` is what it is told to do.
    Start {
        path: String,
        number: u32,
        detail: String,
    },
    /// A worker that was up is gone.
    Stop {
        path: String,
        number: u32,
        reason: String,
    },
    /// A supervisor is up, with all its children, for the time of this number.
    Up { path: String, number: u32 },
    /// A supervisor did not come up.
    Fail { path: String },
    /// A supervisor that was up is gone.
    Down {
        path: String,
        number: u32,
        reason: String,
    },
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Moment {
    pub(crate) answer: String,
    pub(crate) events: Vec<Event>,
    /// Per live supervisor, by path.
    pub(crate) children: Vec<Roster>,
    /// How the root ended, if it did in this step.
    pub(crate) left: Option<String>,
}

/// The start, and then every step.
pub(crate) type Trace = Vec<Moment>;

impl Event {
    pub(crate) fn path(&self) -> &str {
        match self {
            Self::Start { path, .. }
            | Self::Stop { path, .. }
            | Self::Up { path, .. }
            | Self::Fail { path }
            | Self::Down { path, .. } => path,
        }
    }

    fn parse(line: &str) -> Option<Self> {
        let mut words = line.split(' ');
        let verb = words.next()?;
        let path = words.next()?.to_owned();
        let mut word = || words.next().map(str::to_owned);
        Some(match verb {
            "start" => Self::Start {
                path,
                number: word()?.parse().ok()?,
                detail: word()?,
            },
            "stop" => Self::Stop {
                path,
                number: word()?.parse().ok()?,
                reason: word()?,
            },
            "up" => Self::Up {
                path,
                number: word()?.parse().ok()?,
            },
            "fail" => Self::Fail { path },
            "down" => Self::Down {
                path,
                number: word()?.parse().ok()?,
                reason: word()?,
            },
            _ => return None,
        })
    }
}

impl Display for Event {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Start {
                path,
                number,
                detail,
            } => write!(f, "start {path} {number} {detail}"),
            Self::Stop {
                path,
                number,
                reason,
            } => write!(f, "stop {path} {number} {reason}"),
            Self::Up { path, number } => write!(f, "up {path} {number}"),
            Self::Fail { path } => write!(f, "fail {path}"),
            Self::Down {
                path,
                number,
                reason,
            } => write!(f, "down {path} {number} {reason}"),
        }
    }
}

impl Moment {
    /// As lines, for reports.
    pub(crate) fn lines(&self) -> Vec<String> {
        let mut lines = vec![format!("step {}", self.answer)];
        lines.extend(self.events.iter().map(Event::to_string));
        lines.extend(
            self.children
                .iter()
                .map(|roster| format!("children {roster}")),
        );
        lines.extend(self.left.iter().map(|reason| format!("left {reason}")));
        lines
    }
}

/// Reads a trace as the driver writes it.
pub(crate) fn parse(lines: &[String]) -> Result<Trace, String> {
    let mut trace = Trace::new();
    for line in lines {
        let unreadable = || format!("cannot read `{line}`");
        let (verb, rest) = line.split_once(' ').ok_or_else(unreadable)?;
        if verb == "step" {
            trace.push(Moment {
                answer: rest.trim_end().to_owned(),
                ..Moment::default()
            });
            continue;
        }
        let moment = trace.last_mut().ok_or_else(unreadable)?;
        match verb {
            "children" => moment
                .children
                .push(Roster::parse(rest).ok_or_else(unreadable)?),
            "left" => moment.left = Some(rest.to_owned()),
            _ => moment
                .events
                .push(Event::parse(line).ok_or_else(unreadable)?),
        }
    }
    Ok(trace)
}

/// Two columns of lines, the second marked where it differs.
pub(crate) fn side_by_side(otp: &[String], here: &[String]) -> String {
    let mut text = String::new();
    let width = otp
        .iter()
        .map(|line| line.chars().count())
        .max()
        .unwrap_or(0);
    for place in 0..otp.len().max(here.len()) {
        let left = otp.get(place).map_or("", String::as_str);
        let right = here.get(place).map_or("", String::as_str);
        let mark = if left == right { ' ' } else { '≠' };
        let _ = writeln!(text, "    {left:width$} {mark} {right}");
    }
    text
}
