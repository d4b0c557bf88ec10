//! E-mail addresses.
//!
//! Owns where an address around an `@` begins and ends. Refuses a domain of one label, which is a
//! handle or a host of one's own, and looks no further than an address may be long, so that a text
//! of nothing but `@` costs no more than another.

use super::finding::{Category, Finding, Rule};

/// RFC 5321: octets of a local part.
const LOCAL_MAX: usize = 64;
/// RFC 5321: octets of a domain.
const DOMAIN_MAX: usize = 255;

/// Proposes the address around the `@` at a byte.
pub(super) fn propose(text: &str, at: usize) -> Option<Finding> {
    let start = local_start(text.get(..at)?)?;
    let domain = text.get(at + 1..)?;
    let end = at + 1 + domain_length(domain)?;
    let (category, rule) = (Category::Email, Rule::EmailAddress);
    Some(Finding {
        category,
        start,
        end,
        confidence: 98,
        rule,
    })
}

fn local_start(before: &str) -> Option<usize> {
    let mut start = None;
    for (at, char) in before.char_indices().rev() {
        let allowed = char.is_alphanumeric() || matches!(char, '.' | '_' | '%' | '+' | '-' | '\'');
        if !allowed || before.len() - at > LOCAL_MAX {
            break;
        }
        if char.is_alphanumeric() || char == '_' {
            start = Some(at);
        }
    }
    // A dot right before the `@` is not allowed, and then neither is what precedes it.
    start.filter(|_| !before.ends_with('.'))
}

fn domain_length(after: &str) -> Option<usize> {
    let mut end = None;
    let mut label = 0;
    let mut dots = 0;
    let mut letters = true;
    for (at, char) in after.char_indices().take_while(|(at, _)| *at < DOMAIN_MAX) {
        match char {
            '.' if label > 0 => {
                dots += 1;
                label = 0;
                letters = true;
            }
            _ if char.is_alphanumeric() || (char == '-' && label > 0) => {
                label += 1;
                letters &= char.is_alphabetic();
                if dots > 0 && label > 1 && letters {
                    end = Some(at + char.len_utf8());
                }
            }
            _ => break,
        }
    }
    end
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first(text: &str) -> Option<&str> {
        let found = text
            .match_indices('@')
            .find_map(|(at, _)| propose(text, at))?;
        text.get(found.start..found.end)
    }

    #[test]
    fn an_address_is_found_to_its_ends() {
        for address in [
            "ana.souza@hospital.com.br",
            "ana+exames@clinica-sul.org",
            "joão@saúde.gov.br",
            "a_b%c@x1.io",
        ] {
            assert_eq!(first(address), Some(address));
            assert_eq!(first(&format!("escreva a <{address}>.")), Some(address));
        }
        assert_eq!(first("fim: ana@usp.br."), Some("ana@usp.br"));
    }

    #[test]
    fn what_is_no_address_is_left_alone() {
        for text in [
            "@hospital",
            "ana@localhost",
            "5 mg @ 10 ml",
            "a@.br",
            "@@@@",
            "ana.@usp.br",
        ] {
            assert_eq!(first(text), None, "{text}");
        }
    }
}
