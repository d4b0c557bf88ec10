//! How many statements a script holds, to be told before it runs.
//!
//! Knows what may hide a semicolon in our own scripts: comments, quoted texts and dollar-quoted
//! bodies. It counts and does nothing else: the server is given the script whole.

/// The statements in `sql`.
pub(super) fn count(sql: &str) -> usize {
    let (mut rest, mut found, mut pending) = (sql, 0, false);
    while let Some(first) = rest.chars().next() {
        let skipped = match first {
            '-' if rest.starts_with("--") => rest.find('\n').unwrap_or(rest.len()),
            '\'' | '"' => closing(rest, &first.to_string()),
            '$' if rest.starts_with("$$") => closing(rest, "$$"),
            other => other.len_utf8(),
        };
        let is_comment = rest.starts_with("--");
        if first == ';' {
            found += usize::from(pending);
            pending = false;
        } else if !first.is_whitespace() && !is_comment {
            pending = true;
        }
        rest = rest.get(skipped..).unwrap_or_default();
    }
    found + usize::from(pending)
}

/// Past the end of what `mark` opens and closes.
fn closing(text: &str, mark: &str) -> usize {
    let inside = text.get(mark.len()..).unwrap_or_default();
    match inside.find(mark) {
        Some(at) => at + 2 * mark.len(),
        None => text.len(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_semicolon_inside_of_a_body_a_text_or_a_comment_ends_no_statement() {
        assert_eq!(count(""), 0);
        assert_eq!(count("-- nothing; at all\n ; \n"), 0);
        assert_eq!(count("SELECT 1; SELECT 2"), 2);
        assert_eq!(count("SELECT 'a;''b;'; -- c;\nSELECT \";\";"), 2);
        assert_eq!(
            count("CREATE FUNCTION f() AS $$ BEGIN; END; $$; DROP TABLE t;"),
            2
        );
        assert_eq!(count("SELECT 'open; for ever"), 1);
    }
}
