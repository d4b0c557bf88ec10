//! From a template's markup, with a mark in each slot, to pieces of text and places for values.
//!
//! Reads only what maud writes: lower-case or SVG tags, attributes in double quotes, every element
//! closed. Whatever a browser might read in another way than this file does is refused.

use plantao_actors::live::diff::TemplateId;

use super::error::TemplateError;
use super::markup::{MARK, Mark, Markup};
use super::places::{Kind, Places};

/// Attributes in which a value may stand, besides `aria-…` and `data-…`: none that runs a script,
/// loads anything or says a style.
pub const ATTRIBUTES: [&str; 24] = [
    "alt", "class", "cx", "cy", "datetime", "height", "high", "href", "lang", "low", "max", "min",
    "optimum", "r", "title", "value", "viewBox", "width", "x", "x1", "x2", "y", "y1", "y2",
];

/// Attributes that the splitter writes itself.
const OWN: [&str; 10] = [
    "data-a", "data-k", "data-l", "data-m", "data-n", "data-p", "data-s", "data-t", "data-v",
    "data-x",
];

/// Elements without an end.
const VOID: [&str; 7] = ["br", "col", "hr", "img", "input", "source", "wbr"];

/// Elements whose content is not read as plain markup, or that reach beyond their place.
const REFUSED: [&str; 20] = [
    "base",
    "body",
    "embed",
    "frame",
    "head",
    "html",
    "iframe",
    "link",
    "math",
    "meta",
    "noscript",
    "object",
    "plaintext",
    "pre",
    "script",
    "style",
    "template",
    "textarea",
    "title",
    "xmp",
];

/// Elements that mean something inside `svg` alone: a browser would build them as unknown ones.
const SVG_ONLY: [&str; 10] = [
    "circle", "defs", "ellipse", "g", "line", "path", "polygon", "polyline", "rect", "text",
];

/// What a template is made of, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Piece {
    Static(String),
    /// Inside the root's tag: what the element is to its parent.
    Root,
    /// A text or an attribute's value.
    Value(usize),
    /// An address of this site.
    Address(usize),
    Age(usize),
    Part(usize),
    List(usize),
    Line(usize),
    UntilNow,
}

/// The pieces, and the kinds of the slots in their order.
pub(super) fn split(
    id: TemplateId,
    markup: &str,
) -> Result<(Vec<Piece>, Vec<Kind>), TemplateError> {
    let mut splitter = Splitter {
        id,
        markup: Markup::new(id, markup),
        open: Vec::new(),
        pieces: Vec::new(),
        places: Places::new(id),
    };
    splitter.element(true)?;
    while !splitter.open.is_empty() {
        splitter.content()?;
    }
    if !splitter.markup.rest().is_empty() {
        return Err(splitter
            .markup
            .malformed("a template is exactly one element"));
    }
    Ok((splitter.pieces, splitter.places.kinds()?))
}

struct Splitter<'a> {
    id: TemplateId,
    markup: Markup<'a>,
    open: Vec<&'a str>,
    pieces: Vec<Piece>,
    places: Places,
}

impl<'a> Splitter<'a> {
    /// What comes next inside an open element.
    fn content(&mut self) -> Result<(), TemplateError> {
        let rest = self.markup.rest();
        if rest.starts_with("</") {
            return self.end();
        }
        if rest.starts_with('<') {
            return self.element(false);
        }
        if let Some(mark) = self.markup.mark()? {
            return self.part(mark);
        }
        let text = self
            .markup
            .until(|letter| letter == '<' || letter == MARK)?;
        if text.is_empty() {
            return Err(self.markup.malformed("an element is not closed"));
        }
        self.write(text);
        Ok(())
    }

    /// A start tag, with the slot that is all of the element's content if there is one.
    fn element(&mut self, root: bool) -> Result<(), TemplateError> {
        self.markup.expect("<", "a tag was expected")?;
        let name = self.markup.name()?;
        if REFUSED.contains(&name) || (root && SVG_ONLY.contains(&name)) {
            return Err(self.markup.malformed("this element cannot stand here"));
        }
        self.write(&format!("<{name}"));
        if root {
            self.write(&format!(" data-n=\"{}\"", self.id.0));
            self.pieces.push(Piece::Root);
        }
        let mut found = String::new();
        while self.markup.rest().starts_with(' ') {
            self.markup.skip(1);
            self.attribute(name, &mut found)?;
        }
        if !found.is_empty() {
            self.write(&format!(" data-a=\"{}\"", found.trim_start()));
        }
        self.markup
            .expect(">", "an attribute or the end of the tag was expected")?;
        if VOID.contains(&name) {
            self.write(">");
            return Ok(());
        }
        self.open.push(name);
        let before = self.markup.clone();
        match self.markup.mark()? {
            Some((kind @ ('s' | 't' | 'l'), slot)) => self.whole(name, kind, slot),
            _ => {
                self.markup = before;
                self.write(">");
                Ok(())
            }
        }
    }

