//! Brazilian identifiers with check digits: CPF, CNPJ and CNS.
//!
//! Owns their arithmetic and their typed values. Refuses to print them: `Debug` shows the type
//! alone and no error carries a digit, so that neither can reach a log. Exists so that the
//! scanner, the FHIR validator and the edge agree on what a valid number is.

use std::fmt;

use thiserror::Error;

/// Why a text is not the identifier asked for. Never the text itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum IdentifierError {
    /// Too few or too many characters once separators are left out.
    #[error("expected {expected} characters without separators, found {found}")]
    Length {
        /// What this identifier has.
        expected: usize,
        /// What was given.
        found: usize,
    },
    /// A character that this identifier cannot hold.
    #[error("character not allowed at byte `{at}`")]
    Character {
        /// Where it is in the given text.
        at: usize,
    },
    /// One digit over and over, which passes the arithmetic and is never issued.
    #[error("one digit repeated is never issued")]
    Repeated,
    /// A first digit that is never issued.
    #[error("first digit is never issued")]
    Prefix,
    /// The check digits do not follow from the rest.
    #[error("check digits do not match")]
    CheckDigits,
}

macro_rules! identifier {
    ($(#[$doc:meta])* $name:ident, $length:literal, $check:path) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name([u8; $length]);

        impl $name {
            /// How many characters it has without separators.
            pub const LENGTH: usize = $length;

            /// Reads it with or without its usual separators.
            ///
            /// # Errors
            /// An [`IdentifierError`] that says what is wrong and never repeats the text.
            pub fn parse(text: &str) -> Result<Self, IdentifierError> {
                let characters = compact::<$length>(text)?;
                $check(&characters)?;
                Ok(Self(characters))
            }

            /// The bare characters. Personal data: for storage and look-up, never for logs.
            #[must_use]
            pub fn expose(&self) -> &str {
                // Only ASCII letters and digits pass `compact`.
                str::from_utf8(&self.0).unwrap_or_default()
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "(…)"))
            }
        }
    };
}

identifier!(
    /// A natural person's taxpayer number: eleven digits, the last two of them check digits.
    Cpf, 11, check_cpf
);
identifier!(
    /// A legal person's number: twelve characters (letters too, since 2026) and two check digits.
    Cnpj, 14, check_cnpj
);
identifier!(
    /// A health card number: fifteen digits whose weighted sum is a multiple of eleven.
    Cns, 15, check_cns
);

/// Whether the text is a CPF, with or without separators, with both check digits right.
#[must_use]
pub fn cpf_is_valid(text: &str) -> bool {
    Cpf::parse(text).is_ok()
}

/// Whether the text is a CNPJ, numeric or alphanumeric, with both check digits right.
#[must_use]
pub fn cnpj_is_valid(text: &str) -> bool {
    Cnpj::parse(text).is_ok()
}

/// Whether the text is a CNS, with or without separators, whose weighted sum is right.
#[must_use]
pub fn cns_is_valid(text: &str) -> bool {
    Cns::parse(text).is_ok()
}

/// Leaves the separators out and sets letters in upper case.
fn compact<const N: usize>(text: &str) -> Result<[u8; N], IdentifierError> {
    let mut characters = [0; N];
    let mut found = 0;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'.' | b'-' | b'/' | b' ' => {}
            b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' => {
                if let Some(place) = characters.get_mut(found) {
                    *place = byte.to_ascii_uppercase();
                }
                found += 1;
            }
            _ => return Err(IdentifierError::Character { at }),
        }
    }
    if found == N {
        Ok(characters)
    } else {
        Err(IdentifierError::Length { expected: N, found })
    }
}

pub(super) fn check_cpf(digits: &[u8; 11]) -> Result<(), IdentifierError> {
    all_digits(digits)?;
    if digits.iter().all(|digit| digit == &digits[0]) {
        return Err(IdentifierError::Repeated);
    }
    let [body @ .., first, second] = digits;
    let first_right = eleven_minus(weighted(body, 2..=10));
    let second_right = eleven_minus(weighted(body, 3..=11) + 2 * first_right);
    matches(*first, first_right, *second, second_right)
}

pub(super) fn check_cnpj(characters: &[u8; 14]) -> Result<(), IdentifierError> {
    let [body @ .., first, second] = characters;
    if !first.is_ascii_digit() || !second.is_ascii_digit() {
        return Err(IdentifierError::Character { at: body.len() });
    }
    if characters
        .iter()
        .all(|character| character == &characters[0])
    {
        return Err(IdentifierError::Repeated);
    }
    // Weights run 2 to 9 from the right and begin again.
    let first_right = eleven_minus(weighted(body, (2..=9).cycle()));
    let second_right =
        eleven_minus(weighted(body, (3..=9).chain((2..=9).cycle())) + 2 * first_right);
    matches(*first, first_right, *second, second_right)
}

pub(super) fn check_cns(digits: &[u8; 15]) -> Result<(), IdentifierError> {
    all_digits(digits)?;
    if !matches!(digits[0], b'1' | b'2' | b'7' | b'8' | b'9') {
        return Err(IdentifierError::Prefix);
    }
    if weighted(digits, 1..=15).is_multiple_of(11) {
        Ok(())
    } else {
        Err(IdentifierError::CheckDigits)
    }
}

fn all_digits(characters: &[u8]) -> Result<(), IdentifierError> {
    match characters
        .iter()
        .position(|character| !character.is_ascii_digit())
    {
        Some(at) => Err(IdentifierError::Character { at }),
        None => Ok(()),
    }
}

