//! The gallery: inputs that somebody wrote to do harm, and inputs that nobody meant.
//!
//! What is not in it yet: bytes that are no text, which the host refuses before a plugin, and what
//! is hostile to one plugin's own format beyond the texts in its cases.

use serde_json::Value;

/// Identifiers of nobody, valid by their check digits.
pub(super) const IDENTIFIERS: [&str; 3] =
    ["529.982.247-25", "52998224725", "maria.exemplo@example.org"];
/// As deep as it takes to break a parser that recurses.
const NESTING: usize = 20_000;
/// Random inputs, of up to this many characters.
const RANDOM: usize = 24;
const RANDOM_MAX_CHARS: usize = 2_000;

/// A name to tell an input by, and the input.
pub(super) type Piece = (String, String);

/// Every text of the gallery, for a plugin that takes this many bytes of input.
pub(super) fn texts(seed: u64, most_bytes: usize) -> Vec<Piece> {
    // Redaction may lengthen, and quotes do.
    let room = most_bytes / 2;
    let fixed = [
        ("nothing", String::new()),
        ("a space", " ".into()),
        ("a NUL", "\0".into()),
        ("as long as is taken", "a".repeat(room)),
        ("as many words as are taken", "a ".repeat(room / 2)),
        ("one very long line of accents", "ã".repeat(room / 2)),
        ("nested arrays", "[".repeat(NESTING.min(room))),
        ("nested objects", "{\"a\":".repeat(NESTING.min(room / 5))),
        ("control characters", (0..32_u8).map(char::from).collect()),
        (
            "text that runs backwards",
            "\u{202e}odatimil\u{202c} \u{2066}a\u{2069}".into(),
        ),
        (
            "zero-width and joined",
            "a\u{200b}\u{200d}\u{feff}".repeat(500),
        ),
        (
            "combining marks on one letter",
            format!("a{}", "\u{301}".repeat(10_000)),
        ),
        ("outside the basic plane", "😷🩺\u{10ffff}".repeat(100)),
        (
            "line ends of every kind",
            "a\r\nb\rc\u{2028}d\u{85}".repeat(200),
        ),
        ("quotes and backslashes", "\\\"'`\\u0000\\".repeat(300)),
        (
            "numbers at their ends",
            "9223372036854775808 -1 1e999 NaN 00 0x".into(),
        ),
        ("format directives", "%s%n{}{0}${jndi:ldap://x}".repeat(50)),
        ("markup", "<script>alert(1)</script><!--".repeat(50)),
        (
            "identifiers",
            format!("Paciente: CPF {}", IDENTIFIERS.join("; CPF ")),
        ),
        ("identifiers without space", IDENTIFIERS.concat()),
    ];
    let mut pieces: Vec<Piece> = fixed.map(|(name, text)| (name.to_owned(), text)).into();
    let mut random = fastrand::Rng::with_seed(seed);
    for number in 0..RANDOM {
        let length = random.usize(1..RANDOM_MAX_CHARS);
        let text = std::iter::repeat_with(|| random.char('\0'..))
            .take(length)
            .collect();
        pieces.push((format!("random {number} of seed {seed}"), text));
    }
    pieces
}

/// The text itself, and the text in place of each text of a sample input.
pub(super) fn dressed(text: &str, sample: Option<&Value>) -> Vec<String> {
    let mut inputs = vec![text.to_owned()];
    if let Some(sample) = sample {
        let mut worn = sample.clone();
        if replace(&mut worn, text) {
            inputs.push(worn.to_string());
        }
    }
    inputs
}

fn replace(value: &mut Value, text: &str) -> bool {
    match value {
        Value::String(old) => {
            text.clone_into(old);
            true
        }
        Value::Array(items) => {
            let replaced = items.iter_mut().map(|item| replace(item, text));
            replaced.fold(false, |any, one| any | one)
        }
        Value::Object(fields) => {
            let replaced = fields.values_mut().map(|field| replace(field, text));
            replaced.fold(false, |any, one| any | one)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_seed_gives_the_same_gallery_and_another_one_another() {
        assert_eq!(texts(7, 1_000_000), texts(7, 1_000_000));
        assert_ne!(texts(7, 1_000_000), texts(8, 1_000_000));
    }

    #[test]
    fn every_text_of_a_sample_is_replaced() {
        let sample = json!({ "text": "a", "more": ["b", 1, { "deep": "c" }] });
        let expected = json!({ "text": "x", "more": ["x", 1, { "deep": "x" }] });
        assert_eq!(
            dressed("x", Some(&sample)),
            ["x".to_owned(), expected.to_string()]
        );
        assert_eq!(dressed("x", Some(&json!(1))), ["x"]);
    }
}
