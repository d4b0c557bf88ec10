//! The manifest in a module's bytes.
//!
//! Owns the way from a custom section to a [`Manifest`]. Refuses a section that is no text, too
//! long, or not understood to its last field: a module without one is the operator's to describe,
//! one with half of one is nobody's.

use plantao_schema::plugin::{MANIFEST_SECTION, Manifest, ManifestError};
use serde_json::Value;

use super::code_size;
use super::module::one_line;

/// Fifty times those of our own plugins.
const MANIFEST_MAX_BYTES: usize = 16 * 1024;

/// The manifest of a module; nothing when it carries none.
pub(super) fn carried(module: &[u8]) -> Result<Option<Manifest>, ManifestError> {
    let Some(section) = code_size::custom_section(module, MANIFEST_SECTION) else {
        return Ok(None);
    };
    let text = str::from_utf8(section).map_err(|_| ManifestError::Notation {
        reason: "it is not UTF-8".to_owned(),
    })?;
    read_manifest(text).map(Some)
}

/// Reads a manifest as it is written in a module and beside one.
///
/// # Errors
/// [`ManifestError`] naming the field that is not acceptable.
pub fn read_manifest(text: &str) -> Result<Manifest, ManifestError> {
    if text.len() > MANIFEST_MAX_BYTES {
        let most = MANIFEST_MAX_BYTES;
        return Err(ManifestError::TooLong { most });
    }
    // Each may hold a key of many parts, so that a few bytes would nest thousands deep.
    if text.matches('{').nth(1).is_some() {
        return Err(ManifestError::Notation {
            reason: "it has more than one table between braces: write `[limits]` instead"
                .to_owned(),
        });
    }
    let tree: Value = toml::from_str(text).map_err(|error| ManifestError::Notation {
        reason: one_line(error.message()),
    })?;
    Manifest::parse(tree)
}

#[cfg(test)]
mod tests {
    use super::super::tests::guests::{carrying, wasm};
    use super::*;

    const PLAIN: &str = "name = \"a\"\nversion = \"1.0.0\"\nfunctions = [\"f\", ]\n\
                         capabilities = [\"phi:raw\", ]\n[limits]\ntimeout_ms = 1_500\n";

    #[test]
    fn a_module_s_manifest_is_found_and_one_without_is_none() {
        let found = carried(&carrying(PLAIN, "(func)")).unwrap().unwrap();
        assert_eq!(
            (found.name.as_str(), found.limits.timeout_ms),
            ("a", Some(1_500))
        );
        assert_eq!(carried(&wasm("(func)")), Ok(None));
    }

    #[test]
    fn a_section_that_is_no_manifest_is_refused() {
        for text in [
            "name",
            "name = 1979-05-27\n",
            "\u{0}",
            "name = \"a\"\nname = \"b\"\n",
        ] {
            assert!(carried(&carrying(text, "")).is_err(), "{text:?}");
        }
        let module = wasm("(@custom \"plantao.manifest\" \"\\ff\\fe\")");
        assert!(matches!(
            carried(&module),
            Err(ManifestError::Notation { .. })
        ));
        let long = format!("{PLAIN}# {}", "a".repeat(MANIFEST_MAX_BYTES));
        assert!(matches!(
            read_manifest(&long),
            Err(ManifestError::TooLong { .. })
        ));
        let deep = format!("name = {}", "[".repeat(8_000));
        assert!(read_manifest(&deep).is_err());
    }

    #[test]
    fn a_manifest_that_nests_deep_needs_no_deep_stack() {
        let key = vec!["a"; 79].join(".");
        let nested = format!("{key}={{").repeat(78) + "a=1" + &"}".repeat(78);
        assert!(nested.len() < MANIFEST_MAX_BYTES);
        let once = format!("[{key}]\n{key}={{{key}=1}}\n");
        // As much as a thread has that checks a module.
        let read = move || {
            [
                read_manifest(&nested).is_err(),
                read_manifest(&once).is_err(),
            ]
        };
        let thread = std::thread::Builder::new().stack_size(2 * 1024 * 1024);
        assert_eq!(thread.spawn(read).unwrap().join().unwrap(), [true, true]);
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read_or_refused_without_a_panic(
            text in "[a-z_=\\[\\]\"\n0-9. {}',-]{0,120}",
        ) {
            let _ = (read_manifest(&text), read_manifest(&format!("{PLAIN}{text}")));
        }
    }
}