/// The sum of each character's value times its weight, weights given from the right. A letter's
/// value is its ASCII code less 48, as the alphanumeric CNPJ has it; a digit's comes out the same.
fn weighted(characters: &[u8], weights: impl Iterator<Item = u32>) -> u32 {
    let values = characters
        .iter()
        .rev()
        .map(|character| u32::from(character.wrapping_sub(b'0')));
    values
        .zip(weights)
        .map(|(value, weight)| value * weight)
        .sum()
}

fn eleven_minus(sum: u32) -> u32 {
    match sum % 11 {
        0 | 1 => 0,
        rest => 11 - rest,
    }
}

fn matches(
    first: u8,
    first_right: u32,
    second: u8,
    second_right: u32,
) -> Result<(), IdentifierError> {
    let value = |digit: u8| u32::from(digit.wrapping_sub(b'0'));
    if value(first) == first_right && value(second) == second_right {
        Ok(())
    } else {
        Err(IdentifierError::CheckDigits)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The rule as the tax authority's page tells it, digit by digit.
    fn naive_cpf(digits: &[u32]) -> bool {
        let check = |count: usize| {
            let mut sum = 0;
            for (place, digit) in digits[..count].iter().enumerate() {
                sum += digit * (count as u32 + 1 - place as u32);
            }
            let digit = sum * 10 % 11;
            if digit == 10 { 0 } else { digit }
        };
        digits.iter().any(|digit| *digit != digits[0])
            && check(9) == digits[9]
            && check(10) == digits[10]
    }

    fn naive_cnpj(values: &[u32]) -> bool {
        let check = |weights: &[u32]| {
            let sum: u32 = weights
                .iter()
                .zip(values)
                .map(|(weight, value)| weight * value)
                .sum();
            if sum % 11 < 2 { 0 } else { 11 - sum % 11 }
        };
        values.iter().any(|value| *value != values[0])
            && check(&[5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2]) == values[12]
            && check(&[6, 5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2]) == values[13]
    }

    fn text_of(digits: &[u32]) -> String {
        digits.iter().map(u32::to_string).collect()
    }

    #[test]
    fn published_examples_are_valid() {
        for cpf in ["529.982.247-25", "52998224725", "111.444.777-35"] {
            assert_eq!(Cpf::parse(cpf).map(|_| ()), Ok(()));
        }
        for cnpj in [
            "11.222.333/0001-81",
            "11222333000181",
            "12.ABC.345/01DE-35",
            "12abc34501de35",
        ] {
            assert_eq!(Cnpj::parse(cnpj).map(|_| ()), Ok(()), "{cnpj}");
        }
        for cns in ["898 0012 3456 7890", "700000000000005"] {
            assert_eq!(cns_is_valid(cns), naive_cns(cns), "{cns}");
        }
        assert!(cns_is_valid("700000000000005"));
    }

    fn naive_cns(text: &str) -> bool {
        let digits: Vec<u32> = text.chars().filter_map(|c| c.to_digit(10)).collect();
        let sum: u32 = (0..15)
            .map(|place| digits[place] * (15 - place as u32))
            .sum();
        digits.len() == 15 && [1, 2, 7, 8, 9].contains(&digits[0]) && sum.is_multiple_of(11)
    }

    #[test]
    fn what_is_wrong_is_told_apart() {
        let cpf = |text| Cpf::parse(text).unwrap_err();
        assert_eq!(
            cpf("529.982.247-2"),
            IdentifierError::Length {
                expected: 11,
                found: 10
            }
        );
        assert_eq!(cpf("529.982.247-26"), IdentifierError::CheckDigits);
        assert_eq!(cpf("111.111.111-11"), IdentifierError::Repeated);
        assert_eq!(cpf("529_982_247-25"), IdentifierError::Character { at: 3 });
        assert_eq!(cpf("52998224 7A5"), IdentifierError::Character { at: 9 });
        assert_eq!(
            Cns::parse("300000000000000").unwrap_err(),
            IdentifierError::Prefix
        );
        assert!(matches!(
            Cnpj::parse("112223330001AB").unwrap_err(),
            IdentifierError::Character { .. }
        ));
    }

    #[test]
    fn neither_debug_nor_an_error_shows_the_number() {
        let shown = format!("{:?}", Cpf::parse("529.982.247-25").unwrap());
        assert!(!shown.contains(|c: char| c.is_ascii_digit()), "{shown}");
        let told = Cpf::parse("529.982.247-26").unwrap_err().to_string();
        assert!(!told.contains(|c: char| c.is_ascii_digit()), "{told}");
    }

    proptest! {
        #[test]
        fn cpf_agrees_with_the_naive_rule(digits in prop::collection::vec(0_u32..10, 11)) {
            prop_assert_eq!(cpf_is_valid(&text_of(&digits)), naive_cpf(&digits));
        }

        #[test]
        fn one_pair_of_check_digits_fits_each_body(
            body in prop::collection::vec(0_u32..10, 9),
        ) {
            prop_assume!(body.iter().any(|digit| *digit != body[0]));
            let fitting = (0..100)
                .filter(|pair| cpf_is_valid(&format!("{}{pair:02}", text_of(&body))))
                .count();
            prop_assert_eq!(fitting, 1);
        }

        #[test]
        fn cnpj_agrees_with_the_naive_rule(body in "[0-9A-Z]{12}", pair in 0_u32..100) {
            let text = format!("{body}{pair:02}");
            let values: Vec<u32> = text.bytes().map(|byte| u32::from(byte) - 48).collect();
            prop_assert_eq!(cnpj_is_valid(&text), naive_cnpj(&values));
        }

        #[test]
        fn cns_agrees_with_the_naive_rule(text in "[0-9]{15}") {
            prop_assert_eq!(cns_is_valid(&text), naive_cns(&text));
        }

        #[test]
        fn parsing_is_total(text in "\\PC*") {
            let _ = (Cpf::parse(&text), Cnpj::parse(&text), Cns::parse(&text));
        }
    }
}
