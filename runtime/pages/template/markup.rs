//! Reads a template's markup, letter by letter, strictly: names, texts and the marks of slots.

use plantao_actors::live::diff::TemplateId;

use super::error::TemplateError;

/// Opens the mark of a slot. No text of a template has a control character, and while a template
/// is split there are no values.
pub(super) const MARK: char = '\u{1}';
/// Closes it.
pub(super) const MARK_END: char = '\u{2}';

/// A mark: what kind of place, and for which slot.
pub(super) type Mark = (char, usize);

/// Markup and how far it is read.
#[derive(Clone, Debug)]
pub(super) struct Markup<'a> {
    id: TemplateId,
    text: &'a str,
    at: usize,
}

impl<'a> Markup<'a> {
    pub(super) fn new(id: TemplateId, text: &'a str) -> Self {
        Self { id, text, at: 0 }
    }

    /// What is not read yet.
    pub(super) fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    pub(super) fn skip(&mut self, bytes: usize) {
        self.at += bytes;
    }

    pub(super) fn expect(&mut self, text: &str, why: &'static str) -> Result<(), TemplateError> {
        if !self.rest().starts_with(text) {
            return Err(self.malformed(why));
        }
        self.skip(text.len());
        Ok(())
    }

    /// The name of an element or an attribute.
    pub(super) fn name(&mut self) -> Result<&'a str, TemplateError> {
        let ends = |letter: char| !letter.is_ascii_alphanumeric() && letter != '-';
        let name = self.rest().split(ends).next().unwrap_or_default();
        if !name.starts_with(|letter: char| letter.is_ascii_alphabetic()) {
            return Err(self.malformed("a name was expected"));
        }
        self.skip(name.len());
        Ok(name)
    }

    /// Text up to a letter that `ends` it.
    pub(super) fn until(&mut self, ends: impl Fn(char) -> bool) -> Result<&'a str, TemplateError> {
        let text = self.rest().split(ends).next().unwrap_or_default();
        if text.contains(|letter: char| letter < ' ' && letter != '\n') {
            return Err(self.malformed("a control character, or a slot among other text"));
        }
        self.skip(text.len());
        Ok(text)
    }

    /// The mark that stands here, if one does.
    pub(super) fn mark(&mut self) -> Result<Option<Mark>, TemplateError> {
        let Some(rest) = self.rest().strip_prefix(MARK) else {
            return Ok(None);
        };
        let read = rest.split_once(MARK_END).and_then(|(mark, _)| {
            let mut letters = mark.chars();
            let kind = letters.next()?;
            let slot = letters.as_str().parse().ok()?;
            Some((mark.len(), (kind, slot)))
        });
        let (length, mark) = read.ok_or_else(|| self.malformed("a control character"))?;
        self.skip(length + MARK.len_utf8() + MARK_END.len_utf8());
        Ok(Some(mark))
    }

    pub(super) fn malformed(&self, why: &'static str) -> TemplateError {
        TemplateError::Malformed {
            template: self.id,
            at: self.at,
            why,
        }
    }
}