    /// A slot that is all of the content of the element `name`, whose tag is still open.
    fn whole(&mut self, name: &str, kind: char, slot: usize) -> Result<(), TemplateError> {
        if !self.markup.rest().starts_with("</") {
            return Err(self.misplaced(slot, "it must be the whole content of its element"));
        }
        match kind {
            'l' if name == "table" || self.open.contains(&"svg") => {
                return Err(
                    self.misplaced(slot, "a list stands in no `svg`, in a `tbody` of a table")
                );
            }
            'l' => {
                self.places.take(slot, Kind::List)?;
                self.write(&format!(" data-l=\"{slot}\">"));
                self.pieces.push(Piece::List(slot));
            }
            't' => {
                self.places.take(slot, Kind::Text)?;
                self.write(&format!(" data-t=\"{slot}\" data-m=\""));
                self.pieces.push(Piece::Value(slot));
                self.write("\">");
                self.pieces.push(Piece::Age(slot));
            }
            _ => {
                self.places.take(slot, Kind::Text)?;
                self.write(&format!(" data-s=\"{slot}\">"));
                self.pieces.push(Piece::Value(slot));
            }
        }
        Ok(())
    }

    fn part(&mut self, (kind, slot): Mark) -> Result<(), TemplateError> {
        if kind != 'p' {
            return Err(self.misplaced(slot, "it must be the whole content of its element"));
        }
        if self.open.contains(&"svg") {
            return Err(self.misplaced(slot, "a part stands in no `svg`"));
        }
        self.places.take(slot, Kind::Part)?;
        self.pieces.push(Piece::Part(slot));
        Ok(())
    }

    fn attribute(&mut self, element: &str, found: &mut String) -> Result<(), TemplateError> {
        let name = self.markup.name()?;
        if OWN.contains(&name) {
            return Err(self
                .markup
                .malformed("this attribute is written by the splitter"));
        }
        self.write(&format!(" {name}"));
        if !self.markup.rest().starts_with("=\"") {
            return Ok(());
        }
        self.markup.skip(2);
        self.write("=\"");
        let mut more = String::new();
        if let Some(mark) = self.markup.mark()? {
            more = self.valued(element, name, mark, found)?;
        } else {
            let value = self.markup.until(|letter| letter == '"')?;
            self.write(value);
        }
        self.markup
            .expect("\"", "a slot must be the whole value of its attribute")?;
        self.write("\"");
        self.write(&more);
        Ok(())
    }

    /// The slot that is the value of an attribute. Returns what to write behind the attribute.
    fn valued(
        &mut self,
        element: &str,
        name: &str,
        (kind, slot): Mark,
        found: &mut String,
    ) -> Result<String, TemplateError> {
        match (kind, element, name) {
            ('v', "path", "d") => {
                self.places.take(slot, Kind::Series)?;
                self.pieces.push(Piece::Line(slot));
                return Ok(format!(" data-v=\"{slot}\""));
            }
            ('x', "g", "transform") => {
                self.pieces.push(Piece::UntilNow);
                return Ok(" data-x".to_owned());
            }
            ('s', ..) if takes_value(element, name) => {
                self.places.take(slot, Kind::Text)?;
                found.push_str(&format!(" {name}:{slot}"));
                self.pieces.push(match name {
                    "href" => Piece::Address(slot),
                    _ => Piece::Value(slot),
                });
            }
            _ => return Err(self.misplaced(slot, "no such value in this attribute")),
        }
        Ok(String::new())
    }

    fn end(&mut self) -> Result<(), TemplateError> {
        self.markup.skip(2);
        let name = self.markup.name()?;
        if self.open.pop() != Some(name) {
            return Err(self.markup.malformed("another element is open"));
        }
        self.markup.expect(">", "the end of the tag was expected")?;
        self.write(&format!("</{name}>"));
        Ok(())
    }

    fn write(&mut self, text: &str) {
        match self.pieces.last_mut() {
            Some(Piece::Static(written)) => written.push_str(text),
            _ => self.pieces.push(Piece::Static(text.to_owned())),
        }
    }

    fn misplaced(&self, slot: usize, why: &'static str) -> TemplateError {
        let template = self.id;
        TemplateError::Misplaced {
            template,
            slot,
            why,
        }
    }
}

/// True when a value may stand in the attribute `name` of `element`.
fn takes_value(element: &str, name: &str) -> bool {
    match name {
        "href" => element == "a",
        _ => name.starts_with("aria-") || name.starts_with("data-") || ATTRIBUTES.contains(&name),
    }
}
