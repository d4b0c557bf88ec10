//! The report as a text: for a terminal, a printer of the old kind, and whoever reads it aloud.

use super::{Told, span};
use plantao_schema::audit::report::Line;

/// Where the lines of an access begin, after its time.
const INDENT: usize = 15;
/// Longest line, in characters.
const WIDTH: usize = 96;

/// The whole report. Nothing in it moves a terminal's cursor.
#[must_use]
pub fn text(told: &Told) -> String {
    let words = told.words();
    let mut out = String::new();
    let mut say = |text: &str| {
        out.push_str(text);
        out.push('\n');
    };
    say(&words.title.to_uppercase());
    say("");
    say(&wrapped(words.intro, 0, 0));
    say("");
    for (name, value) in told.facts() {
        say(&format!("{name}: {}", plain(&value)));
    }
    say("");
    for (count, of) in told.counts() {
        say(&format!("{count:>6} {of}"));
    }
    if told.is_cut {
        say("");
        say(&wrapped(words.cut, 0, 0));
    }
    if told.report.days.is_empty() {
        say("");
        say(words.none);
    }
    for day in &told.report.days {
        say("");
        say(&told.day(day.number));
        for line in &day.lines {
            say("");
            say(&access(told, line));
        }
    }
    for (heading, paragraphs) in closing(told) {
        say("");
        say(&heading.to_uppercase());
        for paragraph in paragraphs {
            say(&wrapped(&format!("- {paragraph}"), 0, 2));
        }
    }
    if let Some(contact) = &told.contact {
        say("");
        say(&format!("{}: {}", words.contact, plain(contact)));
    }
    out
}

/// What stands at the end: a heading, and what is said under it.
pub(super) fn closing(told: &Told) -> Vec<(&'static str, Vec<&'static str>)> {
    let words = told.words();
    let mut all = Vec::new();
    if told.report.emergencies > 0 {
        all.push((words.about_emergency, vec![words.about_emergency_text]));
    }
    if told.report.refused > 0 {
        all.push((words.about_refused, vec![words.about_refused_text]));
    }
    let reading = vec![
        words.reading_codes,
        words.reading_lines,
        words.reading_proof,
    ];
    all.push((words.reading, reading));
    let rights = vec![
        words.rights_ask,
        words.rights_correct,
        words.rights_consent,
        words.rights_answer,
        words.rights_complain,
    ];
    all.push((words.rights, rights));
    all
}

fn access(told: &Told, line: &Line) -> String {
    let (words, access) = (told.words(), &line.access);
    let who = plain(&format!("{} ({})", told.role(access), access.principal));
    let said = [
        told.deed(line),
        format!("{}: {}", words.why, told.purpose(access)),
        format!("{}: {}", words.result, Told::manner(words, access.manner)),
    ];
    let reason = access.reason.as_deref();
    let reason = reason.map(|reason| format!("{}: {}", words.reason, plain(reason)));
    let mut lines = vec![format!("  {:<13}{who}", span(line))];
    let said = said.into_iter().chain(reason);
    lines.extend(said.map(|text| wrapped(&plain(&text), INDENT, INDENT)));
    lines.join("\n")
}

/// Without anything that a terminal would obey.
fn plain(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}

/// Broken at spaces, the first line and the others indented.
fn wrapped(text: &str, first: usize, others: usize) -> String {
    let mut out = " ".repeat(first);
    let mut column = 0;
    for word in text.split_whitespace() {
        let (length, indent) = (
            word.chars().count(),
            if out.contains('\n') { others } else { first },
        );
        if column > 0 && indent + column + 1 + length > WIDTH {
            out.push('\n');
            out.push_str(&" ".repeat(others));
            column = 0;
        } else if column > 0 {
            out.push(' ');
            column += 1;
        }
        out.push_str(word);
        column += length;
    }
    out
}
