//! Trees as markup with every value escaped, and templates as what the browser builds from.
//!
//! What is written here is what `live.js` makes of the same values: a page that came from the
//! server and one that the script built anew cannot be told apart.

use std::collections::BTreeMap;
use std::fmt::Write;

use aws_lc_rs::digest::{SHA256, digest};
use plantao_actors::live::diff::{Item, Rendered, Series, Slot, TemplateId, wire};

use super::error::MismatchError;
use super::places::Kind;
use super::split::Piece;
use super::{SCRIPT, Template};

type ById = BTreeMap<TemplateId, Template>;

/// Lines move in steps of this, so that the browser draws a page anew every ten seconds.
const NOW_STEP_S: i64 = 10;

const VERSION_BYTES: usize = 8;

pub(super) fn html(templates: &ById, tree: &Rendered, now_s: i64) -> Result<String, MismatchError> {
    let mut page = Page {
        templates,
        now_s,
        out: String::new(),
    };
    page.tree(tree, &Stands::AtRoot)?;
    Ok(page.out)
}

/// `{"ID":"markup",…}` without a `<`, which could end the element it stands in.
pub(super) fn statics_json(templates: &ById) -> String {
    let statics: BTreeMap<u16, String> = templates
        .iter()
        .map(|(id, template)| (id.0, template.pieces.iter().map(empty).collect()))
        .collect();
    let json = serde_json::to_string(&statics).unwrap_or_default();
    json.replace('<', "\\u003c")
}

pub(super) fn version(statics_json: &str) -> String {
    let all = format!("{} {SCRIPT} {statics_json}", wire::VERSION);
    let digest = digest(&SHA256, all.as_bytes());
    let mut version = String::new();
    for byte in digest.as_ref().iter().take(VERSION_BYTES) {
        let _ = write!(version, "{byte:02x}");
    }
    version
}

/// The piece without its value.
fn empty(piece: &Piece) -> String {
    match piece {
        Piece::Static(text) => text.clone(),
        Piece::Part(slot) => format!("<template data-p=\"{slot}\"></template>"),
        _ => String::new(),
    }
}

/// What an element is to the one around it.
enum Stands<'a> {
    AtRoot,
    AsPart(usize),
    AsItem(&'a str),
}

struct Page<'a> {
    templates: &'a ById,
    now_s: i64,
    out: String,
}

impl Page<'_> {
    fn tree(&mut self, tree: &Rendered, stands: &Stands<'_>) -> Result<(), MismatchError> {
        let template = tree.template;
        let unknown = MismatchError::Unknown(template);
        let Template { pieces, kinds, .. } = self.templates.get(&template).ok_or(unknown)?;
        if kinds.len() != tree.slots.len() {
            let slots = tree.slots.len();
            return Err(MismatchError::Count { template, slots });
        }
        for (slot, (kind, value)) in kinds.iter().zip(&tree.slots).enumerate() {
            if *kind != kind_of(value) {
                return Err(MismatchError::Kind { template, slot });
            }
        }
        for piece in pieces {
            self.piece(piece, tree, stands)?;
        }
        Ok(())
    }

    /// The kinds of the slots are what the pieces want.
    fn piece(
        &mut self,
        piece: &Piece,
        tree: &Rendered,
        stands: &Stands<'_>,
    ) -> Result<(), MismatchError> {
        let value = |slot: &usize| tree.slots.get(*slot);
        let text = |slot: &usize| match value(slot) {
            Some(Slot::Text(text)) => &**text,
            _ => "",
        };
        match piece {
            Piece::Static(text) => self.out.push_str(text),
            Piece::Root => self.stands(stands),
            Piece::Value(slot) => self.escaped(text(slot)),
            Piece::Address(slot) => self.escaped(own_address(text(slot))),
            Piece::Age(slot) => self.escaped(&age(text(slot), self.now_s)),
            Piece::Line(slot) => {
                if let Some(Slot::Series(series)) = value(slot) {
                    self.out.push_str(&line(series));
                }
            }
            Piece::UntilNow => self.out.push_str(&until(self.now_s)),
            Piece::Part(slot) => {
                if let Some(Slot::Part(part)) = value(slot) {
                    self.tree(part, &Stands::AsPart(*slot))?;
                }
            }
            Piece::List(slot) => {
                if let Some(Slot::List(items)) = value(slot) {
                    self.items(items)?;
                }
            }
        }
        Ok(())
    }

    fn items(&mut self, items: &[Item]) -> Result<(), MismatchError> {
        items
            .iter()
            .try_for_each(|item| self.tree(&item.body, &Stands::AsItem(&item.key)))
    }

    fn stands(&mut self, stands: &Stands<'_>) {
        match stands {
            Stands::AtRoot => {}
            Stands::AsPart(slot) => self.out.push_str(&format!(" data-p=\"{slot}\"")),
            Stands::AsItem(key) => {
                self.out.push_str(" data-k=\"");
                self.escaped(key);
                self.out.push('"');
            }
        }
    }

    fn escaped(&mut self, text: &str) {
        for letter in text.chars() {
            match letter {
                '&' => self.out.push_str("&amp;"),
                '<' => self.out.push_str("&lt;"),
                '>' => self.out.push_str("&gt;"),
                '"' => self.out.push_str("&quot;"),
                '\'' => self.out.push_str("&#39;"),
                '\t' | '\n' => self.out.push(letter),
                // A browser drops some of these and keeps others, and none means anything.
                control if control < ' ' => self.out.push(char::REPLACEMENT_CHARACTER),
                plain => self.out.push(plain),
            }
        }
    }
}

fn kind_of(slot: &Slot) -> Kind {
    match slot {
        Slot::Text(_) => Kind::Text,
        Slot::Series(_) => Kind::Series,
        Slot::Part(_) => Kind::Part,
        Slot::List(_) => Kind::List,
    }
}

/// The address when it is a path of this site, otherwise one that leads nowhere.
fn own_address(address: &str) -> &str {
    let elsewhere = |rest: &str| rest.starts_with(['/', '\\', '\t', '\n', '\r']);
    match address.strip_prefix('/') {
        Some(rest) if !elsewhere(rest) => address,
        _ => "#",
    }
}

/// How long ago `moment` was, in its largest whole unit.
fn age(moment: &str, now_s: i64) -> String {
    let digits = moment.strip_prefix('-').unwrap_or(moment);
    let is_whole = (1..=15).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
    let Some(at) = moment.parse::<i64>().ok().filter(|_| is_whole) else {
        return moment.to_owned();
    };
    match now_s.saturating_sub(at).max(0) {
        seconds @ 0..60 => format!("{seconds} s"),
        seconds @ 60..3_600 => format!("{} min", seconds / 60),
        seconds @ 3_600..86_400 => format!("{} h", seconds / 3_600),
        seconds => format!("{} d", seconds / 86_400),
    }
}

/// A path through the points: every run between gaps begins with a dot, so that a lone point
/// shows, and a gap is a move that draws nothing. The script reads its points back from this.
fn line(series: &Series) -> String {
    let mut path = String::new();
    let mut drawing = false;
    for (at, value) in series.points() {
        let _ = match value {
            None => write!(path, "M{at} 0"),
            Some(value) if drawing => write!(path, "L{at} {}", 0.0 - value),
            Some(value) => write!(path, "M{at} {}h0", 0.0 - value),
        };
        drawing = value.is_some();
    }
    path
}

fn until(now_s: i64) -> String {
    let edge = (now_s.div_euclid(NOW_STEP_S) + 1) * NOW_STEP_S;
    format!("translate({} 0)", -edge)
}
