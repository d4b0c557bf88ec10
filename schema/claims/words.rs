//! A text as folded words, and phrases matched against them.
//!
//! Owns folding (lower case, no accents), the places of words in the text, and the small language
//! phrases are written in: words apart by a space, `*` at the end of a word for any ending, `*`
//! alone for any word, `~` for up to three words. Refuses nothing: any text has words.

/// The most words that `~` stands for.
const GAP_WORDS_MAX: usize = 3;

/// One word: letters, or a number with its separators, or `%`, or `$`.
#[derive(Debug, Clone, Copy)]
struct Word {
    start: usize,
    end: usize,
    /// Where its folded form is.
    from: usize,
    to: usize,
}

/// The words of a text.
#[derive(Debug, Default)]
pub(super) struct Words {
    folded: String,
    list: Vec<Word>,
}

impl Words {
    pub(super) fn of(text: &str) -> Self {
        let mut words = Self {
            folded: String::with_capacity(text.len()),
            list: Vec::with_capacity(text.len() / 5 + 1),
        };
        let mut chars = text.char_indices().peekable();
        let mut open: Option<Word> = None;
        while let Some((at, char)) = chars.next() {
            let joins_number = matches!(char, '.' | ',')
                && words.folded.ends_with(|last: char| last.is_ascii_digit())
                && open.is_some()
                && chars.peek().is_some_and(|(_, next)| next.is_ascii_digit());
            let combining = ('\u{300}'..='\u{36f}').contains(&char) && open.is_some();
            let end = at + char.len_utf8();
            if char.is_alphanumeric() || joins_number || combining {
                let from = words.folded.len();
                let word = open.get_or_insert(Word {
                    start: at,
                    end,
                    from,
                    to: from,
                });
                if !combining {
                    words.folded.extend(fold(char));
                }
                word.end = end;
                word.to = words.folded.len();
                continue;
            }
            words.list.extend(open.take());
            if matches!(char, '%' | '$') {
                let from = words.folded.len();
                words.folded.push(char);
                let to = from + 1;
                words.list.push(Word {
                    start: at,
                    end,
                    from,
                    to,
                });
            }
        }
        words.list.extend(open);
        words
    }

    pub(super) fn len(&self) -> usize {
        self.list.len()
    }

    /// The folded form of a word; empty past the end.
    pub(super) fn folded(&self, index: usize) -> &str {
        let word = self.list.get(index);
        word.and_then(|word| self.folded.get(word.from..word.to))
            .unwrap_or_default()
    }

    /// The first byte of a word in the text.
    pub(super) fn start(&self, index: usize) -> Option<usize> {
        self.list.get(index).map(|word| word.start)
    }

    /// One past the last byte of a word in the text.
    pub(super) fn end(&self, index: usize) -> Option<usize> {
        self.list.get(index).map(|word| word.end)
    }

    /// The first word that begins at or after a byte.
    pub(super) fn first_from(&self, byte: usize) -> usize {
        self.list.partition_point(|word| word.start < byte)
    }

    /// Matches a phrase whose first word stands at `index`; answers the word after its last.
    pub(super) fn matches(&self, index: usize, end: usize, phrase: &str) -> Option<usize> {
        let (first, rest) = match phrase.split_once(' ') {
            Some((first, rest)) => (first, Some(rest)),
            None => (phrase, None),
        };
        if first == "~" {
            let rest = rest?;
            return (0..=GAP_WORDS_MAX).find_map(|gap| self.matches(index + gap, end, rest));
        }
        if index >= end {
            return None;
        }
        let word = self.folded(index);
        let fits = match first.strip_suffix('*') {
            Some(stem) => word.starts_with(stem),
            None => word == first,
        };
        match (fits, rest) {
            (false, _) => None,
            (true, None) => Some(index + 1),
            (true, Some(rest)) => self.matches(index + 1, end, rest),
        }
    }
}

/// A letter in lower case without its accent.
fn fold(char: char) -> impl Iterator<Item = char> {
    char.to_lowercase().map(|char| match char {
        'à'..='å' | 'ª' => 'a',
        'ç' => 'c',
        'è'..='ë' => 'e',
        'ì'..='ï' => 'i',
        'ñ' => 'n',
        'ò'..='ö' | 'º' => 'o',
        'ù'..='ü' => 'u',
        other => other,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phrases_match_folded_words() {
        let words = Words::of("A vacina REDUZ muito o risco de câncer: 9,5% e R$ 1.200,00.");
        let all: Vec<&str> = (0..words.len()).map(|at| words.folded(at)).collect();
        assert_eq!(all[8..], ["9,5", "%", "e", "r", "$", "1.200,00"]);
        assert_eq!(words.matches(2, 14, "reduz* ~ risco"), Some(6));
        assert_eq!(words.matches(2, 5, "reduz* ~ risco"), None);
        assert_eq!(words.matches(1, 14, "vacina * muito"), Some(4));
        assert_eq!(words.matches(7, 14, "cancer"), Some(8));
        assert_eq!(words.matches(99, 99, "~ cancer"), None);
    }
}
