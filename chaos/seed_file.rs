//! A text file of seeds: those that once failed are played again before new ones are tried.
//!
//! The first line names the format; then one seed per line, decimal or `0x` and hexadecimal, with
//! anything after `#` for the reader. A line that is no seed is refused, never skipped: a seed that
//! is not played finds nothing.

use std::fmt;
use std::str::FromStr;

/// The first line, up to the version.
const FORMAT: &str = "plantao-chaos seeds v";
/// The version that is read and written.
const VERSION: &str = "1";
/// Most seeds of one file: a night of runs.
const SEEDS_MAX: usize = 1_000_000;
/// Most characters of a bad line that an error repeats.
const SHOWN_MAX: usize = 60;

/// Seeds in the order of their file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SeedFile {
    /// The seeds.
    pub seeds: Vec<u64>,
}

/// Why a text is no file of seeds.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SeedFileError {
    /// The first line is not the format's name.
    #[error("line 1: `{found}` is not `{FORMAT}{VERSION}`")]
    Format {
        /// The first line.
        found: String,
    },
    /// Another version of the format.
    #[error("line 1: version `{found}` is not known; this reads version {VERSION}")]
    Version {
        /// The version.
        found: String,
    },
    /// A line that is no seed.
    #[error("line {line}: `{found}` is no seed: a decimal or `0x` number of 64 bits")]
    Seed {
        /// Which line, from 1.
        line: usize,
        /// What stands there.
        found: String,
    },
    /// More seeds than one file may hold.
    #[error("line {line}: more than {SEEDS_MAX} seeds")]
    TooMany {
        /// The first line too many, from 1.
        line: usize,
    },
}

/// Reads one seed, decimal or `0x` and hexadecimal.
pub(crate) fn seed(text: &str) -> Option<u64> {
    let (digits, radix) = match text.strip_prefix("0x") {
        Some(digits) => (digits, 16),
        None => (text, 10),
    };
    // The standard library would take a sign too.
    let is_plain = digits.chars().all(|one| one.is_digit(radix));
    let seed = u64::from_str_radix(digits, radix).ok();
    seed.filter(|_| is_plain)
}

impl FromStr for SeedFile {
    type Err = SeedFileError;

    fn from_str(text: &str) -> Result<Self, SeedFileError> {
        let mut lines = text.lines();
        let first = lines.next().unwrap_or_default().trim_end();
        match first.strip_prefix(FORMAT) {
            Some(VERSION) => {}
            Some(version) => {
                let found = shown(version);
                return Err(SeedFileError::Version { found });
            }
            None => {
                let found = shown(first);
                return Err(SeedFileError::Format { found });
            }
        }
        let mut seeds = Vec::new();
        for (index, text) in lines.enumerate() {
            let line = index + 2;
            let text = text.split('#').next().unwrap_or_default().trim();
            if text.is_empty() {
                continue;
            }
            let found = seed(text).ok_or_else(|| SeedFileError::Seed {
                line,
                found: shown(text),
            })?;
            if seeds.len() == SEEDS_MAX {
                return Err(SeedFileError::TooMany { line });
            }
            seeds.push(found);
        }
        Ok(Self { seeds })
    }
}

impl fmt::Display for SeedFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{FORMAT}{VERSION}")?;
        for seed in &self.seeds {
            writeln!(f, "{seed:#x}")?;
        }
        Ok(())
    }
}

fn shown(text: &str) -> String {
    text.chars().take(SHOWN_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn refused(text: &str) -> SeedFileError {
        text.parse::<SeedFile>().unwrap_err()
    }

    #[test]
    fn decimal_and_hexadecimal_seeds_are_read_between_comments() {
        let text = "plantao-chaos seeds v1\r\n# found on a Monday\n\n7 # lost an entry\n  0xFf\n";
        let file: SeedFile = text.parse().unwrap();
        assert_eq!(file.seeds, [7, 255]);
        let empty: SeedFile = "plantao-chaos seeds v1".parse().unwrap();
        assert_eq!(empty, SeedFile::default());
    }

    #[test]
    fn another_version_or_another_file_is_refused_by_its_first_line() {
        let found = "2".to_owned();
        assert_eq!(
            refused("plantao-chaos seeds v2\n7\n"),
            SeedFileError::Version { found }
        );
        assert!(
            refused("7\n8\n")
                .to_string()
                .contains("line 1: `7` is not `plantao")
        );
        assert!(matches!(refused(""), SeedFileError::Format { .. }));
        assert!(matches!(
            refused("# note\nplantao-chaos seeds v1\n"),
            SeedFileError::Format { .. }
        ));
    }

    #[test]
    fn a_line_that_is_no_seed_is_refused_by_its_number() {
        for bad in [
            "seven",
            "-1",
            "+1",
            "0x",
            "0x+1",
            "0xg",
            "1 2",
            "18446744073709551616",
        ] {
            let text = format!("plantao-chaos seeds v1\n# one\n7\n{bad}\n");
            let found = bad.to_owned();
            assert_eq!(refused(&text), SeedFileError::Seed { line: 4, found });
        }
    }

    #[test]
    fn a_long_line_is_repeated_in_part() {
        let text = format!("plantao-chaos seeds v1\n{}\n", "x".repeat(5000));
        assert!(refused(&text).to_string().len() < 200);
    }

    proptest! {
        #[test]
        fn seeds_survive_writing(seeds: Vec<u64>) {
            let file = SeedFile { seeds };
            prop_assert_eq!(file.to_string().parse(), Ok(file));
        }
    }
}
