//! The data guard: text with its identifiers taken out, and the way back.
//!
//! Owns [`Redacted`], which only [`redact`] can make, so that "redacted before any plugin sees it"
//! is a type and not a habit. Refuses to show the originals: not in `Debug`, not by an accessor;
//! [`Redacted::restore`] puts them back where their tokens stand and nowhere else.
//!
//! PHI: purpose: minimisation before untrusted code runs (LGPD Art. 6, III; Art. 46); legal basis:
//! that of the call; retention: originals live as long as the value, in memory only; access: the
//! owner of the call; encryption: none, nothing rests; audit: the caller's.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::detect::detect;
use super::finding::{Category, Finding};

/// Taking an identifier out can complete another one beside it, so detection is repeated until
/// nothing is found. Real text takes one round; one built to take more than this is hidden whole.
const ROUNDS_MAX: usize = 8;
/// The longest token: label, two numbers, brackets.
const TOKEN_MAX_BYTES: usize = 48;
/// Stands for a text that is hidden whole.
const WHOLE_TEXT_LABEL: &str = "TEXTO";

/// A text in which each identifier is a token such as `⟦CPF-1⟧`.
///
/// The same value has the same number throughout (`⟦CPF-1.2⟧` is CPF 1 in a second spelling), so
/// a plugin can tell that two mentions are one person and not who.
///
/// Only [`redact`] makes one:
///
/// ```compile_fail,E0451
/// use plantao_schema::phi::Redacted;
/// let forged = Redacted {
///     text: String::from("CPF 529.982.247-25"),
///     originals: Default::default(),
///     counts: Default::default(),
/// };
/// ```
///
/// ```compile_fail,E0277
/// use plantao_schema::phi::Redacted;
/// let forged: Redacted = String::from("CPF 529.982.247-25").into();
/// ```
///
/// ```
/// use plantao_schema::phi::redact;
/// let redacted = redact("CPF 529.982.247-25");
/// assert_eq!(redacted.as_str(), "CPF ⟦CPF-1⟧");
/// assert_eq!(redacted.restore("laudo de ⟦CPF-1⟧"), "laudo de 529.982.247-25");
/// ```
pub struct Redacted {
    text: String,
    /// What each token stands for.
    originals: BTreeMap<String, String>,
    counts: BTreeMap<Category, usize>,
}

impl Redacted {
    /// The text with tokens in place of identifiers.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// How many places of each category were replaced.
    #[must_use]
    pub fn counts(&self) -> &BTreeMap<Category, usize> {
        &self.counts
    }

    /// Puts the originals back where `output` holds this text's tokens.
    ///
    /// Tokens that this call did not make stay as they are, also those that the input held before.
    /// `output` is plain text: in the serialised form of a document, [`Redacted::restore_json`].
    #[must_use]
    pub fn restore(&self, output: &str) -> String {
        self.restored(output, usize::MAX, str::to_owned)
            .unwrap_or_default()
    }

    /// As [`Redacted::restore`], or as [`Redacted::restore_json`] where `is_json`, unless more than
    /// `most` bytes would come of it: one token may stand for a long text, and an answer may repeat
    /// it.
    #[must_use]
    pub fn restore_within(&self, output: &str, is_json: bool, most: usize) -> Option<String> {
        if is_json {
            self.restored(output, most, quoted)
        } else {
            self.restored(output, most, str::to_owned)
        }
    }

    /// As [`Redacted::restore`], in the serialised form of a JSON document: what comes of it is
    /// JSON when `output` is.
    ///
    /// ```
    /// use plantao_schema::phi::redact;
    /// let redacted = redact("Dona \"Ana\" <ana@usp.br>");
    /// let answer = format!("{{\"to\":\"{}\"}}", "⟦EMAIL-1⟧");
    /// assert_eq!(redacted.restore_json(&answer), "{\"to\":\"ana@usp.br\"}");
    /// ```
    #[must_use]
    pub fn restore_json(&self, output: &str) -> String {
        self.restored(output, usize::MAX, quoted)
            .unwrap_or_default()
    }

