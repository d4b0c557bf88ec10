//! Where sentences begin and end.
//!
//! Owns the marks that close a sentence and what does not (`Dr.`, `9,1`, `p. ex.`). Refuses to
//! count a line break as an end, unless what follows is a heading or an item of a list: running
//! text is wrapped.

/// A sentence without its closing mark and the space around it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sentence {
    pub(super) start: usize,
    pub(super) end: usize,
    /// It closes with a question mark.
    pub(super) asked: bool,
}

/// Every sentence that holds a letter, in order.
pub(super) fn sentences(text: &str) -> Vec<Sentence> {
    let mut found = Vec::new();
    let mut start = 0;
    for (at, char) in text.char_indices() {
        let after = at + char.len_utf8();
        let rest = text.get(after..).unwrap_or_default();
        let ends = match char {
            '!' | '?' | ';' => true,
            '.' => full_stop(text.get(start..at).unwrap_or_default(), rest),
            '\n' => breaks(rest),
            _ => false,
        };
        if ends {
            push(&mut found, text, start, at, char == '?');
            start = after;
        }
    }
    push(&mut found, text, start, text.len(), false);
    found
}

fn push(found: &mut Vec<Sentence>, text: &str, start: usize, end: usize, asked: bool) {
    let outside = |char: char| !char.is_alphanumeric();
    let piece = text.get(start..end).unwrap_or_default();
    let inner = piece.trim_start_matches(outside);
    let trimmed =
        inner.trim_end_matches(|char: char| outside(char) && !matches!(char, '%' | ')' | ']'));
    if trimmed.chars().any(char::is_alphabetic) {
        let start = start + piece.len() - inner.len();
        let end = start + trimmed.len();
        found.push(Sentence { start, end, asked });
    }
}

/// Whether a dot after `before` closes a sentence.
fn full_stop(before: &str, after: &str) -> bool {
    /// What is written with a dot that closes nothing.
    const ABBREVIATED: [&str; 12] = [
        "dr", "dra", "sr", "sra", "prof", "profa", "ex", "p", "vs", "al", "fig", "art",
    ];
    let last = before
        .rsplit(|char: char| !char.is_alphanumeric())
        .next()
        .unwrap_or_default();
    let abbreviated = ABBREVIATED.iter().any(|one| last.eq_ignore_ascii_case(one));
    let follows = after.chars().next();
    let spaced = follows.is_none_or(|char| char.is_whitespace() || matches!(char, '"' | '”' | ')'));
    spaced && !abbreviated
}

/// Whether the line that begins here is a paragraph, a heading or an item of its own.
fn breaks(rest: &str) -> bool {
    let line = rest.trim_start_matches([' ', '\t', '\r']);
    let numbered = line
        .trim_start_matches(|char: char| char.is_ascii_digit())
        .starts_with(['.', ')']);
    line.starts_with(['\n', '#', '-', '*', '•', '>', '|'])
        || line.is_empty()
        || numbered && line.starts_with(|char: char| char.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(text: &str) -> Vec<&str> {
        let found = sentences(text);
        found.iter().map(|one| &text[one.start..one.end]).collect()
    }

    #[test]
    fn sentences_end_where_a_reader_ends_them() {
        assert_eq!(
            all("O Dr. Souza mediu 9,1% (p. ex. hoje). Dói? Não!\n\nFim"),
            ["O Dr. Souza mediu 9,1% (p. ex. hoje)", "Dói", "Não", "Fim"]
        );
        assert_eq!(
            all("# Título\nA dor\npassa.\n- um\n- dois\n1. três"),
            ["Título\nA dor\npassa", "um", "dois", "três"]
        );
        assert!(sentences("a? b").first().is_some_and(|one| one.asked));
        assert_eq!(all("... \n 12 !"), [""; 0]);
    }
}
