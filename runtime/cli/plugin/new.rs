//! `plantao plugin new`: a crate that builds, passes its tests and can be called as it is.
//!
//! Refuses a name that is none of a plugin or somebody else's, and a folder that is there: nothing
//! is written over.

use std::io::Write;
use std::path::{Path, PathBuf};

use super::super::arguments::New;
use super::super::error::CliError;
use super::{read, refused, write};

/// As in the tree and in metrics, of which the name becomes a part.
const NAME_MAX_BYTES: usize = 48;

/// What a new crate is made of: where to, and what.
const FILES: [(&str, &str); 4] = [
    ("Cargo.toml", include_str!("template/Cargo.toml.in")),
    ("src/lib.rs", include_str!("template/src/lib.rs.in")),
    (
        "cases/first.toml",
        include_str!("template/cases/first.toml.in"),
    ),
    (".gitignore", "/target/\n/dist/\n"),
];

pub(super) fn new(order: &New, out: &mut impl Write) -> Result<(), CliError> {
    let name = named(&order.name)?;
    let sdk = kit(order.sdk.as_deref())?;
    let folder = Path::new(name);
    if folder.exists() {
        return Err(CliError::Usage {
            text: format!("`{name}` is there already; nothing was changed"),
        });
    }
    let locked = lock(name, &sdk)?;
    for (path, template) in FILES {
        let path = folder.join(path);
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent)
                .map_err(|error| refused(format!("cannot make `{}`: {error}", parent.display())))?;
        }
        let text = template.replace("@NAME@", name);
        let text = text.replace("@CRATE@", &name.replace('-', "_"));
        write(
            &path,
            text.replace("@SDK@", &sdk.display().to_string()).as_bytes(),
        )?;
    }
    if let Some(locked) = locked {
        write(&folder.join("Cargo.lock"), locked.as_bytes())?;
    }
    writeln!(
        out,
        "made `{name}`: src/lib.rs is the plugin, cases/first.toml what it is tested with"
    )?;
    writeln!(out, "next: plantao plugin test {name}")?;
    Ok(())
}

/// What no crate can be called: rustc reads them as words, or has crates of these names itself.
const OF_RUST: [&str; 58] = [
    "abstract",
    "alloc",
    "as",
    "async",
    "await",
    "become",
    "box",
    "break",
    "const",
    "continue",
    "core",
    "crate",
    "do",
    "dyn",
    "else",
    "enum",
    "extern",
    "false",
    "final",
    "fn",
    "for",
    "gen",
    "if",
    "impl",
    "in",
    "let",
    "loop",
    "macro",
    "match",
    "mod",
    "move",
    "mut",
    "override",
    "priv",
    "proc-macro",
    "pub",
    "ref",
    "return",
    "self",
    "static",
    "std",
    "struct",
    "super",
    "test",
    "trait",
    "true",
    "try",
    "type",
    "typeof",
    "union",
    "unsafe",
    "unsized",
    "use",
    "virtual",
    "where",
    "while",
    "yield",
    "panic-abort",
];
/// Folders of cargo's own, beside which the module is built.
const OF_CARGO: [&str; 4] = ["build", "deps", "examples", "incremental"];
/// What every plugin is built with; the kit's lockfile has the rest.
const OF_THE_KIT: [&str; 4] = [
    "extism-pdk",
    "plantao-native",
    "plantao-plugin-sdk",
    "serde",
];

fn named(name: &str) -> Result<&str, CliError> {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    let begins = name.bytes().next().is_some_and(|b| b.is_ascii_lowercase());
    let is_plain =
        begins && !name.ends_with('-') && name.len() <= NAME_MAX_BYTES && name.bytes().all(plain);
    let text = if !is_plain {
        "a plugin's name is 1 to 48 characters of a-z, 0-9 and `-`, begins with a letter and does \
         not end with `-`, such as `reading-ease`"
            .into()
    } else if OF_RUST.contains(&name) {
        format!("`{name}` is a name of Rust's own: choose another")
    } else if OF_CARGO.contains(&name) {
        format!("`{name}` is a folder of cargo's own: choose another")
    } else if OF_THE_KIT.contains(&name) {
        of_a_dependency(name)
    } else {
        return Ok(name);
    };
    Err(CliError::Usage { text })
}

