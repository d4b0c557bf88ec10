//! How an answer differs from what was expected, place by place.

use serde_json::Value;

/// Long values are cut: the place says enough.
const SHOWN_MAX_CHARS: usize = 160;

/// The places where two values differ, by JSON pointer.
pub(super) fn of(expected: &Value, got: &Value) -> Vec<String> {
    let mut found = Vec::new();
    walk("", expected, got, &mut found);
    found
}

fn walk(place: &str, expected: &Value, got: &Value, found: &mut Vec<String>) {
    match (expected, got) {
        (Value::Object(left), Value::Object(right)) => {
            for (key, value) in left {
                let place = format!("{place}/{key}");
                match right.get(key) {
                    Some(other) => walk(&place, value, other, found),
                    None => found.push(format!("- {place}: {}", shown(value))),
                }
            }
            for (key, value) in right.iter().filter(|(key, _)| !left.contains_key(*key)) {
                found.push(format!("+ {place}/{key}: {}", shown(value)));
            }
        }
        (Value::Array(left), Value::Array(right)) => {
            for (index, value) in left.iter().enumerate() {
                let place = format!("{place}/{index}");
                match right.get(index) {
                    Some(other) => walk(&place, value, other, found),
                    None => found.push(format!("- {place}: {}", shown(value))),
                }
            }
            for (index, value) in right.iter().enumerate().skip(left.len()) {
                found.push(format!("+ {place}/{index}: {}", shown(value)));
            }
        }
        _ if expected == got => {}
        _ => {
            let place = if place.is_empty() { "/" } else { place };
            found.push(format!("- {place}: {}", shown(expected)));
            found.push(format!("+ {place}: {}", shown(got)));
        }
    }
}

fn shown(value: &Value) -> String {
    value.to_string().chars().take(SHOWN_MAX_CHARS).collect()
}

/// The first line in which two texts differ.
pub(super) fn of_texts(expected: &str, got: &str) -> Vec<String> {
    if expected == got {
        return Vec::new();
    }
    let (mut left, mut right) = (expected.lines(), got.lines());
    let mut number = 1_usize;
    loop {
        match (left.next(), right.next()) {
            (Some(a), Some(b)) if a == b => number += 1,
            (a, b) => {
                let cut = |line: Option<&str>| {
                    let line: Option<String> =
                        line.map(|line| line.chars().take(SHOWN_MAX_CHARS).collect());
                    line.unwrap_or_else(|| "(no such line)".into())
                };
                return vec![
                    format!("- line {number}: {}", cut(a)),
                    format!("+ line {number}: {}", cut(b)),
                ];
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn each_place_that_differs_is_named_and_no_other() {
        let expected = json!({ "a": 1, "b": [1, 2], "c": "x" });
        let got = json!({ "a": 2, "b": [1, 2, 3], "d": true });
        let told = of(&expected, &got);
        assert_eq!(
            told,
            [
                "- /a: 1",
                "+ /a: 2",
                "+ /b/2: 3",
                "- /c: \"x\"",
                "+ /d: true"
            ]
        );
        assert!(of(&expected, &expected).is_empty());
    }

    #[test]
    fn texts_differ_from_a_line_on() {
        assert_eq!(of_texts("a\nb", "a\nc"), ["- line 2: b", "+ line 2: c"]);
        assert_eq!(
            of_texts("a", "a\nb"),
            ["- line 2: (no such line)", "+ line 2: b"]
        );
        assert!(of_texts("a", "a").is_empty());
    }
}
