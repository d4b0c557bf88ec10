//! Trees and differences as the bytes a browser reads: the format in the module above.

use std::collections::BTreeMap;
use std::fmt::Write;

use bytes::Bytes;

use super::order::{Step, steps};
use super::{Change, Diff, ListChange, Rendered, Series, Slot, Within};

/// Of the wire format. A viewer of another version gets no frame, only the order to reload.
pub const VERSION: u16 = 1;

/// Sent when nothing else was: the values shown are the newest.
pub const HEARTBEAT: &[u8] = b"0";

/// Texts of more digits than these stay texts: a browser's number may not print as they do.
const NUMBER_DIGITS_MAX: usize = 9;

/// The frame that leads from an earlier tree to the tree numbered `seq`.
pub fn diff_frame(seq: u64, diff: &Diff) -> Bytes {
    let mut out = Writer::default();
    out.raw(format_args!("[{seq},"));
    out.within(&diff.0);
    out.raw(format_args!("]"));
    out.0.into()
}

/// The frame that says all of the tree numbered `seq` of the topic's incarnation `epoch`.
pub fn full_frame(epoch: &str, seq: u64, tree: &Rendered) -> Bytes {
    let mut out = Writer::default();
    out.raw(format_args!("{{\"e\":"));
    out.string(epoch);
    out.raw(format_args!(",\"s\":{seq},\"r\":"));
    out.tree(tree);
    out.raw(format_args!("}}"));
    out.0.into()
}

#[derive(Default)]
struct Writer(String);

impl Writer {
    fn raw(&mut self, text: std::fmt::Arguments<'_>) {
        // Writing to a string does not fail.
        let _ = self.0.write_fmt(text);
    }

    fn within(&mut self, change: &Within) {
        match change {
            Within::Slots(changes) => self.slots(changes),
            Within::Replaced(tree) => {
                self.0.push_str("{\"r\":");
                self.tree(tree);
                self.0.push('}');
            }
        }
    }

    fn slots(&mut self, changes: &BTreeMap<usize, Change>) {
        self.0.push('[');
        for (count, (place, change)) in changes.iter().enumerate() {
            self.comma(count > 0);
            self.raw(format_args!("{place},"));
            self.change(change);
        }
        self.0.push(']');
    }

    fn change(&mut self, change: &Change) {
        match change {
            Change::Replaced(Slot::Text(text)) => self.text(text),
            Change::Replaced(slot) => {
                self.0.push_str("{\"r\":");
                self.slot(slot);
                self.0.push('}');
            }
            Change::Part(changes) => self.slots(changes),
            Change::Series(growth) => {
                self.0.push('[');
                if growth.dropped > 0 {
                    self.raw(format_args!("{}", growth.dropped));
                }
                self.points(growth.dropped > 0, growth.since, &growth.points);
                self.0.push(']');
            }
            Change::List(change) => self.list(change),
        }
    }

    fn list(&mut self, change: &ListChange) {
        self.0.push('[');
        let mut more = false;
        if let Some((before, after)) = &change.order {
            self.0.push('[');
            for (count, step) in steps(before, after).into_iter().enumerate() {
                self.comma(count > 0);
                self.step(step, change);
            }
            self.0.push(']');
            more = true;
        }
        for (key, within) in &change.items {
            self.comma(more);
            self.string(key);
            self.0.push(',');
            self.within(within);
            more = true;
        }
        self.0.push(']');
    }

    fn step(&mut self, step: Step<'_>, change: &ListChange) {
        match step {
            Step::Remove(key) => self.string(key),
            Step::Place { key, behind } => {
                self.0.push('[');
                self.string(key);
                self.0.push(',');
                match behind {
                    Some(behind) => self.string(behind),
                    None => self.0.push('0'),
                }
                if let Some(body) = change.inserted.get(key) {
                    self.0.push(',');
                    self.tree(body);
                }
                self.0.push(']');
            }
        }
    }

    fn tree(&mut self, tree: &Rendered) {
        self.raw(format_args!("[{}", tree.template.0));
        for slot in &tree.slots {
            self.0.push(',');
            self.slot(slot);
        }
        self.0.push(']');
    }

    fn slot(&mut self, slot: &Slot) {
        match slot {
            Slot::Text(text) => self.text(text),
            Slot::Part(part) => self.tree(part),
            Slot::Series(series) => self.series(series),
            Slot::List(items) => {
                self.0.push_str("{\"l\":[");
                for (count, item) in items.iter().enumerate() {
                    self.comma(count > 0);
                    self.string(&item.key);
                    self.0.push(',');
                    self.tree(&item.body);
                }
                self.0.push_str("]}");
            }
        }
    }

    fn series(&mut self, series: &Series) {
        self.0.push_str("{\"v\":[");
        self.points(false, 0, series.points());
        self.0.push_str("]}");
    }

    fn points(&mut self, mut more: bool, mut since: i64, points: &[(i64, Option<f32>)]) {
        for (at, value) in points {
            self.comma(more);
            self.raw(format_args!("{},", at.saturating_sub(since)));
            match value {
                Some(value) => self.raw(format_args!("{value}")),
                None => self.0.push_str("null"),
            }
            (more, since) = (true, *at);
        }
    }

    fn text(&mut self, text: &str) {
        if is_number(text) {
            self.0.push_str(text);
        } else {
            self.string(text);
        }
    }

    fn string(&mut self, text: &str) {
        self.0.push('"');
        for letter in text.chars() {
            match letter {
                '"' => self.0.push_str("\\\""),
                '\\' => self.0.push_str("\\\\"),
                '\n' => self.0.push_str("\\n"),
                control if control < ' ' => {
                    self.raw(format_args!("\\u{:04x}", u32::from(control)));
                }
                plain => self.0.push(plain),
            }
        }
        self.0.push('"');
    }

    fn comma(&mut self, wanted: bool) {
        if wanted {
            self.0.push(',');
        }
    }
}

/// True when JSON reads the text as a number and JavaScript prints that number as the text.
fn is_number(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let (whole, fraction) = match digits.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (digits, None),
    };
    let all_digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    let short = whole.len() <= NUMBER_DIGITS_MAX && digits.len() <= NUMBER_DIGITS_MAX + 1;
    let whole_is_plain = whole == "0" || !whole.starts_with('0');
    // Under a millionth JavaScript prints an exponent: such numbers begin with six zeros.
    let fraction_is_plain = fraction
        .is_none_or(|part| all_digits(part) && !part.ends_with('0') && !part.starts_with("000000"));
    short && all_digits(whole) && whole_is_plain && fraction_is_plain && text != "-0"
}