    /// Nothing when more than `most` bytes come of it.
    fn restored(
        &self,
        output: &str,
        most: usize,
        written: impl Fn(&str) -> String,
    ) -> Option<String> {
        let mut restored = String::with_capacity(output.len());
        let mut rest = output;
        while let Some(open) = rest.find('⟦') {
            let (plain, from_token) = rest.split_at(open);
            restored.push_str(plain);
            let token = token_at(from_token);
            match token.and_then(|token| self.originals.get(token).map(|text| (token, text))) {
                Some((token, original)) => {
                    restored.push_str(&written(original));
                    if restored.len() > most {
                        return None;
                    }
                    rest = from_token.get(token.len()..).unwrap_or_default();
                }
                None => {
                    restored.push('⟦');
                    rest = from_token.get('⟦'.len_utf8()..).unwrap_or_default();
                }
            }
        }
        restored.push_str(rest);
        (restored.len() <= most).then_some(restored)
    }
}

/// An original as it is written in a string of JSON, which has its quotes already.
fn quoted(original: &str) -> String {
    let quoted = serde_json::Value::from(original).to_string();
    let inner = quoted
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'));
    inner.unwrap_or_default().to_owned()
}

impl fmt::Debug for Redacted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redacted")
            .field("bytes", &self.text.len())
            .field("counts", &self.counts)
            .finish_non_exhaustive()
    }
}

/// Takes every identifier that [`detect`](super::detect) finds out of a text.
#[must_use]
pub fn redact(text: &str) -> Redacted {
    let mut draft = Draft::of(text, Vec::new());
    for _ in 0..ROUNDS_MAX {
        let wider = draft.widened(&detect(&draft.text));
        if wider == draft.spans {
            return draft.finish();
        }
        draft = Draft::of(text, wider);
    }
    Draft::of(
        text,
        vec![Span {
            start: 0,
            end: text.len(),
            category: None,
        }],
    )
    .finish()
}

/// A piece of the original text that a token replaces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Span {
    start: usize,
    end: usize,
    /// None for a text that is hidden whole.
    category: Option<Category>,
}

/// A text with the spans known so far replaced.
struct Draft {
    text: String,
    /// In order, apart from each other; in bytes of the original.
    spans: Vec<Span>,
    /// Where the token of each span stands in `text`.
    places: Vec<(usize, usize)>,
    originals: BTreeMap<String, String>,
}

impl Draft {
    fn of(original: &str, spans: Vec<Span>) -> Self {
        let mut tokens = TokenBook::of(original);
        let mut text = String::with_capacity(original.len());
        let mut places = Vec::with_capacity(spans.len());
        let mut copied = 0;
        for span in &spans {
            text.push_str(original.get(copied..span.start).unwrap_or_default());
            let from = text.len();
            let hidden = original.get(span.start..span.end).unwrap_or_default();
            text.push_str(&tokens.token(span.category, hidden));
            places.push((from, text.len()));
            copied = span.end;
        }
        text.push_str(original.get(copied..).unwrap_or_default());
        Self {
            text,
            spans,
            places,
            originals: tokens.originals,
        }
    }

    /// The spans with new findings added, each widened over the tokens it touches.
    fn widened(&self, found: &[Finding]) -> Vec<Span> {
        let mut spans = self.spans.clone();
        spans.extend(found.iter().map(|finding| self.span_of(finding)));
        spans.sort_unstable_by_key(|span| (span.start, span.end));
        let mut merged: Vec<Span> = Vec::with_capacity(spans.len());
        for span in spans {
            match merged.last_mut() {
                Some(last) if span.start < last.end => {
                    last.end = last.end.max(span.end);
                    last.category = last.category.min(span.category);
                }
                _ => merged.push(span),
            }
        }
        merged
    }