fn of_a_dependency(name: &str) -> String {
    format!("`{name}` is the name of a crate that plugins are built with: choose another")
}

/// The kit that was named, or that of the repository around the current folder.
fn kit(named: Option<&Path>) -> Result<PathBuf, CliError> {
    let is_kit = |dir: &Path| {
        std::fs::read_to_string(dir.join("Cargo.toml"))
            .is_ok_and(|text| text.contains("name = \"plantao-plugin-sdk\""))
    };
    let found = match named {
        Some(dir) => Some(dir.to_owned()).filter(|dir| is_kit(dir)),
        None => std::env::current_dir().ok().and_then(|here| {
            let mut up = here.ancestors().map(|dir| dir.join("plugins/sdk"));
            up.find(|dir| is_kit(dir))
        }),
    };
    let text = match named {
        Some(dir) => format!("`{}` is not the plugin kit (plugins/sdk)", dir.display()),
        None => {
            "the plugin kit is not in this repository or above it: name it with --sdk, such as \
                 --sdk ~/plantao/plugins/sdk"
                .into()
        }
    };
    let found = found.ok_or(CliError::Usage { text })?;
    found.canonicalize().map_err(|error| CliError::Input {
        path: found,
        reason: error.to_string(),
    })
}

/// The versions that the kit itself is built and tested with, so that the first build asks no
/// registry and is the same everywhere. A kit without a lockfile leaves that to cargo. A crate that
/// is in it already would be there twice, which cargo does not read.
fn lock(name: &str, sdk: &Path) -> Result<Option<String>, CliError> {
    let Some(Ok(locked)) = sdk.parent().map(|dir| read(&dir.join("Cargo.lock"))) else {
        return Ok(None);
    };
    let taken = format!("name = \"{name}\"");
    if locked.lines().any(|line| line == taken) {
        let text = of_a_dependency(name);
        return Err(CliError::Usage { text });
    }
    let entry = format!(
        "\n[[package]]\nname = \"{name}\"\nversion = \"0.1.0\"\ndependencies = [\n \
         \"plantao-plugin-sdk\",\n \"serde\",\n]\n"
    );
    Ok(Some(locked + &entry))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_cannot_be_a_plugin_s_is_refused() {
        for good in ["a", "reading-ease", "words2"] {
            assert_eq!(named(good).ok(), Some(good));
        }
        let long = "a".repeat(49);
        for bad in [
            "", "A", "a_b", "2a", "-a", "a-", "a/b", "..", "core", "é", &long,
        ] {
            assert!(matches!(named(bad), Err(CliError::Usage { .. })), "{bad}");
        }
    }

    #[test]
    fn a_name_that_is_taken_is_refused_with_who_has_it() {
        let cases = [
            ("match", "a name of Rust's own"),
            ("async", "a name of Rust's own"),
            ("std", "a name of Rust's own"),
            ("proc-macro", "a name of Rust's own"),
            ("test", "a name of Rust's own"),
            ("deps", "a folder of cargo's own"),
            ("serde", "a crate that plugins are built with"),
            ("extism-pdk", "a crate that plugins are built with"),
        ];
        for (name, reason) in cases {
            let said = named(name).unwrap_err().to_string();
            assert!(
                said.contains(&format!("`{name}` is")) && said.contains(reason),
                "{said}"
            );
        }
        // Further down in what the kit is built with.
        let sdk = Path::new(env!("CARGO_MANIFEST_DIR")).join("plugins/sdk");
        let said = lock("serde-derive-of-nobody", &sdk).unwrap();
        assert!(said.is_some_and(|locked| locked.contains("serde-derive-of-nobody")));
        let said = lock("syn", &sdk).unwrap_err().to_string();
        assert!(said.contains("`syn` is the name of a crate"), "{said}");
    }

    #[test]
    fn what_is_no_kit_is_refused() {
        let said = kit(Some(Path::new("/"))).unwrap_err().to_string();
        assert_eq!(said, "`/` is not the plugin kit (plugins/sdk)");
    }
}
