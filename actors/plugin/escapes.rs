//! Escapes of JSON that need not be: what a document says, as it would be read.
//!
//! Refuses to touch what has to stay escaped (quotes, backslashes, control characters), so that a
//! document stays the one it was (RFC 8259, section 7).

/// The same document with plain characters where escapes stood for them.
pub(super) fn unescaped(document: String) -> String {
    // A backslash stands in strings alone.
    if !document.contains('\\') {
        return document;
    }
    let mut plain = String::with_capacity(document.len());
    let mut rest = document.as_str();
    while let Some(at) = rest.find('\\') {
        let (before, escape) = rest.split_at(at);
        plain.push_str(before);
        let (character, length) = escaped(escape);
        match character {
            Some(one) => plain.push(one),
            None => plain.push_str(escape.get(..length).unwrap_or(escape)),
        }
        rest = escape.get(length..).unwrap_or_default();
    }
    plain.push_str(rest);
    plain
}

/// What the escape at the beginning stands for, where that needs none, and its bytes.
fn escaped(text: &str) -> (Option<char>, usize) {
    if text.starts_with("\\/") {
        return (Some('/'), 2);
    }
    let Some(first) = unit(text) else {
        // `\n` and the like, all of two bytes.
        return (None, 2);
    };
    let second = text.get(6..).and_then(unit);
    let mut units = [Some(first), second].into_iter().flatten();
    let pair = char::decode_utf16(units.by_ref()).next();
    match pair {
        Some(Ok(one)) if one == '"' || one == '\\' || one.is_control() => (None, 6),
        Some(Ok(one)) => (Some(one), 6 * one.len_utf16()),
        // Half a pair stands for nothing.
        _ => (None, 6),
    }
}

/// The unit of UTF-16 that `\uXXXX` gives.
fn unit(text: &str) -> Option<u16> {
    let digits = text.strip_prefix("\\u")?.get(..4)?;
    let is_hex = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    is_hex.then(|| u16::from_str_radix(digits, 16).ok())?
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::Value;

    #[test]
    fn what_may_be_plain_is_and_what_may_not_is_left() {
        for (written, plain) in [
            (r#""\u0061\/\u00e7""#, r#""a/ç""#),
            (
                r#""\"\\\n\u0022\u005c\u0000""#,
                r#""\"\\\n\u0022\u005c\u0000""#,
            ),
            (r#""\\u0061""#, r#""\\u0061""#),
            (r#""\ud83d\ude00 \ud83d""#, r#""😀 \ud83d""#),
        ] {
            assert_eq!(unescaped(written.to_owned()), plain);
        }
    }

    proptest! {
        #[test]
        fn the_document_stays_the_one_it_was(text in "\\PC{0,20}", number in 0_u16..0xD800) {
            let said = format!("{text}\"\\ {}", char::from_u32(u32::from(number)).unwrap());
            let mut escaped = String::from("\"");
            for unit in said.encode_utf16() {
                escaped += &format!("\\u{unit:04x}");
            }
            escaped.push('"');
            let plain = unescaped(escaped);
            let read: Value = serde_json::from_str(&plain).unwrap();
            prop_assert_eq!(read, Value::from(said));
        }

        #[test]
        fn any_text_is_taken(text in "[\\\\u0-9a-f\"/ç]{0,40}") {
            let _ = unescaped(text);
        }
    }
}