    /// Where a finding in the draft lies in the original.
    fn span_of(&self, finding: &Finding) -> Span {
        let before = self
            .places
            .partition_point(|(_, end)| *end <= finding.start);
        let inside = self
            .places
            .get(before)
            .filter(|(start, _)| *start <= finding.start);
        let start = match (inside, self.spans.get(before)) {
            (Some(_), Some(span)) => span.start,
            _ => self.original_offset(before, finding.start),
        };
        let begun = self
            .places
            .partition_point(|(start, _)| *start < finding.end);
        let last = begun.checked_sub(1);
        let cut = last
            .and_then(|at| self.places.get(at))
            .filter(|(_, end)| *end >= finding.end);
        let end = match (cut, last.and_then(|at| self.spans.get(at))) {
            (Some(_), Some(span)) => span.end,
            _ => self.original_offset(begun, finding.end),
        };
        Span {
            start,
            end,
            category: Some(finding.category),
        }
    }

    /// The original offset of a draft offset that `passed` tokens precede.
    fn original_offset(&self, passed: usize, offset: usize) -> usize {
        let last = passed.checked_sub(1);
        match last.and_then(|at| Some((self.spans.get(at)?, self.places.get(at)?))) {
            Some((span, (_, end))) => span.end + (offset - end),
            None => offset,
        }
    }

    fn finish(self) -> Redacted {
        let mut counts = BTreeMap::new();
        for category in self.spans.iter().filter_map(|span| span.category) {
            *counts.entry(category).or_insert(0) += 1;
        }
        Redacted {
            text: self.text,
            originals: self.originals,
            counts,
        }
    }
}

/// Hands out tokens: one number for each value, one token for each spelling.
struct TokenBook<'t> {
    /// What already looks like a token in the input and so is not to be used.
    taken: BTreeSet<&'t str>,
    next: BTreeMap<Option<Category>, usize>,
    numbers: BTreeMap<(Option<Category>, String), (usize, usize)>,
    tokens: BTreeMap<(Option<Category>, String), String>,
    originals: BTreeMap<String, String>,
}

impl<'t> TokenBook<'t> {
    fn of(original: &'t str) -> Self {
        let opens = original.match_indices('⟦');
        let taken = opens
            .filter_map(|(at, _)| token_at(original.get(at..)?))
            .collect();
        Self {
            taken,
            next: BTreeMap::new(),
            numbers: BTreeMap::new(),
            tokens: BTreeMap::new(),
            originals: BTreeMap::new(),
        }
    }

    fn token(&mut self, category: Option<Category>, hidden: &str) -> String {
        let spelling = (category, hidden.to_owned());
        if let Some(token) = self.tokens.get(&spelling) {
            return token.clone();
        }
        let label = category.map_or(WHOLE_TEXT_LABEL, Category::label);
        let next = self.next.entry(category).or_insert(0);
        let value = (category, value_of(category, hidden));
        let token = loop {
            let (number, spellings) = self.numbers.entry(value.clone()).or_insert_with(|| {
                *next += 1;
                (*next, 0)
            });
            *spellings += 1;
            let token = match *spellings {
                1 => format!("⟦{label}-{number}⟧"),
                second => format!("⟦{label}-{number}.{second}⟧"),
            };
            if !self.taken.contains(token.as_str()) {
                break token;
            }
            if *spellings == 1 {
                // A number the input uses is left to it altogether.
                *next += 1;
                (*number, *spellings) = (*next, 0);
            }
        };
        self.originals.insert(token.clone(), hidden.to_owned());
        self.tokens.insert(spelling, token.clone());
        token
    }
}

/// What makes two spellings one value.
fn value_of(category: Option<Category>, hidden: &str) -> String {
    match category {
        None => hidden.to_owned(),
        Some(Category::Email | Category::Name) => hidden
            .to_lowercase()
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" "),
        Some(_) => hidden
            .chars()
            .filter(char::is_ascii_alphanumeric)
            .collect::<String>()
            .to_ascii_uppercase(),
    }
}

/// What stands in brackets at the start of the text, if it is short enough to be a token.
fn token_at(text: &str) -> Option<&str> {
    let close = text
        .char_indices()
        .skip(1)
        .take_while(|(at, char)| *at < TOKEN_MAX_BYTES && *char != '⟦')
        .find(|(_, char)| *char == '⟧')?;
    text.get(..close.0 + close.1.len_utf8())
}

#[cfg(test)]
mod tests;
